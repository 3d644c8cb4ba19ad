//! What a logger of `log` gets, and what a device logs when it is dropped. A program has one logger, so this is a test program of its own.

use gpumem::{Async, Buffer, Device, Error, Host};
use std::mem;
use std::sync::Mutex;

struct Logger(Mutex<Vec<String>>);

static LOGGER: Logger = Logger(Mutex::new(Vec::new()));

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        assert_eq!(record.target(), "gpumem");
        self.0.lock().unwrap().push(format!("{}: {}", record.level(), record.args()));
    }

    fn flush(&self) {}
}

fn logged() -> Vec<String> {
    mem::take(&mut LOGGER.0.lock().unwrap())
}

fn frame(device: &Device) -> Buffer<u32, Host, Async> {
    Buffer::from_slice(device, "frame", &[1, 2, 3]).expect("there is memory").into_async()
}

#[test]
fn a_device_that_is_dropped_logs_what_still_holds_its_memory() -> Result<(), Error> {
    log::set_logger(&LOGGER).expect("there is no other");
    // What is below this level is told of operations that are in order.
    log::set_max_level(log::LevelFilter::Info);

    // A buffer keeps its device open: a device that is dropped first is no leak.
    let device = Device::host();
    let buffer = frame(&device);
    drop(device);
    drop(buffer);
    // Nor is a ticket that was dropped, or whose data was read.
    let buffer = frame(&Device::host());
    drop(buffer.start_download()?);
    drop(buffer.start_download()?.wait()?);
    drop(buffer);
    // A stream of the application's own holds no memory.
    let stream = Device::host().create_stream()?;
    assert_eq!(logged(), [""; 0]);
    drop(stream);

    let device = Device::host();
    let buffer = frame(&device);
    let (guard, line) = (buffer.start_download()?.wait()?, line!());
    mem::forget(buffer.start_download()?);
    drop(device);
    assert_eq!(logged(), [""; 0], "the buffer keeps it open");
    drop(buffer);
    let texts = logged();
    let [text] = &texts[..] else { panic!("once: {texts:#?}") };
    let begin = "ERROR: a device was dropped, and its memory is still held: 1 download and 1 guard of";
    assert!(text.starts_with(begin), "{text}");
    assert!(text.contains(&format!("logger_of_leaks.rs:{line}:")), "{text}");
    assert_eq!(guard, [1, 2, 3], "it stays valid");
    drop(guard);

    // A report that the application was given is not logged as well.
    let device = Device::host();
    let guard = frame(&device).start_download()?.wait()?;
    let Err(Error::Leaked(_)) = device.close() else { panic!("the guard is alive") };
    drop(guard);
    assert_eq!(logged(), [""; 0]);
    events_are_records()
}

/// Of all levels, with their fields.
fn events_are_records() -> Result<(), Error> {
    log::set_max_level(log::LevelFilter::Trace);
    let device = Device::host();
    let mut buffer = frame(&device);
    buffer.reserve(1_000)?;
    drop(buffer);
    device.trim(0)?;
    let expected = [
        "TRACE: a block was taken buffer=\"frame\" bytes=12",
        "TRACE: a block was taken buffer=\"frame\" bytes=4012",
        "DEBUG: a buffer moved to a larger block buffer=\"frame\" before=12 bytes=4012",
        "TRACE: a buffer was dropped buffer=\"frame\" bytes=4012",
        "DEBUG: free memory went back to the driver retain=0 bytes=2097152",
    ];
    assert_eq!(logged(), expected);
    Ok(())
}
