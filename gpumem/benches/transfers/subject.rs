//! The part of a backend that only this benchmark has: the kernel that keeps it busy, and its peers.

use crate::common::Failure;
use crate::common::turns::Contestant;
use crate::workload::{Crowd, Pace, Way};
use gpumem::{Backend, Device, Error};
use std::time::Duration;

/// The kernels of `occupy.ptx`.
#[gpumem::kernels(
    // SAFETY: `nothing` touches no memory.
    unsafe(ptx = "occupy.ptx")
)]
pub(crate) mod kernels {
    /// Does nothing.
    pub(crate) fn nothing(_written: &mut [f32], _read: &[f32], _count: u32) {}
}

/// A backend that is measured.
pub(crate) trait Subject: Backend {
    /// The kernel that keeps the device busy.
    type Kernel;

    fn open() -> Result<Device<Self>, Error>;

    fn load(device: &Device<Self>) -> Result<Self::Kernel, Failure>;

    /// Queues work that takes `time`.
    fn occupy(device: &Device<Self>, kernel: &Self::Kernel, time: Duration) -> Result<(), Failure>;

    /// Other ways to launch a kernel of two buffers and a number. Microseconds per launch.
    fn launchers(times: usize) -> Vec<Contestant<1>>;

    /// Other ways to start a download of `bytes`, `times` times, each after work of `behind`. Microseconds.
    fn starters(bytes: usize, behind: Duration, times: usize) -> Vec<Contestant<1>>;

    /// Other ways to start the download of `N` buffers of `bytes` at one point, `times` times. Microseconds.
    fn starters_together<const N: usize>(bytes: usize, times: usize) -> Vec<Contestant<1>>;

    /// Other ways to download `bytes`, `times` times, from the start until the data is there. Microseconds.
    fn round_trips(bytes: usize, times: usize) -> Vec<Contestant<1>>;

    /// Other ways to copy `bytes`, `times` times. GB/s.
    fn copiers(way: Way, bytes: usize, times: usize) -> Vec<Contestant<1>>;

    /// Other ways to play frames.
    fn players(pace: Pace) -> Vec<Contestant<2>>;

    /// Other ways to have many downloads in flight. Microseconds per download, to start it and to finish it.
    fn crowds(crowd: Crowd) -> Vec<Contestant<2>>;
}

/// Opens a device for one measurement and closes it afterwards, which fails if anything is left. All memory
/// is back with the driver before the next measurement begins.
pub(crate) fn on_device<B: Subject, R>(
    work: impl FnOnce(&Device<B>) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let device = B::open()?;
    let result = work(&device);
    device.trim(0)?;
    device.close()?;
    result
}
