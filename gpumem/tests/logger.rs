//! An application's logger that panics. A program has one logger, so this is a test program of its own.

use gpumem::{Async, Buffer, Device, Error, Host};
use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

struct Logger;

static ARMED: AtomicBool = AtomicBool::new(false);

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _: &log::Record<'_>) {
        assert!(!ARMED.swap(false, Ordering::SeqCst), "a logger that panics");
    }

    fn flush(&self) {}
}

/// It went back to the pool while the copy ran: the panic unwound between the ends of two transfers.
#[test]
fn pinned_memory_that_a_copy_may_write_is_given_to_nobody() -> Result<(), Error> {
    const BYTES: usize = 1 << 30;
    static LOGGER: Logger = Logger;
    log::set_logger(&LOGGER).expect("there is no other");
    log::set_max_level(log::LevelFilter::Error);

    // Writing backtraces would take longer than the copy.
    panic::set_hook(Box::new(|_| {}));
    let device = Device::host();
    let small: Buffer<u8, Host, Async> = Buffer::from_slice(&device, "small", &[1; 16])?.into_async();
    let mut large: Buffer<u8, Host, Async> = Buffer::with_capacity(&device, "large", BYTES)?.into_async();
    large.resize(BYTES)?;
    large.fill(7)?;
    device.synchronize()?;
    drop(large.stage(BYTES)?); // the pinned memory is there, and zeroed
    let mut other: Buffer<u8> = Buffer::new(&device, "other")?;

    device.launch((), |()| thread::sleep(Duration::from_millis(50)))?;
    let first = small.start_download()?;
    drop(large.start_download()?); // still being copied when the device fails
    while !first.is_ready()? {}
    let side = device.create_stream()?;
    device.launch_on(&side, (), |()| panic!("a kernel that panics"))?;
    while device.synchronize_stream(&side).is_ok() {}

    ARMED.store(true, Ordering::SeqCst);
    let _ = panic::catch_unwind(AssertUnwindSafe(|| other.stage(1).map(drop)));
    let overwritten = if let Ok(mut stage) = other.stage(BYTES) {
        stage[BYTES - 1] = 1;
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(2) && black_box(&stage)[BYTES - 1] == 1 {
            thread::sleep(Duration::from_millis(1));
        }
        stage[BYTES - 1] != 1
    } else {
        false
    };
    let _ = panic::take_hook();
    assert!(!overwritten, "somebody else writes the stage");
    assert!(!ARMED.load(Ordering::SeqCst), "nothing was logged: the test tests nothing");
    assert_eq!(first.wait().map(|guard| guard.len()).is_err(), device.synchronize().is_err());
    Ok(())
}
