//! When a card's context ends, and which calls wait for that. One test at a time, since all devices of a process share it.
#![cfg(feature = "cuda")]

use cust::launch;
use gpumem::cuda::Module;
use gpumem::{Async, Buffer, Cuda, Device, Error, Stream};
use gpumem_tests::TestBackend;
use gpumem_tests::cuda::fake::{loaded_modules, refuse_waits};
use gpumem_tests::cuda::{KERNELS, is_context_retained, turn};
use std::process::Command;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_millis(400);
const SHORT: Duration = Duration::from_millis(100);

/// The driver's own functions.
#[allow(dead_code)] // The file has those of other programs too.
#[path = "../../gpumem/tests/cuda/driver.rs"]
mod driver;

/// A card, and the turn to use it.
fn card() -> Option<(Device<Cuda>, MutexGuard<'static, ()>)> {
    let turn = turn();
    // Devices of the last test may still end on a thread.
    let device = Cuda::open(Device::builder())?;
    device.close().unwrap();
    wait_for_the_end();
    Some((another(), turn))
}

fn another() -> Device<Cuda> {
    Cuda::open(Device::builder()).expect("there was a card")
}

fn wait_for_the_end() {
    let began = Instant::now();
    while is_context_retained() {
        assert!(began.elapsed() < Duration::from_secs(20), "the context never ends");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Keeps a stream busy, and returns at once.
fn occupy(stream: &Stream<Cuda>, module: &Module, time: Duration) {
    let kernel = module.get_function("occupy").unwrap();
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap();
    // SAFETY: the kernel takes one u64 and touches no memory.
    unsafe { launch!(kernel<<<1, 1, 0, stream>>>(nanoseconds)) }.unwrap();
}

fn numbers(device: &Device<Cuda>) -> Buffer<u32, Cuda, Async> {
    Buffer::from_slice(device, "numbers", &[1; 100]).unwrap().into_async()
}

/// A ticket that had arrived kept its event, and the event the context of a device that said that it was closed.
#[test]
fn transfers_that_have_ended_keep_no_context() {
    let Some((device, _turn)) = card() else { return };
    device.close().unwrap();
    assert!(!is_context_retained());

    let device = another();
    let mut buffer = numbers(&device);
    let mut upload = buffer.stage(10).unwrap().commit().unwrap();
    assert!(upload.wait_timeout(Duration::from_secs(20)).unwrap().is_some());
    let never_asked = buffer.stage(10).unwrap().commit().unwrap();
    let mut download = buffer.start_download().unwrap();
    assert!(download.wait_timeout(Duration::from_secs(20)).unwrap().is_some());
    drop(buffer);
    device.close().unwrap();
    assert!(!is_context_retained());
    // They still know.
    assert!(upload.is_ready().unwrap() && never_asked.is_ready().unwrap() && download.is_ready().unwrap());
    never_asked.wait().unwrap();
}

/// A module kept the context of a device that was closed.
#[test]
fn a_closed_device_takes_its_modules_along() {
    let Some((device, _turn)) = card() else { return };
    let module = device.load_ptx(KERNELS).unwrap();
    let kernel = module.get_function("add_one").unwrap();
    device.close().unwrap();
    assert!(!is_context_retained());
    for refused in [module.get_function("add_one").map(drop), kernel.allow_shared_bytes(1_000)] {
        assert!(
            matches!(&refused, Err(Error::KernelRefused { reason, .. }) if reason.contains("closed")),
            "{refused:?}"
        );
    }
    // Nor is it taken for one of the device that is opened next.
    let device = another();
    let (mut buffer, stream) = (numbers(&device), device.stream());
    // SAFETY: refused before anything is queued.
    let refused =
        unsafe { launch!(kernel<<<1, 100, 0, stream>>>(buffer.as_device_ptr_mut().unwrap(), 100_u32)) };
    assert!(matches!(refused, Err(Error::KernelRefused { .. })), "{refused:?}");
    drop((module, buffer));
    device.close().unwrap();
}

/// The end of a dropped stream was recorded, and not yet reached when it was asked for: modules stayed
/// loaded.
#[test]
fn a_closed_device_unloads_its_modules() {
    let Some((keep, _turn)) = card() else { return };
    for _ in 0..100 {
        let device = another();
        let (module, mut buffer) = (device.load_ptx(KERNELS).unwrap(), numbers(&device));
        let (kernel, stream) = (module.get_function("add_one").unwrap(), device.stream());
        // SAFETY: the kernel takes a pointer to as many elements as the buffer has.
        unsafe { launch!(kernel<<<1, 128, 0, stream>>>(buffer.as_device_ptr_mut().unwrap(), 100_u32)) }
            .unwrap();
        assert_eq!(buffer.download().unwrap(), [2; 100]);
        drop((module, buffer));
        device.close().unwrap();
    }
    assert!(loaded_modules().is_none_or(|loaded| loaded == 0), "{:?}", loaded_modules());
    keep.close().unwrap();
}

/// Dropped modules piled up until the device ended.
#[test]
fn dropped_modules_are_unloaded_while_the_device_lives() {
    let Some((device, _turn)) = card() else { return };
    for _ in 0..10 {
        drop(device.load_ptx(KERNELS).unwrap());
    }
    assert!(loaded_modules().is_none_or(|loaded| loaded <= 1), "{:?}", loaded_modules());
    // Not those whose kernels may be queued, on whatever stream.
    let (stream, side) = (device.create_stream().unwrap(), device.create_stream().unwrap());
    let module = device.load_ptx(KERNELS).unwrap();
    occupy(&stream, &module, Duration::from_millis(50));
    occupy(&side, &module, Duration::from_millis(50));
    drop((module, side));
    let kept = device.load_ptx(KERNELS).unwrap();
    assert!(loaded_modules().is_none_or(|loaded| loaded >= 2), "{:?}", loaded_modules());
    device.synchronize_stream(&stream).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    device.trim(0).unwrap();
    assert!(loaded_modules().is_none_or(|loaded| loaded == 1), "{:?}", loaded_modules());
    occupy(&stream, &kept, Duration::ZERO);
    drop((kept, stream));
    device.close().unwrap();
}

/// Drops a handle, which returns at once beside a kernel that runs.
fn drop_at_once<T>(what: &str, handle: T) {
    let began = Instant::now();
    drop(handle);
    let took = began.elapsed();
    assert!(took < SHORT, "dropping {what} took {took:?} beside a kernel of {LONG:?}");
}

/// Whichever handle is the last, and whatever runs on the card.
#[test]
fn the_last_handle_waits_for_no_kernel() {
    let Some((busy, _turn)) = card() else { return };
    let work = busy.load_ptx(KERNELS).unwrap();
    // Kernels of another device. The driver waits for them when it unloads a module and when it takes pinned
    // memory back.
    let (first, second) = (another(), another());
    let (module, of_second) = (first.load_ptx(KERNELS).unwrap(), second.load_ptx(KERNELS).unwrap());
    let third = another();
    let guard = numbers(&third).start_download().unwrap().wait().unwrap();
    drop((numbers(&first), of_second));
    for device in [&first, &second, &third] {
        device.synchronize().unwrap();
    }
    occupy(busy.stream(), &work, LONG);
    drop_at_once("a device with pinned memory", first);
    drop_at_once("a module, the last of its device", module);
    drop_at_once("a device that had a module", second);
    drop_at_once("a device", third);
    // The thread that was to end the device has seen that the guard keeps it.
    std::thread::sleep(Duration::from_millis(50));
    drop_at_once("a guard, the last of its device", guard);
    busy.synchronize().unwrap();
    drop(work);
    busy.close().unwrap();
    wait_for_the_end();

    // A stream on which a kernel runs, the last handle of all.
    let device = another();
    let (stream, module) = (device.create_stream().unwrap(), device.load_ptx(KERNELS).unwrap());
    occupy(&stream, &module, LONG);
    drop_at_once("module and device", (module, device));
    drop_at_once("a stream, the last handle of all", stream);
    // It ends when the kernel has.
    assert!(is_context_retained());
    wait_for_the_end();
    assert!(loaded_modules().is_none_or(|loaded| loaded == 0), "{:?}", loaded_modules());
}

/// Runs one of the ignored tests in a process of its own, with a variable.
fn run_alone(test: &str, (variable, value): (&str, &str)) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", test])
        .env(variable, value)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{}: {text}", output.status);
}

/// The driver refused the wake thread a wait: all tickets answered from then on that the device had failed.
#[test]
fn a_refused_wait_is_asked_for_again() {
    let Some((device, _turn)) = card() else { return };
    let (module, buffer) = (device.load_ptx(KERNELS).unwrap(), numbers(&device));
    occupy(device.stream(), &module, Duration::from_millis(50));
    let mut ticket = buffer.start_download().unwrap();
    if refuse_waits(801, 1).is_none() {
        return;
    }
    let refused = ticket.wait_timeout(Duration::from_secs(20)).map(drop);
    assert!(matches!(refused, Err(Error::CallRefused { .. })), "{refused:?}");
    assert!(ticket.wait_timeout(Duration::from_secs(20)).unwrap().is_some());
    drop((module, buffer, ticket));
    assert_eq!(device.stats().lost_bytes, 0);
    device.close().unwrap();
}

/// Another library resets the primary context, with all that is in it. The driver follows the handles of old,
/// and the program ended.
#[test]
fn a_context_that_was_reset_is_left_alone() {
    let Some((device, _turn)) = card() else { return };
    device.close().unwrap();
    run_alone("reset_the_context", ("UNUSED", ""));
}

#[test]
#[ignore = "spoils the card for its process; `a_context_that_was_reset_is_left_alone` runs it in another"]
fn reset_the_context() {
    let Some((device, _turn)) = card() else { return };
    let (stream, module, mut buffer) =
        (device.create_stream().unwrap(), device.load_ptx(KERNELS).unwrap(), numbers(&device));
    let ticket = buffer.start_download().unwrap();
    occupy(&stream, &module, Duration::ZERO);
    device.synchronize_stream(&stream).unwrap();
    device.synchronize().unwrap();
    // SAFETY: it is what is tested. Nothing runs in the context.
    assert_eq!(unsafe { driver::cuDevicePrimaryCtxReset_v2(0) }, 0);
    let failed = |result: Result<(), Error>| {
        assert!(
            matches!(&result, Err(Error::DeviceFailed { reason, .. }) if reason.contains("reset")),
            "{result:?}"
        );
    };
    failed(buffer.fill(2));
    failed(buffer.download().map(drop));
    failed(device.create_stream().map(drop));
    failed(device.synchronize_stream(&stream));
    failed(device.synchronize());
    // The driver makes it anew for another device. It has the same name, and is another context.
    let other = another();
    assert_eq!(numbers(&other).download().unwrap(), [1; 100]);
    failed(buffer.fill(2));
    drop((stream, module, buffer, ticket));
    failed(device.close());
    other.close().unwrap();
}

/// To take pinned memory back, the driver waits for all kernels, and a thread that queues work meanwhile waited for that.
#[test]
fn queueing_does_not_wait_for_the_end_of_another_device() {
    let Some((busy, _turn)) = card() else { return };
    let (ending, other) = (another(), another());
    let (work, mut buffer) = (busy.load_ptx(KERNELS).unwrap(), numbers(&other));
    drop(numbers(&ending));
    for device in [&busy, &ending, &other] {
        device.synchronize().unwrap();
    }
    occupy(busy.stream(), &work, LONG);
    let began = Instant::now();
    drop(ending);
    // Its thread is in the driver.
    std::thread::sleep(Duration::from_millis(50));
    buffer.fill(3).unwrap();
    assert!(began.elapsed() < SHORT, "queueing took {:?} beside a kernel of {LONG:?}", began.elapsed());
    busy.synchronize().unwrap();
    drop((work, buffer));
    busy.close().unwrap();
    other.close().unwrap();
}

/// A driver that is too old is told with both versions. It is had as a variable of the driver of threads,
/// which is one of a process.
#[test]
fn a_driver_that_is_too_old_is_refused() {
    let Some((device, _turn)) = card() else { return };
    device.close().unwrap();
    run_alone("open_with_a_driver_that_is_too_old", ("FAKE_CUDA_VERSION", "11010"));
}

#[test]
#[ignore = "needs a variable; `a_driver_that_is_too_old_is_refused` runs it in another process"]
fn open_with_a_driver_that_is_too_old() {
    match Device::cuda(0) {
        // A real one.
        Ok(_) => assert!(loaded_modules().is_none()),
        Err(Error::BackendUnavailable { reason, .. }) => {
            assert!(
                reason.contains("for CUDA up to 11.1") && reason.contains("that of CUDA 11.2"),
                "{reason}"
            );
        }
        Err(error) => panic!("{error}"),
    }
}
