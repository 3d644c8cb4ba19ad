//! CUDA's peers: the driver's own calls.

use crate::Failure;
use crate::by_hand::ByHand;
use crate::common::driver::{Driver, Stream, check, report};
use crate::subject::{Grower, Peer, Peers, Subject};
use crate::turns::{Contestant, each, us};
use crate::workload::Allocator;
use gpumem::{Buffer, Cuda, Device, DeviceBuilder, Error};
use std::ffi::{c_int, c_uint, c_void};
use std::rc::Rc;
use std::time::Instant;

unsafe extern "C" {
    fn cuMemAllocAsync(address: *mut u64, bytes: usize, stream: *mut c_void) -> c_int;
    fn cuMemFreeAsync(address: u64, stream: *mut c_void) -> c_int;
    fn cuMemcpyDtoDAsync_v2(to: u64, from: u64, bytes: usize, stream: *mut c_void) -> c_int;
    fn cuDeviceGetDefaultMemPool(pool: *mut *mut c_void, device: c_int) -> c_int;
    fn cuMemPoolSetAttribute(pool: *mut c_void, attribute: c_uint, value: *mut c_void) -> c_int;
    fn cuMemPoolGetAttribute(pool: *mut c_void, attribute: c_uint, value: *mut c_void) -> c_int;
    fn cuMemPoolTrimTo(pool: *mut c_void, keep: usize) -> c_int;
}

/// `CU_MEMPOOL_ATTR_RELEASE_THRESHOLD`
const RELEASE_THRESHOLD: c_uint = 4;
/// `CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH`
const RESERVED_HIGH: c_uint = 6;

impl Subject for Cuda {
    const GROWN: [usize; 3] = [64 << 20, 512 << 20, 4 << 30];
    const LAST: usize = 8 << 30;

    fn open(settings: DeviceBuilder) -> Result<Device<Self>, Error> {
        settings.cuda(0)
    }

    fn address(buffer: &Buffer<u8, Self>) -> Result<u64, Error> {
        Ok(buffer.as_raw())
    }

    fn peers() -> Result<Peers, Failure> {
        let card = Card::start()?;
        let mut peers = Peers {
            allocators: vec![Rc::new(Plain(card))],
            growers: vec![Rc::new(ByHand(card)), Rc::new(Plain(card))],
        };
        // Where the driver has no pools, there is one peer less.
        match Ordered::open(card) {
            Ok(ordered) => {
                peers.allocators.insert(0, Rc::new(ordered));
                peers.growers.push(Rc::new(ordered));
            }
            Err(failure) => println!("\ncuda: cuMemAllocAsync is not measured: {failure}"),
        }
        Ok(peers)
    }

    fn resizers(_: usize, times: usize) -> Vec<Contestant<1>> {
        let measure = move || {
            let card = Card::start()?;
            let address = card.driver.allocate(4)?;
            let began = Instant::now();
            for _ in 0..times {
                card.stream.set(address, 0, 4)?;
            }
            card.stream.synchronize()?;
            let time = us(began);
            card.driver.free(address)?;
            Ok([each(time * 1e3, times)])
        };
        vec![Contestant::new("cuMemsetD8Async", measure)]
    }
}

/// A stream in the primary context, which is current on the calling thread. Both stay until the end of the program.
#[derive(Clone, Copy)]
pub(crate) struct Card {
    pub(crate) driver: Driver,
    pub(crate) stream: &'static Stream,
}

impl Card {
    fn start() -> Result<Self, Failure> {
        let driver = Driver::start()?;
        Ok(Self { driver, stream: Box::leak(Box::new(Stream::new(driver)?)) })
    }

    /// Grows a block by copying it, as [`Grower::grow`] says, with these two calls.
    fn grow(
        self,
        sizes: &[usize],
        allocate: impl Fn(usize) -> Result<u64, Failure>,
        free: impl Fn(u64) -> Result<(), Failure>,
    ) -> Result<f64, Failure> {
        self.driver.make_current()?;
        let mut block = allocate(sizes[0])?;
        let mut time = 0.0;
        for pair in sizes.windows(2) {
            self.stream.fill(block, pair[0])?;
            let began = Instant::now();
            let longer = allocate(pair[1])?;
            // SAFETY: both blocks have as many bytes and stay until the stream is done with the copy.
            check("cuMemcpyDtoDAsync", unsafe {
                cuMemcpyDtoDAsync_v2(longer, block, pair[0], self.stream.raw())
            })?;
            self.stream.synchronize()?;
            free(std::mem::replace(&mut block, longer))?;
            time += us(began);
        }
        free(block)?;
        Ok(time)
    }
}

/// `cuMemAlloc` and `cuMemFree`.
struct Plain(Card);

impl Allocator for Plain {
    type Block = u64;
    type Error = Failure;

    fn take(&self, bytes: usize) -> Result<u64, Failure> {
        self.0.driver.allocate(bytes)
    }

    fn give_back(&self, block: u64) {
        report(self.0.driver.free(block));
    }

    fn enter(&self) {
        report(self.0.driver.make_current());
    }
}

impl Peer for Plain {
    fn name(&self) -> &'static str {
        "cuMemAlloc"
    }

    fn is_slow(&self) -> bool {
        true
    }
}

impl Grower for Plain {
    fn name(&self) -> &'static str {
        "cuMemAlloc, copied"
    }

    fn grow(&self, sizes: &[usize]) -> Result<f64, Failure> {
        self.0.grow(sizes, |bytes| self.0.driver.allocate(bytes), |block| self.0.driver.free(block))
    }
}

/// `cuMemAllocAsync` and `cuMemFreeAsync` on one stream, with a pool that keeps everything.
#[derive(Clone, Copy)]
struct Ordered {
    card: Card,
    pool: *mut c_void,
}

// SAFETY: the pool is a name as well.
unsafe impl Send for Ordered {}
// SAFETY: as above.
unsafe impl Sync for Ordered {}

impl Ordered {
    fn open(card: Card) -> Result<Self, Failure> {
        let mut pool = std::ptr::null_mut();
        // SAFETY: the pointer is valid for a write, and there is a device 0.
        check("cuDeviceGetDefaultMemPool", unsafe { cuDeviceGetDefaultMemPool(&raw mut pool, 0) })?;
        let ordered = Self { card, pool };
        ordered.set(RELEASE_THRESHOLD, u64::MAX)?;
        Ok(ordered)
    }

    fn set(&self, attribute: c_uint, mut value: u64) -> Result<(), Failure> {
        // SAFETY: these attributes are numbers of 64 bits.
        check("cuMemPoolSetAttribute", unsafe {
            cuMemPoolSetAttribute(self.pool, attribute, (&raw mut value).cast())
        })
    }

    fn allocate(&self, bytes: usize) -> Result<u64, Failure> {
        let mut address = 0;
        // SAFETY: the pointer is valid for a write, and the context is current.
        check("cuMemAllocAsync", unsafe {
            cuMemAllocAsync(&raw mut address, bytes, self.card.stream.raw())
        })?;
        Ok(address)
    }

    fn free(&self, address: u64) -> Result<(), Failure> {
        // SAFETY: the callers give back what they took, and use it no more.
        check("cuMemFreeAsync", unsafe { cuMemFreeAsync(address, self.card.stream.raw()) })
    }
}

impl Allocator for Ordered {
    type Block = u64;
    type Error = Failure;

    fn take(&self, bytes: usize) -> Result<u64, Failure> {
        self.allocate(bytes)
    }

    fn give_back(&self, block: u64) {
        report(self.free(block));
    }

    fn enter(&self) {
        report(self.card.driver.make_current());
    }
}

impl Peer for Ordered {
    fn name(&self) -> &'static str {
        "cuMemAllocAsync"
    }

    fn reset(&self) -> Result<(), Failure> {
        self.card.driver.make_current()?;
        self.card.stream.synchronize()?;
        // SAFETY: the pool is the device's own.
        check("cuMemPoolTrimTo", unsafe { cuMemPoolTrimTo(self.pool, 0) })?;
        self.set(RESERVED_HIGH, 0)
    }

    fn peak_held(&self) -> Option<u64> {
        let mut high = 0_u64;
        // SAFETY: the attribute is a number of 64 bits.
        let code = unsafe { cuMemPoolGetAttribute(self.pool, RESERVED_HIGH, (&raw mut high).cast()) };
        (code == 0).then_some(high)
    }
}

impl Grower for Ordered {
    fn name(&self) -> &'static str {
        "cuMemAllocAsync, copied"
    }

    fn grow(&self, sizes: &[usize]) -> Result<f64, Failure> {
        self.reset()?;
        let time = self.card.grow(sizes, |bytes| self.allocate(bytes), |block| self.free(block))?;
        self.reset()?;
        Ok(time)
    }
}
