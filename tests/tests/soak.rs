//! What must not grow in a steady state: resident memory, mappings, calls of the driver, what is held, and how long things take.
//!
//! `cargo test --release -p gpumem-tests --test soak -- --ignored --nocapture` runs the long one for ten minutes on the host, and
//! with `--features cuda` for two on a card; `GPUMEM_SOAK_SECONDS` sets another time.

use gpumem::{Buffer, Device, Host};

const MIB: usize = 1 << 20;

fn block(device: &Device<Host>, bytes: usize) -> gpumem::Result<Buffer<u8>> {
    Buffer::with_capacity(device, "block", bytes)
}

/// What each cycle of a steady program added to the process, although nothing was taken from the driver.
#[test]
#[cfg(target_os = "linux")]
fn a_steady_program_does_not_grow() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let device = Device::host();
    // Five buffers of 1 MiB: one more than the thread's cache retains.
    let cycles = |count: usize| {
        for _ in 0..count {
            drop((0..5).map(|_| block(&device, MIB).unwrap()).collect::<Vec<_>>());
        }
    };
    cycles(1_000);
    let (before, calls) = (resident(), device.stats().driver_calls);
    cycles(100_000);
    assert_eq!(device.stats().driver_calls, calls);
    // It was 12 bytes a cycle; other tests of this program take a little meanwhile.
    assert!(resident() < before + 600, "{before} and {} KiB", resident());
}
