//! What the tests of `gpumem` share: how each backend is opened, kept busy, and made to run a kernel.
//!
//! A case of the suite is a function over `B: TestBackend`, and the macro `on_each_backend!` in front of it (`tests/suite/main.rs`) makes
//! a test per backend of it. On a machine without a card the CUDA tests say so and pass; where `GPUMEM_REQUIRE_CUDA=1` is set, as on a
//! machine that has one, they fail.

#[cfg(feature = "cuda")]
pub mod cuda;
pub mod workspace;

use gpumem::{Backend, Buffer, Device, DeviceBuilder, Element, Host, Mode};
use std::time::Duration;

/// Something that queues a kernel on the compute stream and returns at once. It keeps no device open.
pub type Kernel<B, M> = Box<dyn Fn(&mut Buffer<u32, B, M>)>;

/// A backend that the suite runs on.
pub trait TestBackend: Backend {
    /// Opens a device, or says why there is none.
    fn open(builder: DeviceBuilder) -> Option<Device<Self>>;

    /// Something that queues work on the compute stream which takes about so long, and returns at once.
    fn occupier(device: &Device<Self>) -> Box<dyn Fn(Duration)>;

    /// Does so once. On a card it may wait for work that runs, since the driver does when it loads a kernel.
    fn occupy(device: &Device<Self>, time: Duration) {
        Self::occupier(device)(time);
    }

    /// A kernel that adds 1 to every element of a buffer.
    fn adder<M: Mode>(device: &Device<Self>) -> Kernel<Self, M>;

    /// Does so once. On a card it may wait, as [`occupy`](Self::occupy) may.
    fn add_one<M: Mode>(buffer: &mut Buffer<u32, Self, M>) {
        Self::adder(buffer.device())(buffer);
    }

    /// Whether this is a real device, whose time is dear, and not one that is made of threads.
    #[must_use]
    fn is_card(device: &Device<Self>) -> bool {
        Self::NAME != Host::NAME && device.name() != "Threads as a card"
    }

    /// Where the elements lie on the device.
    fn address<T: Element, M: Mode>(buffer: &Buffer<T, Self, M>) -> u64;
}

impl TestBackend for Host {
    fn open(builder: DeviceBuilder) -> Option<Device<Self>> {
        Some(builder.host().expect("the host is always there"))
    }

    fn occupier(device: &Device<Self>) -> Box<dyn Fn(Duration)> {
        let device = device.clone();
        Box::new(move |time| {
            device.launch((), move |()| std::thread::sleep(time)).expect("a kernel can be queued");
        })
    }

    fn adder<M: Mode>(_: &Device<Self>) -> Kernel<Self, M> {
        let add = |element: &mut u32| *element = element.wrapping_add(1);
        let kernel = move |(elements,): (&mut [u32],)| elements.iter_mut().for_each(add);
        Box::new(move |buffer| {
            let device = buffer.device().clone();
            device.launch((buffer,), kernel).expect("a kernel can be queued");
        })
    }

    fn address<T: Element, M: Mode>(buffer: &Buffer<T, Self, M>) -> u64 {
        buffer.host_slice().expect("the device works").as_ptr().addr() as u64
    }
}

/// Numbers that look random and are the same in every run: xorshift64.
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

    /// So many numbers.
    #[allow(clippy::cast_possible_truncation)] // 32 bits are left.
    pub fn vec(&mut self, len: usize) -> Vec<u32> {
        (0..len).map(|_| (self.next_u64() >> 32) as u32).collect()
    }
}

/// The README's example compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
