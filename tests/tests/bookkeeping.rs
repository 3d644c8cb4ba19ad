//! The bookkeeping of memory: what is charged, held and retained after failures and after many rounds. Each test failed on the code
//! before the fault was mended that its comment names.

use gpumem::testing::Faults;
use gpumem::{Buffer, BufferSpec, Device, GpuBuffers, Host};
use std::sync::{Mutex, OnceLock, mpsc};
use std::time::Duration;

const MIB: usize = 1 << 20;

fn block(device: &Device<Host>, bytes: usize) -> gpumem::Result<Buffer<u8>> {
    Buffer::with_capacity(device, "block", bytes)
}

/// Debug builds compare all figures of the device with each other.
fn audit(device: &Device<Host>) {
    #[cfg(debug_assertions)]
    device.__audit();
    #[cfg(not(debug_assertions))]
    let _ = device;
}

/// A shrink that failed took the smaller block's bytes from the charge of the larger one, which stayed; the next one did so again, and
/// the sum wrapped below 0.
#[test]
fn a_shrink_that_fails_keeps_its_charge() {
    let faults = Faults::new();
    let device = Device::builder().memory_limit(MIB as u64).faults(&faults).host().unwrap();
    let mut buffer: Buffer<u8> = Buffer::from_slice(&device, "b", &vec![7; 400_000]).unwrap();
    buffer.reserve(200_000).unwrap();
    for call in 0..8 {
        faults.fail_at(call);
        let shrunk = buffer.shrink_to_fit();
        let hit = faults.stop();
        assert_eq!(shrunk.is_err(), hit);
        audit(&device);
        assert_eq!(device.stats().live_bytes, buffer.capacity() as u64);
        assert!(block(&device, MIB - buffer.capacity() + 1).is_err(), "the limit was passed");
        drop(block(&device, MIB - buffer.capacity()).unwrap());
        if !hit {
            break;
        }
        assert!(call < 7, "it never succeeds");
    }
    assert_eq!((buffer.capacity(), buffer.download().unwrap()), (400_000, vec![7; 400_000]));
    drop(buffer);
    assert_eq!(device.stats().live_bytes, 0);
    // On another thread, whose cache has nothing of the budget.
    std::thread::scope(|scope| scope.spawn(|| drop(block(&device, MIB).unwrap())).join().unwrap());
    drop(block(&device, 1_000).unwrap());
}

#[derive(GpuBuffers, Default)]
struct Pair {
    first: Vec<u8>,
    second: Vec<u8>,
}

/// The memory that was mapped for the first buffer of a set stayed with it when the second one had no room, and no operation but a
/// `shrink_to_fit` of that buffer could get it.
#[test]
fn a_set_that_has_no_room_gives_back_what_it_took() {
    let device = Device::builder().memory_limit(64 << 20).host().unwrap();
    let data = Pair { first: vec![1; 2 * MIB], second: vec![2; 2 * MIB] };
    let mut gpu = data.upload(&device).unwrap();
    let before = device.stats().held_bytes;
    gpu.reserve(PairLens { first: 50 * MIB, second: 20 * MIB }).unwrap_err();
    audit(&device);
    assert_eq!(device.stats().held_bytes, before);
    gpu.upload_from(&Pair { first: vec![0; 40 * MIB], second: vec![0; 40 * MIB] }).unwrap_err();
    audit(&device);
    assert_eq!(device.stats().held_bytes, before);
    gpu.resize(PairLens { first: 40 * MIB, second: 40 * MIB }).unwrap_err();
    audit(&device);
    assert_eq!((device.stats().held_bytes, device.stats().live_bytes), (before, 4 << 20));
    let large = block(&device, 60 * MIB).unwrap();
    assert_eq!(device.stats().held_bytes, 64 << 20);
    drop(large);
    let mut same = Pair::default();
    gpu.download_into(&mut same).unwrap();
    assert!(same.first == data.first && same.second == data.second);
}

/// The same with every call to the driver failing once, so that each step of taking memory for two buffers is undone.
#[test]
fn growth_that_fails_at_any_step_is_undone() {
    let faults = Faults::new();
    let device = Device::builder().memory_limit(64 << 20).faults(&faults).host().unwrap();
    let data = Pair { first: vec![1; 2 * MIB], second: vec![2; 2 * MIB] };
    type Operation = fn(&mut PairBuffers) -> gpumem::Result<()>;
    let operations: [(&str, Operation); 4] = [
        ("reserve", |gpu| gpu.reserve(PairLens { first: 3 * MIB, second: 5 * MIB })),
        ("resize", |gpu| gpu.resize(PairLens { first: 7 * MIB, second: 5 * MIB })),
        ("upload", |gpu| gpu.upload_from(&Pair { first: vec![3; 9 * MIB], second: vec![4; 5 * MIB] })),
        ("extend", |gpu| gpu.first_mut().extend_from_slice(&vec![9; 3 * MIB])),
    ];
    for (name, operation) in operations {
        for call in 0.. {
            let mut gpu = data.upload(&device).unwrap();
            device.trim(0).unwrap();
            let before = device.stats();
            faults.fail_at(call);
            let result = operation(&mut gpu);
            if !faults.stop() {
                result.unwrap();
                break;
            }
            audit(&device);
            device.trim(0).unwrap();
            let after = device.stats();
            // Where the growth had succeeded, and what came after it failed, the buffers have it.
            let grown = after.live_bytes - before.live_bytes;
            let rounding = if grown > 0 { 2 * (2 << 20) } else { 0 };
            let held = after.held_bytes - before.held_bytes;
            assert!(held <= grown + rounding, "{name}, call {call}: {after:?}");
            assert!(call < 200, "{name} never succeeds");
        }
        assert_eq!(device.stats().live_bytes, 0);
    }
}

/// Each round left addresses without memory, one mapping of the kernel's, until it had no more and the process ended.
#[test]
#[cfg(target_os = "linux")]
fn addresses_without_memory_are_used_again() {
    let mappings = || std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    let device = Device::host();
    let round = |max: u64| {
        let spec = BufferSpec::new("b").stable().max(max);
        let mut buffer: Buffer<u8> = Buffer::with_capacity(&device, spec, 1).unwrap();
        buffer.shrink_to_fit().unwrap();
    };
    round(2 << 20);
    let (before, calls) = (mappings(), device.stats().driver_calls);
    (0..2_000).for_each(|_| round(2 << 20));
    assert!(mappings() < before + 200, "{before} and {}", mappings());
    // Each maps a chunk and gives it back, and no addresses are reserved.
    assert!(device.stats().driver_calls - calls <= 4 * 2_000 + 10, "{:?}", device.stats());
    // Of other sizes each time, which no addresses fit that are there: the oldest of these go.
    (0..2_000).for_each(|round_| round((2 << 20) * (round_ + 2)));
    assert!(mappings() < before + 400, "{before} and {}", mappings());
    audit(&device);
}

static DEVICE: OnceLock<Mutex<Option<Device>>> = OnceLock::new();

/// A logger that sends its lines through a buffer of the device.
struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        let device = DEVICE.get().and_then(|device| device.lock().unwrap().clone());
        if let Some(device) = device
            && record.args().to_string().contains("lost")
        {
            let _ = Buffer::<u8>::with_capacity(&device, "log", 64);
            let _ = device.trim(0);
        }
    }

    fn flush(&self) {}
}

/// The thread that gives idle memory back logged while it held locks that the logger waited for.
#[test]
fn a_logger_may_use_the_device() {
    log::set_logger(&Logger).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let device = Device::builder().keep(1 << 20).keep_for(Duration::from_millis(20)).host().unwrap();
    let stream = device.create_stream().unwrap();
    let used: Buffer<u8> = Buffer::from_slice(&device, "b", &vec![1; 4 * MIB]).unwrap();
    let spare = block(&device, 8 * MIB).unwrap();
    device.synchronize().unwrap();
    let (go, gate) = mpsc::channel::<()>();
    let fail = move |_: (&[u8],)| {
        let _ = gate.recv();
        std::panic::resume_unwind(Box::new("planted"));
    };
    device.launch_on(&stream, (&used,), fail).unwrap();
    drop((used, spare));
    *DEVICE.get_or_init(Mutex::default).lock().unwrap() = Some(device.clone());
    drop(go);
    std::thread::sleep(Duration::from_millis(200));
    let (send, done) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = send.send(block(&device, 64).map(drop).is_err());
    });
    assert_eq!(done.recv_timeout(Duration::from_secs(10)), Ok(true), "an allocation does not return");
    // Dropped without the lock, since the last handle of a failed device logs too.
    let last = DEVICE.get().unwrap().lock().unwrap().take();
    drop(last);
}

/// Small buffers that live keep the slab that each lies in, and no more than that: the bound that `memory_limit` states.
#[test]
fn a_small_buffer_keeps_one_slab_at_most() {
    let limit = 64 << 20;
    let device = Device::builder().memory_limit(limit).host().unwrap();
    let mut small: Vec<_> = (0..60 * MIB / 4096).map(|_| block(&device, 4096).unwrap()).collect();
    let mut index = 0;
    // One of 1024 is left: one in every other slab of 2 MiB.
    small.retain(|_| {
        index += 1;
        index % 1024 == 1
    });
    let large = block(&device, 60 * MIB).unwrap();
    let stats = device.stats();
    let bound = limit + 2 * MIB as u64 * small.len() as u64;
    assert!(stats.held_bytes <= bound, "{} of {bound} for {}", stats.held_bytes, small.len());
    audit(&device);
    drop((small, large));
    device.trim(0).unwrap();
    assert_eq!(device.stats().held_bytes, 0);
}
