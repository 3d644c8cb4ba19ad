//! Shared code of the tests of `gpumem`: it opens each backend, keeps it busy, and runs a kernel on it.
//!
//! A case of the suite is a function over `B: TestBackend`. The macro `on_each_backend!`
//! (`tests/suite/main.rs`) before it makes one test per backend. On a machine without a card the CUDA tests
//! print that they are skipped, and pass. With `GPUMEM_REQUIRE_CUDA=1`, which is set on a machine with a
//! card, they fail instead.

mod allocation_log;
#[cfg(feature = "cuda")]
pub mod cuda;
mod executor;
pub mod workspace;

pub use allocation_log::AllocationLog;
pub use executor::{NEVER, block_on};

use gpumem::{Backend, Buffer, Device, DeviceBuilder, Element, Host, KernelBackend, Launch, Mode};
use std::time::Duration;

/// The kernels of the tests.
#[gpumem::kernels(
    // SAFETY: `add_one` touches as many elements as it is told, and `occupy` touches no memory.
    unsafe(ptx = "kernels.ptx"),
    slices = "pointer, length"
)]
pub mod kernels {
    use std::{thread::sleep, time::Duration};

    /// Adds 1 to each element.
    pub fn add_one(elements: &mut [u32]) {
        elements.iter_mut().for_each(|element| *element = element.wrapping_add(1));
    }

    /// Keeps the stream busy.
    pub fn occupy(nanoseconds: u64) {
        sleep(Duration::from_nanos(nanoseconds));
    }
}

/// Queues a kernel on the compute stream and returns at once. It keeps no device open.
pub type Kernel<B, M> = Box<dyn Fn(&mut Buffer<u32, B, M>)>;

/// A backend that the suite runs on.
pub trait TestBackend: KernelBackend {
    /// Opens a device, or prints why there is none.
    fn open(builder: DeviceBuilder) -> Option<Device<Self>>;

    /// Returns a function that queues work of about the given time on the compute stream and returns at once.
    #[must_use]
    fn occupier(device: &Device<Self>) -> Box<dyn Fn(Duration)> {
        let kernels = kernels::Kernels::load(device).expect("the kernels compile");
        Box::new(move |time| {
            let nanoseconds = u64::try_from(time.as_nanos()).unwrap();
            kernels.occupy(Launch::grid(1).block(1), nanoseconds).expect("a kernel can be queued");
        })
    }

    /// Queues such work once. On a card this may wait for running work, because the driver does so when it
    /// loads a kernel.
    fn occupy(device: &Device<Self>, time: Duration) {
        Self::occupier(device)(time);
    }

    /// Returns a kernel that adds 1 to every element of a buffer.
    #[must_use]
    fn adder<M: Mode>(device: &Device<Self>) -> Kernel<Self, M> {
        let kernels = kernels::Kernels::load(device).expect("the kernels compile");
        Box::new(move |buffer| {
            kernels.add_one(Launch::over(buffer.len()), buffer).expect("a kernel can be queued");
        })
    }

    /// Queues that kernel once. On a card this may wait, as [`occupy`](Self::occupy) may.
    fn add_one<M: Mode>(buffer: &mut Buffer<u32, Self, M>) {
        Self::adder(buffer.device())(buffer);
    }

    /// Whether this is a real card, where time is expensive, and not the host or the driver made of threads.
    #[must_use]
    fn is_card(device: &Device<Self>) -> bool {
        Self::NAME != Host::NAME && device.name() != "Threads as a card"
    }

    /// The address of the elements on the device.
    fn address<T: Element, M: Mode>(buffer: &Buffer<T, Self, M>) -> u64;
}

impl TestBackend for Host {
    fn open(builder: DeviceBuilder) -> Option<Device<Self>> {
        Some(builder.host().expect("the host is always there"))
    }

    fn address<T: Element, M: Mode>(buffer: &Buffer<T, Self, M>) -> u64 {
        buffer.host_slice().expect("the device works").as_ptr().addr() as u64
    }
}

/// A pseudo-random sequence that is the same in every run: xorshift64.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// A sequence for `seed`, which must not be 0.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`, which must not be 0.
    #[allow(clippy::cast_possible_truncation)] // It is below a usize.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next_u64() % end as u64) as usize
    }

    /// The next `len` numbers, of 32 bits each.
    #[allow(clippy::cast_possible_truncation)] // 32 bits are left.
    pub fn vec(&mut self, len: usize) -> Vec<u32> {
        (0..len).map(|_| (self.next_u64() >> 32) as u32).collect()
    }
}

/// The README's example compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The programs of the migration guide compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../MIGRATION.md")]
pub struct Migration;
