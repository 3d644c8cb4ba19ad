//! Growth by the driver's virtual memory calls and nothing else: what is possible on the card at hand.

use crate::Failure;
use crate::common::driver::check;
use crate::cuda::Card;
use crate::subject::Grower;
use crate::turns::us;
use std::ffi::{c_int, c_uint, c_ushort};
use std::time::Instant;

/// `CUmemAllocationProp`
#[repr(C)]
#[derive(Default)]
struct Properties {
    kind: c_uint,
    handles: c_uint,
    location: Location,
    metadata: usize,
    flags: [u8; 4],
    reserved: [c_ushort; 2],
}

/// `CUmemLocation`
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Location {
    kind: c_uint,
    id: c_int,
}

/// `CUmemAccessDesc`
#[repr(C)]
struct Access {
    location: Location,
    flags: c_uint,
}

const _: () = assert!(size_of::<Properties>() == 32 && size_of::<Access>() == 12);

unsafe extern "C" {
    fn cuMemAddressReserve(at: *mut u64, bytes: usize, align: usize, hint: u64, flags: u64) -> c_int;
    fn cuMemAddressFree(at: u64, bytes: usize) -> c_int;
    fn cuMemCreate(chunk: *mut u64, bytes: usize, properties: *const Properties, flags: u64) -> c_int;
    fn cuMemRelease(chunk: u64) -> c_int;
    fn cuMemMap(at: u64, bytes: usize, offset: usize, chunk: u64, flags: u64) -> c_int;
    fn cuMemUnmap(at: u64, bytes: usize) -> c_int;
    fn cuMemSetAccess(at: u64, bytes: usize, access: *const Access, count: usize) -> c_int;
}

/// What chunks are a multiple of, on all cards so far.
const UNIT: usize = 2 << 20;

/// `CU_MEM_LOCATION_TYPE_DEVICE`, device 0.
const DEVICE: Location = Location { kind: 1, id: 0 };

pub(crate) struct ByHand(pub(crate) Card);

impl Grower for ByHand {
    fn name(&self) -> &'static str {
        "mapped by hand"
    }

    fn grow(&self, sizes: &[usize]) -> Result<f64, Failure> {
        self.0.driver.make_current()?;
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
            // The first is there when growing begins.
            if chunks.len() > 1 {
                time += us(began);
            }
            self.0.stream.fill(at, *size)?;
        }
        // SAFETY: nothing uses it any more, and it was mapped so.
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
fn extend(at: u64, bytes: usize) -> Result<u64, Failure> {
    // `CU_MEM_ALLOCATION_TYPE_PINNED`
    let properties = Properties { kind: 1, location: DEVICE, ..Properties::default() };
    // `CU_MEM_ACCESS_FLAGS_PROT_READWRITE`
    let access = Access { location: DEVICE, flags: 3 };
    let mut chunk = 0;
    // SAFETY: the pointers are valid and laid out as the driver has it; the addresses are reserved and nothing is mapped there.
    unsafe {
        check("cuMemCreate", cuMemCreate(&raw mut chunk, bytes, &raw const properties, 0))?;
        check("cuMemMap", cuMemMap(at, bytes, 0, chunk, 0))?;
        check("cuMemSetAccess", cuMemSetAccess(at, bytes, &raw const access, 1))?;
    }
    Ok(chunk)
}
