//! The limits of a device and of a set: requests that fit are never refused, and those that do not fit are.

use crate::{MIB, PATIENCE, block};
use gpumem::{Async, Buffer, Device, Error, GpuBuffers, Host};
use std::sync::{Condvar, Mutex, mpsc};

/// One permit per block that may live at a time.
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

/// Returns how many blocks were refused. Each of `threads` threads makes `rounds` blocks, and other threads
/// drop them. The limit is `permits` blocks of `bytes`, and no more are requested at a time.
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

/// Reserved budget that moved from a cache to the device was counted in neither.
#[test]
fn small_blocks_that_fit_are_never_refused() {
    assert_eq!(refused((8, 4096), (12, 20_000), |device, _| block(device, 4096)), 0);
}

/// When a download had just stopped reading a dropped block, the bytes of the block were counted nowhere for
/// a moment.
#[test]
fn blocks_that_fit_beside_downloads_are_never_refused() {
    let make = |device: &Device<Host>, _| {
        let mut block: Buffer<u8, Host, Async> = Buffer::with_capacity(device, "block", 4096)?.into_async();
        block.resize(4096)?;
        drop(block.start_download()?);
        Ok(block)
    };
    assert_eq!(refused((8, 4096), (12, 4_000), make), 0);
}

/// As with small blocks. The sizes vary, so that the reserved budget of one thread is not enough.
#[test]
fn large_blocks_that_fit_are_never_refused() {
    const BYTES: usize = 3 * MIB / 2;
    assert_eq!(refused((3, BYTES), (3, 4_000), |device, step| block(device, BYTES - step % 7)), 0);
}

/// Free slabs were not taken apart for a large block.
#[test]
fn a_large_block_after_small_ones_stays_within_the_limit() {
    let device = Device::builder().memory_limit(64 << 20).host().unwrap();
    drop((0..60).map(|_| block(&device, MIB).unwrap()).collect::<Vec<_>>());
    let _large = block(&device, 60 * MIB).unwrap();
    assert!(device.stats().held_bytes <= 66 << 20, "{:?}", device.stats());
}

/// Growth in place did not look for free memory in the caches of threads.
#[test]
fn growth_beside_a_cached_block_stays_within_the_limit() {
    let device = Device::builder().memory_limit(64 << 20).host().unwrap();
    let mut grows = block(&device, 20 * MIB).unwrap();
    drop(block(&device, 40 * MIB).unwrap());
    grows.reserve(60 * MIB).unwrap();
    assert!(device.stats().held_bytes <= 66 << 20, "{:?}", device.stats());
}

/// The request waited for a block that another stream used, although all memory that could be freed was far
/// too little.
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

/// A set with less room than the test asks for.
#[derive(GpuBuffers, Default)]
#[buffers(limit = "1MiB")]
struct Narrow {
    values: Vec<u8>,
}

/// `a_stage_that_can_never_be_committed_pins_nothing` in the suite tests the same for the device's limit.
#[test]
fn a_stage_beyond_the_limit_of_its_set_pins_nothing() {
    let device = Device::host();
    let mut set = Narrow { values: vec![1; 1_000] }.upload(&device).unwrap();
    let pinned = device.stats().pinned_bytes;
    let error = set.values_mut().stage(32 * MIB).unwrap_err();
    assert!(matches!(error, Error::SetLimit { requested: 0x200_0000, limit: 0x10_0000, .. }), "{error}");
    let text =
        "which can never fit: its set's whole limit is 1 MiB; ask for less, or give the set a higher `limit`";
    assert!(error.to_string().contains(text), "{error}");
    assert_eq!(device.stats().pinned_bytes, pinned);
    set.values_mut().stage(MIB).unwrap().commit().unwrap();
}
