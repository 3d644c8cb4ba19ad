//! The host's peers: the system allocator, and `Vec`.

use crate::common::Failure;
use crate::common::turns::{Contestant, each, us};
use crate::subject::{Grower, Peer, Peers, Subject};
use crate::workload::Allocator;
use gpumem::{Buffer, Device, DeviceBuilder, Error, Host};
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::Instant;

impl Subject for Host {
    const GROWN: [usize; 3] = [64 << 20, 512 << 20, 1 << 30];
    const LAST: usize = 1 << 30;

    fn open(settings: DeviceBuilder) -> Result<Device<Self>, Error> {
        settings.host()
    }

    fn address(buffer: &Buffer<u8, Self>) -> Result<u64, Error> {
        buffer.host_slice().map(|bytes| bytes.as_ptr().addr() as u64)
    }

    fn peers() -> Result<Peers, Failure> {
        Ok(Peers { allocators: vec![Rc::new(Heap)], growers: vec![Rc::new(Copied), Rc::new(Reallocated)] })
    }

    fn resizers(len: usize, times: usize) -> Vec<Contestant<1>> {
        let measure = move || {
            let mut numbers = vec![1_u32; len];
            let began = Instant::now();
            for _ in 0..times {
                black_box(&mut numbers).truncate(len - 1);
                black_box(&mut numbers).resize(len, 0);
            }
            Ok([each(us(began) * 1e3, times)])
        };
        vec![Contestant::new("Vec", measure)]
    }
}

/// The system allocator. Its blocks are not touched, and neither are gpumem's. From 32 MiB on, glibc maps and
/// unmaps each block.
struct Heap;

impl Allocator for Heap {
    type Block = (NonNull<u8>, Layout);
    type Error = &'static str;

    #[inline]
    fn take(&self, bytes: usize) -> Result<Self::Block, Self::Error> {
        let layout = Layout::from_size_align(bytes.max(1), 16).map_err(|_| "too large")?;
        // SAFETY: the layout is not empty.
        let address = NonNull::new(unsafe { System.alloc(layout) }).ok_or("the system has no memory")?;
        Ok((address, layout))
    }

    #[inline]
    fn give_back(&self, (address, layout): Self::Block) {
        // SAFETY: the address came from `take` with this layout, and the block is consumed.
        unsafe { System.dealloc(address.as_ptr(), layout) }
    }
}

impl Peer for Heap {
    fn name(&self) -> &'static str {
        "system allocator"
    }
}

/// A `Vec` that grows by itself: the allocator may extend it. For large ones, glibc has the kernel move
/// pages.
struct Reallocated;

impl Grower for Reallocated {
    fn name(&self) -> &'static str {
        "Vec::reserve_exact"
    }

    fn grow(&self, sizes: &[usize]) -> Result<f64, Failure> {
        grow(sizes, |bytes, more| {
            bytes.try_reserve_exact(more)?;
            Ok(())
        })
    }
}

/// A `Vec` that is copied into a longer one, as happens if the allocator cannot extend it.
struct Copied;

impl Grower for Copied {
    fn name(&self) -> &'static str {
        "Vec, copied"
    }

    fn grow(&self, sizes: &[usize]) -> Result<f64, Failure> {
        grow(sizes, |bytes, more| {
            let mut longer = Vec::new();
            longer.try_reserve_exact(bytes.len() + more)?;
            longer.extend_from_slice(bytes);
            *bytes = longer;
            Ok(())
        })
    }
}

fn grow(sizes: &[usize], step: impl Fn(&mut Vec<u8>, usize) -> Result<(), Failure>) -> Result<f64, Failure> {
    let mut bytes = vec![1; sizes[0]];
    let mut time = 0.0;
    for size in &sizes[1..] {
        let more = size - bytes.len();
        let began = Instant::now();
        step(black_box(&mut bytes), more)?;
        time += us(began);
        bytes.resize(*size, 1);
    }
    Ok(time)
}
