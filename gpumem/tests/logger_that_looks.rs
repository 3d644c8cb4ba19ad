//! An application's logger that looks at a buffer. A program has one logger, so this is a test program of its own.

use gpumem::{Async, Buffer, BufferSpec, Device, Error, Host};
use std::cell::Cell;
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::time::Duration;

type Frame = Buffer<u8, Host, Async>;

struct Logger;

/// What it looks at.
static LOOKS_AT: Mutex<Weak<Frame>> = Mutex::new(Weak::new());

/// How often it did while a download was being started.
static LOOKS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static STARTS: Cell<bool> = const { Cell::new(false) };
}

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _: &log::Record<'_>) {
        let frame = LOOKS_AT.lock().unwrap().upgrade();
        if let Some(frame) = frame.filter(|_| STARTS.get()) {
            assert!(frame.stats().live_bytes() > 0);
            LOOKS.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn flush(&self) {}
}

/// Starts a download of twelve parts while the device fails, a little later each round.
fn start(round: usize) -> Result<(), Error> {
    let device = Device::host();
    let spec = BufferSpec::new("frame").snapshot().slots(12);
    let frame: Arc<Frame> = Arc::new(Buffer::from_slice(&device, spec, &[1; 16])?.into_async());
    let side = device.create_stream()?;
    let all =
        || device.start_downloads((&*frame, &*frame, &*frame, &*frame, &*frame, &*frame, &*frame, &*frame));
    // Pinned memory and staging copies are there from the second time on, and nothing is under way.
    drop(all()?.wait()?);
    device.synchronize()?;
    let (go, started) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (gone, running) = (go.clone(), started.clone());
    let fail = move || {
        running.store(true, Ordering::SeqCst);
        while !gone.load(Ordering::SeqCst) {}
        (0..round % 64 * 16).for_each(|_| std::hint::spin_loop());
        panic!("a kernel that panics");
    };
    device.launch_on(&side, (), move |()| fail())?;
    while !started.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    *LOOKS_AT.lock().unwrap() = Arc::downgrade(&frame);
    STARTS.set(true);
    go.store(true, Ordering::SeqCst);
    let ticket = all();
    STARTS.set(false);
    *LOOKS_AT.lock().unwrap() = Weak::new();
    drop(ticket);
    Ok(())
}

/// It waited for itself: what was queued in part was given up, and that was logged, while the snapshots were locked.
#[test]
fn a_logger_may_look_at_the_buffer_whose_download_is_lost() {
    static LOGGER: Logger = Logger;
    log::set_logger(&LOGGER).expect("there is no other");
    log::set_max_level(log::LevelFilter::Error);
    panic::set_hook(Box::new(|_| {}));
    let (send, ended) = mpsc::channel();
    std::thread::spawn(move || {
        for round in 0..20_000 {
            start(round).unwrap();
            if LOOKS.load(Ordering::SeqCst) >= 3 {
                break;
            }
        }
        let _ = send.send(LOOKS.load(Ordering::SeqCst));
    });
    let looks = ended.recv_timeout(Duration::from_secs(60));
    let _ = panic::take_hook();
    assert!(looks.expect("it waits for itself") > 0, "nothing was lost: the test tests nothing");
}
