//! CUDA's peers: the driver's own calls.

use crate::by_hand::ByHand;
use crate::card::Card;
use crate::common::Failure;
use crate::common::context::{check, report};
use crate::common::driver::{
    DeviceAddress, POOL_RELEASE_THRESHOLD, POOL_RESERVED_HIGH, PoolHandle, cuDeviceGetDefaultMemPool,
    cuMemAllocAsync, cuMemFreeAsync, cuMemPoolGetAttribute, cuMemPoolSetAttribute, cuMemPoolTrimTo,
};
use crate::common::turns::{Contestant, each, us};
use crate::subject::{Grower, Peer, Peers, Subject};
use crate::workload::Allocator;
use gpumem::{Buffer, Cuda, Device, DeviceBuilder, Error};
use std::ffi::c_uint;
use std::rc::Rc;
use std::time::Instant;

impl Subject for Cuda {
    const GROWN: [usize; 3] = [64 << 20, 512 << 20, 4 << 30];
    const LAST: usize = 8 << 30;

    fn open(settings: DeviceBuilder) -> Result<Device<Self>, Error> {
        settings.cuda(0)
    }

    fn address(buffer: &Buffer<u8, Self>) -> Result<DeviceAddress, Error> {
        Ok(buffer.as_raw())
    }

    fn peers() -> Result<Peers, Failure> {
        let card = Card::start()?;
        let mut peers = Peers {
            allocators: vec![Rc::new(Plain(card))],
            growers: vec![Rc::new(ByHand(card)), Rc::new(Plain(card))],
        };
        // Without pools in the driver there is one peer less.
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
            let address = card.context.allocate(4)?;
            let began = Instant::now();
            for _ in 0..times {
                card.stream.set(address, 0, 4)?;
            }
            card.stream.synchronize()?;
            let time = us(began);
            card.context.free(address)?;
            Ok([each(time * 1e3, times)])
        };
        vec![Contestant::new("cuMemsetD8Async", measure)]
    }
}

/// `cuMemAlloc` and `cuMemFree`.
struct Plain(Card);

impl Allocator for Plain {
    type Block = DeviceAddress;
    type Error = Failure;

    fn take(&self, bytes: usize) -> Result<DeviceAddress, Failure> {
        self.0.context.allocate(bytes)
    }

    fn give_back(&self, block: DeviceAddress) {
        report(self.0.context.free(block));
    }

    fn enter(&self) {
        report(self.0.context.make_current());
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
        self.0.grow(sizes, |bytes| self.0.context.allocate(bytes), |block| self.0.context.free(block))
    }
}

/// `cuMemAllocAsync` and `cuMemFreeAsync` on one stream, with a pool that keeps everything.
#[derive(Clone, Copy)]
struct Ordered {
    card: Card,
    pool: PoolHandle,
}

impl Ordered {
    fn open(card: Card) -> Result<Self, Failure> {
        let mut pool = PoolHandle::NULL;
        // SAFETY: the pointer is valid for a write, and there is a device 0.
        check("cuDeviceGetDefaultMemPool", unsafe { cuDeviceGetDefaultMemPool(&raw mut pool, 0) })?;
        let ordered = Self { card, pool };
        ordered.set(POOL_RELEASE_THRESHOLD, u64::MAX)?;
        Ok(ordered)
    }

    fn set(&self, attribute: c_uint, mut value: u64) -> Result<(), Failure> {
        // SAFETY: these attributes are numbers of 64 bits.
        check("cuMemPoolSetAttribute", unsafe {
            cuMemPoolSetAttribute(self.pool, attribute, (&raw mut value).cast())
        })
    }

    fn allocate(&self, bytes: usize) -> Result<DeviceAddress, Failure> {
        let mut address = 0;
        // SAFETY: the pointer is valid for a write, and the context is current.
        check("cuMemAllocAsync", unsafe {
            cuMemAllocAsync(&raw mut address, bytes, self.card.stream.raw())
        })?;
        Ok(address)
    }

    fn free(&self, address: DeviceAddress) -> Result<(), Failure> {
        // SAFETY: the callers pass an address that they took from `allocate`, and do not use it afterwards.
        check("cuMemFreeAsync", unsafe { cuMemFreeAsync(address, self.card.stream.raw()) })
    }
}

impl Allocator for Ordered {
    type Block = DeviceAddress;
    type Error = Failure;

    fn take(&self, bytes: usize) -> Result<DeviceAddress, Failure> {
        self.allocate(bytes)
    }

    fn give_back(&self, block: DeviceAddress) {
        report(self.free(block));
    }

    fn enter(&self) {
        report(self.card.context.make_current());
    }
}

impl Peer for Ordered {
    fn name(&self) -> &'static str {
        "cuMemAllocAsync"
    }

    fn reset(&self) -> Result<(), Failure> {
        self.card.context.make_current()?;
        self.card.stream.synchronize()?;
        // SAFETY: the pool is the default pool of the device.
        check("cuMemPoolTrimTo", unsafe { cuMemPoolTrimTo(self.pool, 0) })?;
        self.set(POOL_RESERVED_HIGH, 0)
    }

    fn peak_held(&self) -> Option<u64> {
        let mut high = 0_u64;
        // SAFETY: the attribute is a number of 64 bits.
        let code = unsafe { cuMemPoolGetAttribute(self.pool, POOL_RESERVED_HIGH, (&raw mut high).cast()) };
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
