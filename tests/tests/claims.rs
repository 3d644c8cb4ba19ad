//! The promises of the README and the documentation, one sentence per test: the file has the sentence, and
//! the runtime keeps it.
//!
//! All tests run on the host. The suite has the other backends, and more than one case of each promise.

use gpumem::testing::Faults;
use gpumem::{
    Async, Bound, Buffer, BufferSpec, Device, DeviceStats, Download, DownloadGuard, Error, Host, Stream,
};
use gpumem_tests::Random;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;
/// How long a test waits for a call before it counts as hanging.
const HANGS: Duration = Duration::from_secs(20);

type Frame = Buffer<u32, Host, Async>;

/// Checks that a file has a sentence, regardless of its line breaks.
#[track_caller]
fn promised(file: &str, sentence: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join(file)).unwrap();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let bare = |line: &str| line.trim_start().trim_start_matches(['/', '!']).to_owned();
    let text: Vec<String> = text.lines().map(bare).collect();
    assert!(words(&text.join(" ")).contains(&words(sentence)), "{file} does not say: {sentence}");
}

fn block(device: &Device, bytes: usize) -> Result<Buffer<u8>, Error> {
    Buffer::with_capacity(device, "block", bytes)
}

/// Keeps the compute stream busy until the sender is dropped.
fn occupy(device: &Device) -> Sender<()> {
    let (release, released): (_, Receiver<()>) = channel();
    device.launch((), move |()| _ = released.recv()).unwrap();
    release
}

/// Runs `work` on another thread, and fails if it does not end.
#[track_caller]
fn returns<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (send, done) = channel();
    let worker = thread::spawn(move || send.send(work()).unwrap());
    let result = done.recv_timeout(HANGS).expect("it waits for the device, or has panicked");
    worker.join().unwrap();
    result
}

#[test]
fn limits_are_exact() {
    promised("README.md", "Limits are exact for any number of threads.");
    promised("gpumem/src/device/builder.rs", "The limit is exact, however many threads ask at once.");
    for bytes in [1, 70_001, 3 * MIB + 5] {
        let device = Device::builder().memory_limit(64 * bytes as u64).host().unwrap();
        let granted: Vec<Buffer<u8>> = thread::scope(|scope| {
            let ask = || (0..16).filter_map(|_| block(&device, bytes).ok()).collect::<Vec<_>>();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(granted.len(), 64, "of 128 times {bytes} bytes");
        assert_eq!(device.stats().peak_bytes, device.memory_limit());
    }
}

#[test]
fn growth_near_a_limit_falls_back_and_errors_have_figures() {
    promised(
        "README.md",
        "Growth near a limit falls back to the exact need. The message names the buffer and the figures.",
    );
    let device = Device::host();
    let spec = BufferSpec::new("cells").max(1_000);
    let mut cells: Buffer<u8> = Buffer::from_slice(&device, spec, &[1; 900]).unwrap();
    cells.resize(950).unwrap();
    assert!((950..=1_000).contains(&cells.capacity()));
    let message = cells.resize(1_001).unwrap_err().to_string();
    for part in ["`cells`", "1001 bytes", "1000 bytes"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn what_is_held_is_a_quarter_more_than_what_lived() {
    promised(
        "README.md",
        "While the limit and the end of the card's memory are far away, the device may hold a quarter more memory than its buffers \
         ever had.",
    );
    promised("gpumem/src/device/builder.rs", "the overhead is a quarter (at least 64 MiB) while the limit");
    let device = Device::builder().memory_limit(64 << 30).host().unwrap();
    let mut random = Random::new(11);
    // Only capacities: the memory is never touched, so it costs the machine nothing.
    let mut live = Vec::new();
    for _ in 0..2_000 {
        if live.len() > 60 || random.below(2) == 0 && !live.is_empty() {
            live.swap_remove(random.below(live.len()));
        } else {
            live.push(block(&device, MIB + 1 + random.below(40 * MIB)).unwrap());
        }
        let DeviceStats { held_bytes, peak_bytes, .. } = device.stats();
        let most = peak_bytes + (peak_bytes / 4).max(64 << 20);
        assert!(held_bytes <= most, "{held_bytes} held, {peak_bytes} lived");
    }
}

#[test]
fn a_steady_state_makes_no_driver_call() {
    promised(
        "README.md",
        "The memory of dropped buffers serves the next buffers, in stream order and without a call to the driver.",
    );
    promised("gpumem/guide/crate.md", "without a call to the driver and without a lock that threads share.");
    let device = Device::host();
    let round = || {
        let sizes = [100, 5_000, 300_000, 2 * MIB, 5 * MIB];
        let buffers: Vec<_> = sizes.iter().map(|bytes| block(&device, *bytes).unwrap()).collect();
        drop(buffers);
        device.stats()
    };
    let first = round();
    let last = (0..200).fold(first, |_, _| round());
    assert_eq!(last.driver_calls, first.driver_calls);
    assert_eq!(last.reused - first.reused, last.allocations - first.allocations);
}

#[test]
fn growth_keeps_the_address_and_copies_nothing() {
    promised(
        "README.md",
        "Growth maps more memory at its end: nothing is copied, the address stays, and the peak is the new size.",
    );
    let device = Device::host();
    if !device.has_virtual_memory() {
        return;
    }
    let mut buffer: Buffer<u8> = Buffer::from_slice(&device, "buffer", &vec![7; 2 * MIB]).unwrap();
    let address = buffer.host_slice().unwrap().as_ptr();
    while buffer.len() < 60 * MIB {
        buffer.reserve(MIB).unwrap();
        buffer.resize(buffer.capacity()).unwrap();
        assert_eq!(buffer.host_slice().unwrap().as_ptr(), address);
    }
    assert!(buffer.stats().resizes > 5);
    let DeviceStats { peak_bytes, peak_held_bytes, .. } = device.stats();
    assert_eq!(peak_bytes, buffer.capacity_bytes() as u64);
    assert!(peak_held_bytes <= peak_bytes + (2 << 20), "{peak_held_bytes} held for {peak_bytes}");
    assert!(buffer.view(..2 * MIB).unwrap().download().unwrap().iter().all(|byte| *byte == 7));
}

#[test]
fn a_stable_buffer_stays_from_the_first_byte() {
    promised("README.md", "`#[buffer(stable)]` keeps one address from the first byte to `max`.");
    let device = Device::host();
    let spec = BufferSpec::new("stable").max(8 << 20).stable();
    let mut buffer: Buffer<u8> = Buffer::from_slice(&device, spec, &[3]).unwrap();
    let address = buffer.host_slice().unwrap().as_ptr();
    for len in [100, 5_000, 700_000, 3 * MIB, 8 * MIB] {
        buffer.resize(len).unwrap();
        let slice = buffer.host_slice().unwrap();
        assert_eq!((slice.as_ptr(), slice[0]), (address, 3), "{len}");
    }
    assert!(matches!(buffer.resize(8 * MIB + 1), Err(Error::BufferLimit { .. })));
}

#[test]
fn dropping_neither_waits_nor_panics() {
    promised("README.md", "Dropping anything, on any thread, neither waits for the device nor panics.");
    promised("gpumem/src/ledger/stats.rs", "Reading it waits for nothing");
    let device = Device::host();
    let mut frame: Frame = Buffer::from_slice(&device, "frame", &[1; 100_000]).unwrap().into_async();
    let guard = frame.start_download().unwrap().wait().unwrap();
    let stream = device.create_stream().unwrap();
    let release = occupy(&device);
    let ticket = frame.start_download().unwrap();
    frame.fill(2).unwrap();
    let upload = {
        let mut stage = frame.stage(10).unwrap();
        stage.fill(3);
        stage.commit_at(0).unwrap()
    };
    let large = block(&device, 20 * MIB).unwrap();
    returns(move || {
        drop((ticket, guard, upload, frame, large, stream));
        assert!(device.stats().live_buffers == 0);
        drop(device);
    });
    drop(release);
}

#[test]
fn an_operation_that_fails_leaves_every_buffer_as_it_was() {
    type Operation = fn(&mut Buffer<u32>, &Buffer<u32>) -> Result<(), Error>;
    promised("README.md", "An operation that fails leaves every buffer as it was.");
    promised(
        "gpumem/src/error.rs",
        "Every buffer is as it was before the call then: contents, length, capacity.",
    );
    const DATA: [u32; 200] = [5; 200];
    let operations: [Operation; 9] = [
        |buffer, _| buffer.reserve(2_000),
        |buffer, _| buffer.resize(2_001),
        |buffer, _| buffer.upload(&[1; 2_001]),
        |buffer, _| buffer.extend_from_slice(&[1; 2_001]),
        |buffer, _| buffer.write(1, &DATA),
        |buffer, _| buffer.view_mut(199..201).map(drop),
        |buffer, other| buffer.copy_from(other),
        |buffer, _| buffer.stage(2_001).map(drop),
        |buffer, _| buffer.resize(usize::MAX),
    ];
    for (index, operation) in operations.into_iter().enumerate() {
        let device = Device::host();
        let spec = BufferSpec::new("buffer").max(8_000);
        let mut buffer: Buffer<u32> = Buffer::from_slice(&device, spec, &DATA).unwrap();
        let other = Buffer::from_slice(&device, "other", &[9; 2_001]).unwrap();
        let before = (device.stats().live_bytes, buffer.stats());
        operation(&mut buffer, &other).unwrap_err();
        assert_eq!((device.stats().live_bytes, buffer.stats()), before, "operation {index}");
        assert_eq!((buffer.download().unwrap(), other.len()), (DATA.to_vec(), 2_001), "operation {index}");
    }
}

/// Each operation fails once at each call to the backend.
#[test]
fn a_driver_that_fails_half_way_leaves_what_is_said() {
    type Operation = fn(&mut Buffer<u32>, &[u32]) -> Result<(), Error>;
    promised(
        "gpumem/src/error.rs",
        "Even then each buffer has the length and the capacity that it had, and the elements that the operation was not to write \
         are what they were. Of those that it was to write some may be written.",
    );
    const LEN: usize = 2 * MIB;
    // The operations, and the range of the old elements that each may write.
    let operations: [(Operation, std::ops::Range<usize>); 4] = [
        (|buffer, data| buffer.write(1_000, data), 1_000..1_000 + LEN / 2),
        (Buffer::upload, 0..LEN),
        (Buffer::extend_from_slice, LEN..LEN),
        (|buffer, _| buffer.resize(LEN + LEN / 2), LEN..LEN),
    ];
    let mut mixed = 0;
    for (index, (operation, written)) in operations.into_iter().enumerate() {
        for call in 0.. {
            let faults = Faults::new();
            let device = Device::builder().faults(&faults).host().unwrap();
            let mut buffer: Buffer<u32> = Buffer::from_slice(&device, "buffer", &vec![1; LEN]).unwrap();
            device.synchronize().unwrap();
            let capacity = buffer.capacity();
            faults.fail_at(call);
            let result = operation(&mut buffer, &vec![2; LEN / 2]);
            let failed = faults.stop();
            let (Err(error), true) = (result, failed) else {
                if failed {
                    continue; // Growth by the factor failed, and the exact need was granted.
                }
                break;
            };
            let numbers = (buffer.len(), buffer.capacity());
            assert_eq!(numbers, (LEN, capacity), "operation {index}, call {call}: {error}");
            let elements = buffer.download().unwrap();
            let is_old = |range: std::ops::Range<usize>| elements[range].iter().all(|element| *element == 1);
            assert!(is_old(0..written.start) && is_old(written.end..LEN), "operation {index}, call {call}");
            let new = elements[written.clone()].iter().filter(|element| **element == 2).count();
            assert!(
                new + elements[written.clone()].iter().filter(|element| **element == 1).count()
                    == written.len()
            );
            mixed += usize::from(new > 0);
        }
    }
    assert!(mixed > 0, "none was mixed: the sentence says too much");
}

#[test]
fn a_ticket_may_be_forgotten_and_a_future_dropped() {
    promised(
        "README.md",
        "A thread waits for one, with a timeout or without, or a task of any executor awaits it. Forgetting a ticket and \
         dropping its future are harmless.",
    );
    let device = Device::host();
    let mut frame: Frame = Buffer::from_slice(&device, "frame", &[1; 50_000]).unwrap().into_async();
    std::mem::forget(frame.start_download().unwrap());
    drop(std::future::IntoFuture::into_future(frame.start_download().unwrap()));
    frame.fill(2).unwrap();
    let mut timed = frame.start_download_when_free().wait().unwrap();
    let arrived = timed.wait_timeout(HANGS).unwrap().expect("it arrives");
    assert!(arrived.iter().all(|element| *element == 2));
    drop((arrived, timed));
    frame.abandon_downloads();
    drop(frame);
    device.close().unwrap();
}

#[test]
fn each_buffer_has_two_slots() {
    promised(
        "README.md",
        "Each buffer has two slots for downloads in flight and guards in use, or `async(slots = N)`. If no slot is free, \
         `start_download_when_free()` waits for one",
    );
    promised(
        "gpumem/guide/downloads.md",
        "[`Buffer::abandon_downloads`](crate::Buffer::abandon_downloads) frees those of tickets.",
    );
    let device = Device::host();
    for slots in [2, 5] {
        let spec = if slots == 2 { BufferSpec::new("frame") } else { BufferSpec::new("frame").slots(slots) };
        let frame: Frame = Buffer::from_slice(&device, spec, &[1; 100]).unwrap().into_async();
        let guard = frame.start_download().unwrap().wait().unwrap();
        for _ in 1..slots {
            std::mem::forget(frame.start_download().unwrap());
        }
        let refused = frame.start_download();
        assert!(matches!(refused, Err(Error::SlotsBusy { slots: of, .. }) if of == slots));
        frame.abandon_downloads();
        for _ in 1..slots {
            std::mem::forget(frame.start_download().unwrap());
        }
        assert!(frame.start_download().is_err(), "the guard has its slot");
        drop(guard);
        drop(frame.start_download_when_free().wait().unwrap().wait().unwrap());
    }
}

#[test]
fn a_download_shows_the_buffer_as_it_was() {
    promised(
        "README.md",
        "A download shows the buffer at the point of the stream at which it was started, whatever happens to the buffer, the \
         device or the ticket afterwards. A frame shows all its buffers at one point.",
    );
    let device = Device::host();
    let mut first: Frame = Buffer::from_slice(&device, "first", &[1; 10_000]).unwrap().into_async();
    let second: Frame = Buffer::from_slice(&device, "second", &[1; 10_000]).unwrap().into_async();
    let release = occupy(&device);
    let frame = device.start_downloads((&first, &second)).unwrap();
    let ticket = first.start_download().unwrap();
    first.fill(2).unwrap();
    first.resize(3 * MIB).unwrap();
    drop((first, second, device));
    drop(release);
    let ticket = thread::spawn(move || ticket.wait().unwrap()).join().unwrap();
    let (first, second) = frame.wait().unwrap();
    for shown in [&ticket, &first, &second] {
        assert!(**shown == [1; 10_000]);
    }
}

#[test]
fn no_call_shows_what_another_buffer_left() {
    promised("README.md", "No safe call shows device memory with the contents of another buffer.");
    let device = Device::host();
    for len in [100, 40_000, 3 * MIB] {
        drop(Buffer::<u8>::from_slice(&device, "secret", &vec![0xAB_u8; len]).unwrap());
        let mut buffer = block(&device, len).unwrap();
        assert_eq!((buffer.len(), device.stats().held_bytes >= len as u64), (0, true));
        assert!(buffer.download().unwrap().is_empty() && buffer.view(..1).is_err());
        buffer.resize(len).unwrap();
        assert!(buffer.download().unwrap().iter().all(|byte| *byte == 0), "{len}");
    }
}

#[test]
fn a_leak_report_has_the_line_that_made_the_buffer() {
    promised(
        "README.md",
        "`Device::check_leaks` lists all that the program holds of a device (buffers, tickets, guards, stages, uses on streams), \
         each with the line that made it",
    );
    let device = Device::host();
    device.check_leaks().unwrap();
    let (kept, line) = (block(&device, 4_096).unwrap(), line!());
    // `block` made that buffer, and does not know its caller.
    let (own, own_line) = (Buffer::<u8>::new(&device, "own").unwrap(), line!());
    let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("two are alive") };
    let made: Vec<_> =
        report.held().iter().map(|buffer| (buffer.made_at.file(), buffer.made_at.line())).collect();
    assert!(made.contains(&(file!(), own_line)) && !made.contains(&(file!(), line)), "{report}");
    assert!(report.to_string().contains(&format!("{}:{own_line}", file!())), "{report}");
    drop((kept, own));
    device.check_leaks().unwrap();
}

#[test]
fn closing_gives_everything_back_or_says_what_is_left() {
    promised("README.md", "everything given back, or an error that lists what was not");
    promised(
        "gpumem/src/device/leaks.rs",
        "[`Error::Leaked`] when buffers, tickets or guards of downloads, stages, uses on streams, or streams of the \
         application's own are alive: it lists them. [`Error::DeviceInUse`] when other handles are",
    );
    let device = Device::host();
    let (frame, handle): (Frame, _) =
        (Buffer::from_slice(&device, "frame", &[1; 9]).unwrap().into_async(), device.clone());
    let Err(Error::Leaked(report)) = device.close() else { panic!("a buffer is alive") };
    assert_eq!(report.held()[0].name(), "frame");
    let (device, guard) = (handle.clone(), frame.start_download().unwrap().wait().unwrap());
    drop(frame);
    let Err(Error::Leaked(report)) = device.close() else { panic!("a guard is alive") };
    assert_eq!((report.held()[0].kind(), report.held()[0].name()), ("guard", "frame"));
    drop(guard);
    assert!(matches!(handle.clone().close(), Err(Error::DeviceInUse { handles: 1, .. })), "a handle");
    let (device, stream) = (handle.clone(), handle.create_stream().unwrap());
    drop(handle);
    let Err(Error::Leaked(report)) = device.close() else { panic!("a stream is alive") };
    assert_eq!(report.held()[0].kind(), "stream");
    drop(stream);
    Device::host().close().unwrap();
}

#[test]
fn trim_gives_back_what_no_buffer_uses() {
    promised(
        "gpumem/src/device/mod.rs",
        "Gives memory back to the driver that no buffer uses, until at most `retain` bytes of it are retained. Returns the bytes that \
         went back.",
    );
    promised(
        "gpumem/src/device/mod.rs",
        "With `retain` at 0 pinned memory that no transfer uses goes back as well",
    );
    let device = Device::host();
    let kept: Buffer<u8> = Buffer::from_slice(&device, "kept", &vec![1; 3 * MIB]).unwrap();
    drop((0..8).map(|_| block(&device, 4 * MIB).unwrap()).collect::<Vec<_>>());
    device.synchronize().unwrap();
    let held = device.stats().held_bytes;
    let back = device.trim(8 << 20).unwrap();
    assert!(back == held - device.stats().held_bytes && back > 0);
    assert!(device.stats().retained_bytes <= 9 << 20, "8 MiB, and what the buffer's last unit has left");
    device.trim(0).unwrap();
    let stats = device.stats();
    assert_eq!((stats.held_bytes, stats.pinned_bytes), (4 << 20, 0), "two units of the buffer");
    drop(kept);
}

#[test]
fn idle_memory_goes_back_by_itself() {
    promised(
        "gpumem/src/device/builder.rs",
        "A background thread gives memory back that was idle for this time, within three times as long.",
    );
    const TIME: Duration = Duration::from_millis(100);
    let device = Device::builder().retain_for(TIME).host().unwrap();
    let began = Instant::now();
    drop((block(&device, 8 * MIB).unwrap(), block(&device, 500).unwrap()));
    let mut looks = 0;
    while device.stats().held_bytes > 0 {
        // The bound is not three times the time, because the machine may be busy.
        assert!(began.elapsed() < HANGS, "{:?}", device.stats());
        thread::sleep(TIME / 20);
        looks += 1;
    }
    assert!(looks > 0 && began.elapsed() >= TIME, "it was kept for {:?}", began.elapsed());
}

#[test]
fn pinned_memory_is_bounded_by_what_was_in_use() {
    promised(
        "gpumem/src/ledger/stats.rs",
        "At most twice the most that was in use at a time, or 64 MiB more than that where this is more; blocks are up to a quarter \
         larger than the transfers that use them.",
    );
    let device = Device::host();
    let mut buffers: Vec<Buffer<u8>> = (0..4).map(|_| Buffer::new(&device, "buffer").unwrap()).collect();
    let mut most = 0;
    // Stages hold their pinned memory, and all of them are dropped at once. None of the next stages fits into
    // it.
    for (count, bytes) in
        [(4, 3), (1, 4), (1, 6), (1, 8), (1, 11), (1, 15), (1, 20), (1, 26), (1, 34), (1, 44), (4, 2)]
    {
        let bytes = bytes * MIB;
        let stages: Vec<_> =
            buffers.iter_mut().take(count).map(|buffer| buffer.stage(bytes).unwrap()).collect();
        most = most.max(count * (bytes + bytes / 4));
        let pinned = device.stats().pinned_bytes;
        assert!(
            pinned <= (2 * most).max(most + 64 * MIB) as u64,
            "{pinned} are pinned, and {most} were in use"
        );
        drop(stages);
    }
    device.trim(0).unwrap();
    assert_eq!(device.stats().pinned_bytes, 0);
}

#[test]
fn uploads_run_so_far_ahead_and_no_further() {
    promised(
        "gpumem/src/buffer/typed.rs",
        "The data goes in pieces of at most 2 MiB. At most 8 MiB of the data are ahead of the device, or 16 MiB if the data is \
         larger than 8 MiB and up to four threads copy it. Before its first piece a call waits until at most 64 pieces of \
         earlier calls are ahead.",
    );
    // `calls` is the number of calls that return while the device does nothing: at most 64 pieces are ahead
    // before each of them.
    for (bytes, calls) in [(1_000, 65), (8 * MIB, 17)] {
        let device = Device::host();
        let mut buffer = block(&device, bytes).unwrap();
        buffer.upload(&vec![1; bytes]).unwrap();
        device.synchronize().unwrap();
        let release = occupy(&device);
        let done = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..calls + 5 {
                    buffer.upload(&vec![2; bytes]).unwrap();
                    done.fetch_add(1, SeqCst);
                }
            });
            let began = Instant::now();
            while done.load(SeqCst) < calls && began.elapsed() < HANGS {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(Duration::from_millis(20));
            let (done, pinned) = (done.load(SeqCst), device.stats().pinned_bytes);
            drop(release);
            assert_eq!(done, calls, "calls of {bytes} bytes");
            assert!(pinned <= 136 << 20, "{pinned} bytes are ahead");
        });
    }
}

#[test]
fn everything_may_be_used_on_any_thread() {
    fn any_thread<T: Send + Sync>() {}
    promised("gpumem/src/buffer/typed.rs", "A buffer may be used and dropped on any thread.");
    any_thread::<(Device, Stream<Host>, Error, Buffer<u32>, Frame)>();
    any_thread::<(Download<u32, Host>, DownloadGuard<u32, Host>, gpumem::Upload<Host>)>();
    any_thread::<Bound<'static, u32, Host, Async>>();
    any_thread::<gpumem::Stage<'static, u32, Host>>();
    let device = Device::host();
    let mut buffer: Buffer<u32> = Buffer::from_slice(&device, "buffer", &[0; 3]).unwrap();
    for round in 1..=20 {
        buffer = returns(move || {
            buffer.fill(round).unwrap();
            buffer
        });
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| assert_eq!(buffer.download().unwrap(), [round; 3]));
            }
        });
    }
    thread::spawn(move || drop(buffer)).join().unwrap();
    device.check_leaks().unwrap();
}
