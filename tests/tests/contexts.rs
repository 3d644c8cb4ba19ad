//! The end of a card's context, and the calls that wait for it. The tests run one at a time, because all
//! devices of a process share the context.
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
#[allow(dead_code)] // Other programs use the rest of the file.
#[path = "../../gpumem/tests/cuda/driver.rs"]
mod driver;

/// A card, and the turn to use it.
fn card() -> Option<(Device<Cuda>, MutexGuard<'static, ()>)> {
    let turn = turn();
    // Threads may still be ending devices of the last test.
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

/// Regression: a ticket that had arrived kept its event, and the event kept the context after `close` had
/// succeeded.
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
    // The tickets still know that they have arrived.
    assert!(upload.is_ready().unwrap() && never_asked.is_ready().unwrap() && download.is_ready().unwrap());
    never_asked.wait().unwrap();
}

/// Regression: a module kept the context of a closed device.
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
    // The kernel is not taken for one of the next device either.
    let device = another();
    let (mut buffer, stream) = (numbers(&device), device.stream());
    // SAFETY: the launch is refused before anything is queued.
    let refused =
        unsafe { launch!(kernel<<<1, 100, 0, stream>>>(buffer.as_device_ptr_mut().unwrap(), 100_u32)) };
    assert!(matches!(refused, Err(Error::KernelRefused { .. })), "{refused:?}");
    drop((module, buffer));
    device.close().unwrap();
}

/// Regression: the end of a dropped stream was recorded, and had not been reached when `close` asked for it.
/// Modules stayed loaded.
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

/// Regression: dropped modules piled up until the device ended.
#[test]
fn dropped_modules_are_unloaded_while_the_device_lives() {
    let Some((device, _turn)) = card() else { return };
    for _ in 0..10 {
        drop(device.load_ptx(KERNELS).unwrap());
    }
    assert!(loaded_modules().is_none_or(|loaded| loaded <= 1), "{:?}", loaded_modules());
    // Modules whose kernels may still be queued, on any stream, stay loaded.
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

/// Drops a handle, and checks that the drop returns at once while a kernel runs.
fn drop_at_once<T>(what: &str, handle: T) {
    let began = Instant::now();
    drop(handle);
    let took = began.elapsed();
    assert!(took < SHORT, "dropping {what} took {took:?} beside a kernel of {LONG:?}");
}

/// For each kind of last handle, and for all work that can run on the card.
#[test]
fn the_last_handle_waits_for_no_kernel() {
    let Some((busy, _turn)) = card() else { return };
    let work = busy.load_ptx(KERNELS).unwrap();
    // Kernels of another device. The driver waits for them when it unloads a module and when it frees pinned
    // memory.
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
    // By now the thread that was to end the device has seen that the guard keeps it.
    std::thread::sleep(Duration::from_millis(50));
    drop_at_once("a guard, the last of its device", guard);
    busy.synchronize().unwrap();
    drop(work);
    busy.close().unwrap();
    wait_for_the_end();

    // The last handle of all is a stream on which a kernel runs.
    let device = another();
    let (stream, module) = (device.create_stream().unwrap(), device.load_ptx(KERNELS).unwrap());
    occupy(&stream, &module, LONG);
    drop_at_once("module and device", (module, device));
    drop_at_once("a stream, the last handle of all", stream);
    // The device ends after the kernel has ended.
    assert!(is_context_retained());
    wait_for_the_end();
    assert!(loaded_modules().is_none_or(|loaded| loaded == 0), "{:?}", loaded_modules());
}

/// Runs one of the ignored tests in a separate process, with an environment variable.
fn run_alone(test: &str, (variable, value): (&str, &str)) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", test])
        .env(variable, value)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{}: {text}", output.status);
}

/// Regression: the driver refused a wait of the wake thread. From then on all tickets answered that the
/// device had failed.
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

/// Another library resets the primary context and everything in it. Regression: the driver dereferenced the
/// old handles, and the program ended.
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
    // SAFETY: the reset is the subject of this test. Nothing runs in the context.
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
    // The driver makes the context anew for another device. It has the same handle, but is another context.
    let other = another();
    assert_eq!(numbers(&other).download().unwrap(), [1; 100]);
    failed(buffer.fill(2));
    drop((stream, module, buffer, ticket));
    failed(device.close());
    other.close().unwrap();
}

/// Regression: to free pinned memory, the driver waits for all kernels. A thread that queued work meanwhile
/// waited for them too.
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
    // The thread that ends the device is inside the driver now.
    std::thread::sleep(Duration::from_millis(50));
    buffer.fill(3).unwrap();
    assert!(began.elapsed() < SHORT, "queueing took {:?} beside a kernel of {LONG:?}", began.elapsed());
    busy.synchronize().unwrap();
    drop((work, buffer));
    busy.close().unwrap();
    other.close().unwrap();
}

/// Regression: a thread of the crate's own called the driver after `exit` had run the driver's destructors.
/// Under a tool such as compute-sanitizer the program crashed at its end.
#[test]
fn a_process_may_end_while_a_device_ends() {
    let Some((device, _turn)) = card() else { return };
    device.close().unwrap();
    run_alone("end_while_a_device_ends", ("UNUSED", ""));
}

#[test]
#[ignore = "must be the last in its process; `a_process_may_end_while_a_device_ends` runs it in another"]
fn end_while_a_device_ends() {
    let Some((device, _turn)) = card() else { return };
    let (module, buffer) = (device.load_ptx(KERNELS).unwrap(), numbers(&device));
    occupy(device.stream(), &module, LONG);
    let ticket = buffer.start_download().unwrap();
    // A thread of the crate's own waits for the kernel now, and this process does not wait for the thread.
    drop((ticket, buffer, module, device));
}

/// The error for a driver that is too old has both versions. The driver made of threads takes its version
/// from an environment variable, which is the same for the whole process.
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
        // A real driver.
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
