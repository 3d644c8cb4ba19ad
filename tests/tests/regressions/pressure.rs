//! Callbacks of `on_pressure`.

use crate::{MIB, block, ends};
use gpumem::testing::Faults;
use gpumem::{Async, Buffer, BufferSpec, Device, Error, Host};
use gpumem_tests::block_on;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, Weak, mpsc};

/// The callback was asked for the bytes of growth by the factor, although the bytes that were needed fit.
#[test]
fn growth_whose_need_fits_calls_no_callback() {
    let builder = Device::builder().memory_limit(10 << 20);
    let device = builder.on_pressure(|pressure| panic!("asked: {pressure:?}")).host().unwrap();
    let mut buffer = block(&device, 8 * MIB).unwrap();
    buffer.reserve(8 * MIB + 1).unwrap();
    assert!(buffer.capacity() > 8 * MIB);
}

/// The request remained charged for good.
#[test]
fn a_callback_that_panics_leaves_nothing_charged() {
    let faults = Faults::new();
    let device = Device::builder().faults(&faults).on_pressure(|_| panic!("planted")).host().unwrap();
    faults.fail_driver(0..usize::MAX);
    assert!(catch_unwind(AssertUnwindSafe(|| block(&device, 8 * MIB).map(drop))).is_err());
    let _ = faults.stop();
    assert_eq!(device.stats().live_bytes, 0);
}

/// The callback ran while the snapshots were locked, and waited for itself.
#[test]
fn a_callback_may_look_at_the_buffer_whose_snapshot_needs_room() {
    type Shared = Buffer<u8, Host, Async>;
    let buffer: Arc<OnceLock<Weak<Shared>>> = Arc::default();
    let seen = buffer.clone();
    let asked = Arc::new(AtomicBool::new(false));
    let asks = asked.clone();
    let look = move |_: &_| {
        let shared = seen.get().and_then(Weak::upgrade).unwrap();
        asks.store(shared.stats().live_bytes() > 0, SeqCst);
    };
    let device = Device::builder().memory_limit(3 << 20).on_pressure(look).host().unwrap();
    let spec = BufferSpec::new("shared").snapshot();
    let shared: Arc<Shared> =
        Arc::new(Buffer::from_slice(&device, spec, &vec![1; 2 * MIB]).unwrap().into_async());
    buffer.set(Arc::downgrade(&shared)).unwrap();
    assert!(ends(move || assert!(shared.start_download().is_err())), "it waits for itself");
    assert!(asked.load(SeqCst));
}

/// The callback waited for the slot of the download that had asked for the memory.
#[test]
fn a_callback_that_waits_for_the_slot_of_its_own_download_is_refused() {
    type Shared = Buffer<u8, Host, Async>;
    for awaited in [false, true] {
        let buffer: Arc<OnceLock<Weak<Shared>>> = Arc::default();
        let (seen, (send, said)) = (buffer.clone(), mpsc::channel());
        let wait = move |_: &_| {
            let shared = seen.get().and_then(Weak::upgrade).unwrap();
            let download = shared.start_download_when_free();
            let ticket = if awaited { block_on(download) } else { download.wait() };
            send.send(ticket.map(drop)).unwrap();
        };
        let device = Device::builder().memory_limit(3 << 20).on_pressure(wait).host().unwrap();
        let spec = BufferSpec::new("shared").snapshot().slots(1);
        let shared: Arc<Shared> =
            Arc::new(Buffer::from_slice(&device, spec, &vec![1; 2 * MIB]).unwrap().into_async());
        buffer.set(Arc::downgrade(&shared)).unwrap();
        let download = move || assert!(shared.start_download_when_free().wait().is_err());
        assert!(ends(download), "it waits for itself");
        assert_eq!(said.try_recv(), Ok(Err(Error::WouldDeadlock)));
    }
}

/// A device that is used after the other thread-local values of the thread are gone.
struct Late(RefCell<Option<Device<Host>>>, RefCell<Option<mpsc::Sender<Result<(), Error>>>>);

impl Drop for Late {
    fn drop(&mut self) {
        if let (Some(device), Some(send)) = (self.0.take(), self.1.take()) {
            send.send(block(&device, 2 * MIB).map(drop)).unwrap();
        }
    }
}

/// The process aborted, because the list of running callbacks had been dropped before.
#[test]
fn a_thread_that_ends_may_ask_for_memory() {
    thread_local! {
        static LATE: Late = const { Late(RefCell::new(None), RefCell::new(None)) };
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let device = Device::builder().memory_limit(MIB as u64).on_pressure(move |_| {
        count.fetch_add(1, SeqCst);
    });
    let device = device.host().unwrap();
    let (send, result) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        // Registered before the thread-local value of the runtime, and so dropped after it.
        LATE.with(|late| {
            late.0.replace(Some(device.clone()));
            late.1.replace(Some(send));
        });
        block(&device, 2 * MIB).map(drop)
    });
    assert!(matches!(thread.join().unwrap(), Err(Error::DeviceLimit { .. })));
    assert!(matches!(result.recv().unwrap(), Err(Error::DeviceLimit { .. })));
    assert!(asked.load(SeqCst) >= 1);
}
