//! What a review found broken and was mended: each test failed before.

use gpumem::testing::Faults;
use gpumem::{Async, Blocking, Buffer, BufferSpec, Device, Error, GpuBuffers, Host};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, OnceLock, Weak, mpsc};
use std::time::Duration;

const MIB: usize = 1 << 20;

/// Long enough for whatever ends at all.
const PATIENCE: Duration = Duration::from_secs(10);

fn block(device: &Device<Host>, bytes: usize) -> Result<Buffer<u8>, Error> {
    Buffer::with_capacity(device, "block", bytes)
}

/// Runs `work` on a thread of its own. Returns whether it came to its end.
fn ends(work: impl FnOnce() + Send + 'static) -> bool {
    let (send, ended) = mpsc::channel();
    std::thread::spawn(move || {
        work();
        let _ = send.send(());
    });
    ended.recv_timeout(PATIENCE).is_ok()
}

/// As many as may live at a time.
struct Permits(Mutex<usize>, Condvar);

impl Permits {
    fn take(&self) {
        *self.1.wait_while(self.0.lock().unwrap(), |left| *left == 0).unwrap() -= 1;
    }

    fn put(&self) {
        *self.0.lock().unwrap() += 1;
        self.1.notify_one();
    }
}

/// How many of the blocks were refused that `threads` threads make and others drop, each `rounds` times, where the limit is `permits`
/// blocks of `bytes` and no more are ever asked for.
fn refused<T: Send>(
    (permits, bytes): (usize, usize),
    (threads, rounds): (usize, usize),
    make: impl Fn(&Device<Host>, usize) -> Result<T, Error> + Sync,
) -> usize {
    const DROPPERS: usize = 4;
    let device = Device::builder().memory_limit((permits * bytes) as u64).host().unwrap();
    let permits = Permits(Mutex::new(permits), Condvar::new());
    std::thread::scope(|scope| {
        let (device, permits, make) = (&device, &permits, &make);
        let drops = |blocks: mpsc::Receiver<T>| {
            for block in blocks {
                drop(block);
                permits.put();
            }
        };
        let droppers = [(); DROPPERS].map(|()| {
            let (send, blocks) = mpsc::channel();
            scope.spawn(move || drops(blocks));
            send
        });
        let work = |thread: usize, droppers: [mpsc::Sender<T>; DROPPERS]| {
            let mut refused = 0;
            for round in 0..rounds {
                permits.take();
                match make(device, thread + round) {
                    Ok(block) => droppers[(thread + round) % DROPPERS].send(block).unwrap(),
                    Err(_) => {
                        refused += 1;
                        permits.put();
                    }
                }
            }
            refused
        };
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let droppers = droppers.clone();
                scope.spawn(move || work(thread, droppers))
            })
            .collect();
        drop(droppers);
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    })
}

// Credits on their way from a cache to the budget were in neither.
#[test]
fn small_blocks_that_fit_are_never_refused() {
    assert_eq!(refused((8, 4096), (12, 20_000), |device, _| block(device, 4096)), 0);
}

// So were the bytes of dropped blocks that a download had just ended reading.
#[test]
fn blocks_that_fit_beside_downloads_are_never_refused() {
    let make = |device: &Device<Host>, _| {
        let mut block: Buffer<u8, Host, Async> = Buffer::with_capacity(device, "block", 4096)?;
        block.resize(4096)?;
        drop(block.start_download()?);
        Ok(block)
    };
    assert_eq!(refused((8, 4096), (12, 4_000), make), 0);
}

// As with small blocks; the sizes vary, so that no thread's own credit is enough.
#[test]
fn large_blocks_that_fit_are_never_refused() {
    const BYTES: usize = 3 * MIB / 2;
    assert_eq!(refused((3, BYTES), (3, 4_000), |device, step| block(device, BYTES - step % 7)), 0);
}

// Free slabs were not taken apart for a large block.
#[test]
fn a_large_block_behind_small_ones_stays_within_the_limit() {
    let device = Device::builder().memory_limit(64 << 20).host().unwrap();
    drop((0..60).map(|_| block(&device, MIB).unwrap()).collect::<Vec<_>>());
    let _large = block(&device, 60 * MIB).unwrap();
    assert!(device.stats().held_bytes <= 66 << 20, "{:?}", device.stats());
}

// Growth in place did not look into the threads' caches for what is free.
#[test]
fn growth_beside_a_cached_block_stays_within_the_limit() {
    let device = Device::builder().memory_limit(64 << 20).host().unwrap();
    let mut grows = block(&device, 20 * MIB).unwrap();
    drop(block(&device, 40 * MIB).unwrap());
    grows.reserve(60 * MIB).unwrap();
    assert!(device.stats().held_bytes <= 66 << 20, "{:?}", device.stats());
}

// The callback was asked for what growth by the factor wants, although the need alone fits.
#[test]
fn growth_whose_need_fits_asks_nobody_to_free_anything() {
    let builder = Device::builder().memory_limit(10 << 20);
    let device = builder.on_pressure(|pressure| panic!("asked: {pressure:?}")).host().unwrap();
    let mut buffer = block(&device, 8 * MIB).unwrap();
    buffer.reserve(8 * MIB + 1).unwrap();
    assert!(buffer.capacity() > 8 * MIB);
}

// The request stayed charged for good.
#[test]
fn a_callback_that_panics_leaves_nothing_charged() {
    let faults = Faults::new();
    let device = Device::builder().faults(&faults).on_pressure(|_| panic!("planted")).host().unwrap();
    faults.fail_driver(0..usize::MAX);
    assert!(catch_unwind(AssertUnwindSafe(|| block(&device, 8 * MIB).map(drop))).is_err());
    let _ = faults.stop();
    assert_eq!(device.stats().live_bytes, 0);
}

// The callback ran under the lock of the snapshots, and waited for itself.
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
    let shared: Arc<Shared> = Arc::new(Buffer::from_slice(&device, spec, &vec![1; 2 * MIB]).unwrap());
    buffer.set(Arc::downgrade(&shared)).unwrap();
    assert!(ends(move || assert!(shared.start_download().is_err())), "it waits for itself");
    assert!(asked.load(SeqCst));
}

// It waited for the slot that the download had which asked for the memory.
#[test]
fn a_callback_that_waits_for_the_slot_of_its_own_download_is_told_so() {
    type Shared = Buffer<u8, Host, Async>;
    let buffer: Arc<OnceLock<Weak<Shared>>> = Arc::default();
    let (seen, (send, said)) = (buffer.clone(), mpsc::channel());
    let wait = move |_: &_| {
        let shared = seen.get().and_then(Weak::upgrade).unwrap();
        send.send(shared.start_download_wait().map(drop)).unwrap();
    };
    let device = Device::builder().memory_limit(3 << 20).on_pressure(wait).host().unwrap();
    let spec = BufferSpec::new("shared").snapshot().slots(1);
    let shared: Arc<Shared> = Arc::new(Buffer::from_slice(&device, spec, &vec![1; 2 * MIB]).unwrap());
    buffer.set(Arc::downgrade(&shared)).unwrap();
    assert!(ends(move || assert!(shared.start_download_wait().is_err())), "it waits for itself");
    assert_eq!(said.try_recv(), Ok(Err(Error::WouldDeadlock)));
}

// The snapshots' turn was kept when their memory went, and pointed behind the end.
#[test]
fn a_snapshot_may_follow_shrinking() {
    let device = Device::host();
    let spec = BufferSpec::new("buffer").snapshot();
    let mut buffer: Buffer<u32, Host, Async> = Buffer::from_slice(&device, spec, &[1, 2]).unwrap();
    drop(buffer.start_download().unwrap().wait().unwrap());
    buffer.shrink_to_fit().unwrap();
    assert_eq!(*buffer.start_download().unwrap().wait().unwrap(), [1, 2]);
}

// The slab that the lost block was a piece of was unmapped, and the kernel wrote to it.
#[test]
fn memory_of_a_lost_block_outlives_the_device() {
    for call in 0.. {
        let faults = Faults::new();
        let device = Device::builder().faults(&faults).host().unwrap();
        let stream = device.create_stream().unwrap();
        let mut buffer: Buffer<u8> = Buffer::from_slice(&device, "buffer", &[1; 4096]).unwrap();
        device.synchronize().unwrap();
        let (gate, wait) = mpsc::channel::<()>();
        let (send, written) = mpsc::channel();
        let kernel = move |(elements,): (&mut [u8],)| {
            let _ = wait.recv();
            elements.fill(7);
            send.send(()).unwrap();
        };
        faults.fail_at(call);
        let launched = device.launch_on(&stream, (&mut buffer,), kernel);
        assert!(faults.stop() && launched.is_err(), "the block is never lost: the test tests nothing");
        drop(buffer);
        if device.stats().lost_bytes > 0 {
            drop(device);
            std::thread::sleep(Duration::from_millis(50));
            drop(gate);
            written.recv_timeout(PATIENCE).unwrap();
            return;
        }
    }
}

// Whoever dropped the last part of a device waited for what it still did.
#[test]
fn a_guard_that_is_the_last_of_its_device_does_not_wait() {
    let device = Device::host();
    let buffer: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "buffer", &[1, 2]).unwrap();
    let guard = buffer.start_download().unwrap().wait().unwrap();
    let (gate, wait) = mpsc::channel::<()>();
    device.launch((), move |()| _ = wait.recv()).unwrap();
    drop((buffer, device));
    std::thread::sleep(Duration::from_millis(100));
    assert!(ends(move || drop(guard)), "it waits for the kernel");
    drop(gate);
}

// Nothing waited for what streams of the application's own did with dropped buffers.
#[test]
fn closing_waits_for_kernels_that_use_dropped_buffers() {
    let device = Device::host();
    let stream = device.create_stream().unwrap();
    let buffer: Buffer<u8> = Buffer::from_slice(&device, "buffer", &[1; 16]).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let end = done.clone();
    let kernel = move |_: (&[u8],)| {
        std::thread::sleep(Duration::from_millis(100));
        end.store(true, SeqCst);
    };
    device.launch_on(&stream, (&buffer,), kernel).unwrap();
    drop((buffer, stream));
    device.close().unwrap();
    assert!(done.load(SeqCst));
}

// Each left a segment behind that had addresses and no memory.
#[test]
fn allocations_that_fail_leave_no_addresses_behind() {
    let faults = Faults::new();
    let device = Device::builder().faults(&faults).host().unwrap();
    faults.fail_driver(0..usize::MAX);
    assert!((0..20).all(|_| block(&device, 2 * MIB).is_err()));
    let _ = faults.stop();
    assert_eq!(device.defragment().unwrap().1.free_pieces, 0);
}

// The peak was raised before there was memory, and with it how much was kept.
#[test]
fn the_peak_counts_nothing_that_was_refused() {
    let faults = Faults::new();
    let device = Device::builder().faults(&faults).host().unwrap();
    faults.fail_driver(0..usize::MAX);
    let most = usize::try_from(device.memory_limit()).unwrap();
    assert!(block(&device, most / 2).is_err());
    let _ = faults.stop();
    assert_eq!(device.stats().peak_bytes, 0);
}

// What is retired was counted beside what lives.
#[test]
fn the_peak_counts_nothing_that_was_dropped() {
    let device = Device::host();
    let stream = device.create_stream().unwrap();
    let old: Buffer<u8> = Buffer::from_slice(&device, "old", &vec![0; 8 * MIB]).unwrap();
    let (gate, wait) = mpsc::channel::<()>();
    device.launch_on(&stream, (&old,), move |_| _ = wait.recv()).unwrap();
    drop(old);
    let _new = block(&device, 8 * MIB).unwrap();
    let stats = device.stats();
    drop(gate);
    assert_eq!((stats.live_bytes, stats.retired_bytes, stats.peak_bytes), (8 << 20, 8 << 20, 8 << 20));
}

// Memory was mapped behind the buffer before the transfer had its own, and stayed there with nobody to have it.
#[test]
fn an_upload_without_pinned_memory_leaves_no_memory_behind_the_buffer() {
    let faults = Faults::new();
    let device = Device::builder().faults(&faults).memory_limit(64 << 20).host().unwrap();
    let mut buffer: Buffer<u8> = Buffer::from_slice(&device, "buffer", &vec![1; 4 * MIB]).unwrap();
    device.synchronize().unwrap();
    let data = vec![2; 60 * MIB];
    for call in 0.. {
        faults.fail_at(call);
        let error = buffer.upload(&data).expect_err("pinned memory never failed: the test tests nothing");
        let _ = faults.stop();
        if matches!(error, Error::OutOfPinnedMemory { .. }) {
            break;
        }
    }
    device.trim(0).unwrap();
    assert!(device.stats().held_bytes <= 6 << 20, "{:?}", device.stats());
}

/// Whether a stable buffer of `spec` stays where it is when it grows.
fn stays(device: &Device<Host>, spec: BufferSpec) -> bool {
    let mut buffer: Buffer<u8, Host, Blocking> = Buffer::with_capacity(device, spec, 4 * MIB).unwrap();
    buffer.resize(1).unwrap();
    let before = buffer.as_slice().unwrap().as_ptr();
    buffer.reserve(8 * MIB).unwrap();
    before == buffer.as_slice().unwrap().as_ptr()
}

// It took a free segment that had no addresses to grow to, and moved.
#[test]
fn a_stable_buffer_takes_no_short_segment_from_the_cache() {
    let device = Device::host();
    if !device.has_virtual_memory() {
        return;
    }
    let short = BufferSpec::new("short").max(4 << 20);
    drop(Buffer::<u8>::with_capacity(&device, short, 4 * MIB).unwrap());
    assert!(stays(&device, BufferSpec::new("stable").stable()));
}

// The first took nearly all the addresses that there are; the second got memory without any to grow to, and moved.
#[test]
fn stable_buffers_share_the_addresses_whatever_their_max() {
    let device = Device::builder().memory_limit(1 << 30).host().unwrap();
    if !device.has_virtual_memory() {
        return;
    }
    let spec = BufferSpec::new("stable").stable().max(100 << 40);
    let _first: Buffer<u8> = Buffer::with_capacity(&device, spec, 4 * MIB).unwrap();
    assert!(stays(&device, spec));
}

#[test]
fn tickets_of_a_failed_device_say_so_when_it_is_gone() {
    let device = Device::host();
    let mut buffer: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "buffer", &[1; 1_000]).unwrap();
    let (hold, held) = mpsc::channel::<()>();
    device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
    let (download, lost) = (buffer.start_download().unwrap(), buffer.start_download().unwrap());
    let mut stage = buffer.stage(10).unwrap();
    stage.fill(7);
    let mut upload = stage.start_upload().unwrap();
    device.launch_on(&device.create_stream().unwrap(), (), |()| panic!("planted")).unwrap();
    while device.synchronize().is_ok() {}
    drop((buffer, hold, device));
    let failed =
        |error: Error| matches!(error, Error::DeviceFailed { reason, .. } if reason.contains("planted"));
    // The device goes on a thread of its own.
    for _ in 0..20 {
        assert!(failed(upload.is_ready().unwrap_err()));
        assert!(failed(upload.wait_timeout(Duration::ZERO).unwrap_err()));
        assert!(failed(download.is_ready().unwrap_err()));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(failed(upload.wait().unwrap_err()));
    assert!(failed(download.wait().unwrap_err()));
    assert!(failed(futures(lost).unwrap_err()));
}

/// What the first poll gives.
fn futures<F: Future + Unpin>(mut future: F) -> F::Output {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(&mut future).poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("it is not there yet"),
    }
}

/// Runs something on the thread that wakes.
struct Inline(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl std::task::Wake for Inline {
    fn wake(self: Arc<Self>) {
        let run = self.0.lock().unwrap().take();
        run.into_iter().for_each(|run| run());
    }
}

// It waited for itself, for ever.
#[test]
fn a_waker_that_waits_for_its_own_thread_is_told_so() {
    let device = Device::host();
    let buffer: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "buffer", &[1, 2, 3]).unwrap();
    let (release, held) = mpsc::channel::<()>();
    device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
    let mut awaited = buffer.start_download().unwrap();
    let second_release = {
        let (release, held) = mpsc::channel::<()>();
        device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
        release
    };
    let mut later = buffer.start_download().unwrap();
    let (send, said) = mpsc::channel();
    let inline = Inline(Mutex::new(Some(Box::new(move || {
        // What is not there yet cannot be slept for here, neither a download nor a slot; it can be asked for.
        let slept = later.wait_timeout(Duration::from_secs(60)).map(drop);
        let slot = buffer.start_download_wait().map(drop);
        send.send((slept, slot, later.is_ready())).unwrap();
    }))));
    let waker = std::task::Waker::from(Arc::new(inline));
    let mut context = std::task::Context::from_waker(&waker);
    assert!(std::pin::Pin::new(&mut awaited).poll(&mut context).is_pending());
    drop(release);
    let (slept, slot, ready) = said.recv_timeout(PATIENCE).expect("the waker came to its end");
    assert_eq!(slept, Err(Error::WouldDeadlock));
    assert_eq!(slot, Err(Error::WouldDeadlock));
    assert_eq!(ready, Ok(false));
    drop(second_release);
}

#[test]
fn views_and_parts_are_cloned_whatever_their_backend_is() {
    let device = Device::host();
    let buffer: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "buffer", &[1, 2, 3]).unwrap();
    let view = buffer.view(1..).unwrap();
    assert_eq!(view.clone().download().unwrap(), view.download().unwrap());
    let part = buffer.part(..2).unwrap();
    let (first, second) = device.start_downloads((part.clone(), part)).unwrap().wait().unwrap();
    assert_eq!((&first[..], &second[..]), (&[1, 2][..], &[1, 2][..]));
}

/// A set with less room than its buffer would like.
#[derive(GpuBuffers, Default)]
#[buffers(limit = "1MiB")]
struct Narrow {
    values: Vec<u8>,
}

// See also `a_stage_that_can_never_be_committed_pins_nothing` in the suite, of the device's limit.
#[test]
fn a_stage_beyond_the_limit_of_its_set_pins_nothing() {
    let device = Device::host();
    let mut set = Narrow { values: vec![1; 1_000] }.upload(&device).unwrap();
    let pinned = device.stats().pinned_bytes;
    let error = set.values_mut().stage(32 * MIB).unwrap_err();
    assert!(matches!(error, Error::SetLimit { requested: 0x200_0000, limit: 0x10_0000, .. }), "{error}");
    assert_eq!(device.stats().pinned_bytes, pinned);
    set.values_mut().stage(MIB).unwrap().commit().unwrap();
}

/// A device that is used when the thread's other thread-local values have gone.
struct Late(RefCell<Option<Device<Host>>>, RefCell<Option<mpsc::Sender<Result<(), Error>>>>);

impl Drop for Late {
    fn drop(&mut self) {
        if let (Some(device), Some(send)) = (self.0.take(), self.1.take()) {
            send.send(block(&device, 2 * MIB).map(drop)).unwrap();
        }
    }
}

// The process aborted: the list of the callbacks that run was gone by then.
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
        // Registered before the runtime's own, and so dropped after it.
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

// It waited for a block that another stream used, although all that could have made room was much too little.
#[test]
fn what_never_fits_is_refused_at_once() {
    let device = Device::builder().memory_limit(8 << 20).host().unwrap();
    let _lives = block(&device, 4 * MIB).unwrap();
    let stream = device.create_stream().unwrap();
    let used: Buffer<u8> = Buffer::from_slice(&device, "used", &[1; 64]).unwrap();
    let (go, gate) = mpsc::channel::<()>();
    device.launch_on(&stream, (&used,), move |_| _ = gate.recv()).unwrap();
    drop(used);
    let (send, ended) = mpsc::channel();
    let asker = device.clone();
    let asker = std::thread::spawn(move || {
        let sizes = [5 * MIB, 100 * MIB];
        send.send(sizes.map(|bytes| matches!(block(&asker, bytes), Err(Error::DeviceLimit { .. })))).unwrap();
    });
    let refused = ended.recv_timeout(PATIENCE);
    drop(go);
    asker.join().unwrap();
    assert_eq!(refused, Ok([true, true]));
}

// Its kernel closed another device, which had the last handle: the end was waited for there, and the kernel waited for itself.
#[test]
fn a_device_that_ends_in_its_own_kernel_is_not_waited_for_there() {
    let device = Device::host();
    let last = device.clone();
    let other = Device::builder().on_pressure(move |_| _ = &last).host().unwrap();
    let (go, gate) = mpsc::channel::<()>();
    let (send, ended) = mpsc::channel();
    let close = move |()| {
        let _ = gate.recv();
        send.send(other.close()).unwrap();
    };
    device.launch((), close).unwrap();
    drop((device, go));
    ended.recv_timeout(PATIENCE).expect("it never ends").unwrap();
}
