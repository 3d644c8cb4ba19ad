//! Modules, launches, and a kernel that fails the device.

use super::{Bench, PTX, card};
use crate::backend::Dim3;
use crate::backend::cuda::Cuda;
use crate::backend::{BackendOps, Cause, Fault};
use std::ffi::c_void;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

#[test]
fn kernels_run() {
    let Some(cuda) = card() else { return };
    let bench = Bench::new(cuda, 4 * 1_000);
    bench.upload(&[0; 4_000]);
    let module = bench.cuda.load_ptx(PTX).unwrap();
    {
        let kernel = module.function("add_one").unwrap();
        assert_eq!(kernel.name(), "add_one");
        assert_eq!(format!("{kernel:?}"), "Function { name: \"add_one\", .. }");
        let (address, count) = (bench.memory.address(), 1_000_u32);
        let arguments =
            [(&raw const address).cast_mut().cast(), (&raw const count).cast_mut().cast::<c_void>()];
        let launch = |grid: u32, block: u32| {
            // SAFETY: the kernel takes an address and a count, of as many words as the block has (rule 1).
            unsafe { bench.stream.launch(&kernel, Dim3::from(grid), Dim3::from(block), 0, &arguments) }
        };
        for _ in 0..3 {
            launch(4, 256).unwrap();
        }
        let refused = launch(0, 256).unwrap_err().to_string();
        assert!(
            refused.contains("`add_one` with a grid of 0 x 1 x 1 blocks of 256 x 1 x 1 threads"),
            "{refused}"
        );
        let refused = launch(4, 1 << 20).unwrap_err().to_string();
        assert!(refused.contains("1048576 x 1 x 1 threads"), "{refused}");
        launch(4, 256).unwrap();

        let another = Cuda::open(0).unwrap().create_stream().unwrap();
        // SAFETY: refused before anything is queued (the driver's contract).
        let refused = unsafe { another.launch(&kernel, Dim3::from(1), Dim3::from(1), 0, &arguments) };
        assert!(refused.unwrap_err().to_string().contains("another opened device"));
    }
    drop(module);
    assert_eq!(bench.download(), [4, 0, 0, 0].repeat(1_000));
    bench.close();
}

#[test]
fn bad_ptx_is_told_with_the_reason() {
    let Some(cuda) = card() else { return };
    let broken = PTX.replace("add.u32 %r6", "add.u31 %r6");
    let future = PTX.replace(".version 7.0", ".version 99.0");
    for (ptx, part) in [
        ("", "the PTX is empty"),
        (" \n", "the PTX is empty"),
        ("a\0b", "a NUL at byte 1"),
        ("hello", "cannot compile the PTX"),
        (&broken, "its compiler says"),
        (&future, "cannot compile the PTX"),
    ] {
        match cuda.load_ptx(ptx).map_err(Fault::into_parts) {
            Err((_, Cause::Unavailable(reason))) => assert!(reason.contains(part), "{reason}"),
            other => panic!("{ptx}: {other:?}"),
        }
    }
    let module = cuda.load_ptx(PTX).unwrap();
    for name in ["missing", "", "add_one\0"] {
        match module.function(name).map_err(Fault::into_parts) {
            Err((_, Cause::KernelRefused(reason))) => assert!(reason.contains("no kernel `"), "{reason}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// A failed context stays failed for the whole process, so this happens in one of its own.
#[test]
fn a_failed_device_answers_with_the_failure() {
    if card().is_none() {
        return;
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "backend::cuda::tests::kernels::fail_the_device"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if start.elapsed() > Duration::from_secs(120) => {
                child.kill().unwrap();
                panic!("waiting for a failed device hangs");
            }
            None => thread::sleep(Duration::from_millis(20)),
        }
    };
    let output = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    assert!(status.success() && output.contains("1 passed"), "{status}: {output}");
}

#[test]
#[ignore = "spoils the device for its process; `a_failed_device_answers_with_the_failure` runs it in another"]
fn fail_the_device() {
    let Some(cuda) = card() else { return };
    let bench = Bench::new(cuda, 64);
    let module = bench.cuda.load_ptx(PTX).unwrap();
    let kernel = module.function("add_one").unwrap();
    let (address, count) = (0_u64, 1_u32);
    let arguments = [(&raw const address).cast_mut().cast(), (&raw const count).cast_mut().cast::<c_void>()];
    // SAFETY: it is not: the kernel writes to address 0. The device catches that, and this is the test (the
    // driver's contract).
    unsafe { bench.stream.launch(&kernel, Dim3::from(1), Dim3::from(1), 0, &arguments) }.unwrap();

    let failed = |fault: Option<Fault>| assert!(fault.as_ref().is_some_and(Fault::is_failure), "{fault:?}");
    match bench.cuda.record(&bench.stream) {
        Ok(event) => {
            failed(bench.cuda.synchronize(&event).err());
            failed(bench.cuda.is_done(&event).err());
            failed(bench.cuda.wait(&bench.stream, &event).err());
        }
        // The kernel had failed before the event could be recorded.
        Err(fault) => failed(Some(fault)),
    }
    failed(bench.cuda.record(&bench.stream).err());
    failed(bench.cuda.allocate(64).err());
    failed(bench.cuda.pin(64).err());
    failed(bench.cuda.create_stream().err());
    // SAFETY: nothing runs on a failed device (the driver's contract).
    unsafe {
        failed(bench.cuda.fill(&bench.stream, (&bench.memory, 0), &[1], 64).err());
        failed(bench.cuda.free(bench.memory).err());
        failed(bench.cuda.unpin(bench.pinned).err());
    }
    // The documentation says so.
    match crate::Device::cuda(0) {
        Err(crate::Error::BackendUnavailable { reason, .. }) => {
            assert!(reason.contains("has failed in this process before"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    // And all drops are quiet.
}
