//! Growth with the driver's virtual memory calls and nothing else: the optimum on the card at hand.

use crate::card::Card;
use crate::common::Failure;
use crate::common::context::check;
use crate::common::driver::{
    ACCESS_READ_WRITE, ALLOCATION_PINNED, AccessDescription, AllocationProperties, ChunkHandle,
    DeviceAddress, LOCATION_DEVICE, Location, cuMemAddressFree, cuMemAddressReserve, cuMemCreate, cuMemMap,
    cuMemRelease, cuMemSetAccess, cuMemUnmap,
};
use crate::common::turns::us;
use crate::subject::Grower;
use std::time::Instant;

/// The unit of chunks, on all cards so far.
const UNIT: usize = 2 << 20;

/// Device 0.
const DEVICE: Location = Location { kind: LOCATION_DEVICE, id: 0 };

pub(crate) struct ByHand(pub(crate) Card);

impl Grower for ByHand {
    fn name(&self) -> &'static str {
        "mapped by hand"
    }

    fn grow(&self, sizes: &[usize]) -> Result<f64, Failure> {
        self.0.context.make_current()?;
        let most = sizes.last().copied().unwrap_or(0).next_multiple_of(UNIT);
        let mut at = 0;
        // SAFETY: the pointer is valid for a write, and the context is current.
        check("cuMemAddressReserve", unsafe { cuMemAddressReserve(&raw mut at, most, 0, 0, 0) })?;
        let mut chunks = Vec::new();
        let (mut mapped, mut time) = (0, 0.0);
        for size in sizes {
            let began = Instant::now();
            let more = size.next_multiple_of(UNIT) - mapped;
            if more > 0 {
                chunks.push((at + mapped as u64, more, extend(at + mapped as u64, more)?));
                mapped += more;
            }
            // The first chunk is there before growth begins, so its time does not count.
            if chunks.len() > 1 {
                time += us(began);
            }
            self.0.stream.fill(at, *size)?;
        }
        // SAFETY: nothing uses the memory any more, and it was mapped in these chunks.
        unsafe {
            for (at, bytes, chunk) in chunks {
                check("cuMemUnmap", cuMemUnmap(at, bytes))?;
                check("cuMemRelease", cuMemRelease(chunk))?;
            }
            check("cuMemAddressFree", cuMemAddressFree(at, most))?;
        }
        Ok(time)
    }
}

/// Maps a new chunk.
fn extend(at: DeviceAddress, bytes: usize) -> Result<ChunkHandle, Failure> {
    let properties =
        AllocationProperties { kind: ALLOCATION_PINNED, location: DEVICE, ..AllocationProperties::default() };
    let access = AccessDescription { location: DEVICE, flags: ACCESS_READ_WRITE };
    let mut chunk = ChunkHandle::NONE;
    // SAFETY: the pointers are valid, the structs have the driver's layout, the addresses are reserved, and
    // nothing is mapped there.
    unsafe {
        check("cuMemCreate", cuMemCreate(&raw mut chunk, bytes, &raw const properties, 0))?;
        check("cuMemMap", cuMemMap(at, bytes, 0, chunk, 0))?;
        check("cuMemSetAccess", cuMemSetAccess(at, bytes, &raw const access, 1))?;
    }
    Ok(chunk)
}
