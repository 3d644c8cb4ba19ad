//! Typed kernels on a card.
//!
//! The driver takes the arguments of a kernel as a list of pointers to them. A slice is an address, and its
//! length if the PTX takes that; all other values are where the caller has them. The driver copies all of
//! them before the launch returns.

use super::backend::{KernelBackend, KernelCall, Lent, sealed::RunsKernels};
use super::source::{Entry, ParamOrigin, Source};
use crate::backend::cuda::{FoundKernel, Limits, Module};
use crate::backend::{Backend, Cuda, Dim3, Fault};
use crate::buffer::RawBuffer;
use crate::device::Device;
use crate::error::Error;
use crate::ledger::{HeldKind, Listed, Record};
use crate::memory::Stream;
use std::ffi::c_void;
use std::panic::Location;
use std::ptr;

/// The most parameters of a kernel. PTX allows 4 KiB of them.
const PARAMS: usize = 64;

/// The kernels of a source on a card.
#[derive(Debug)]
pub struct LoadedOnCard {
    module: Module,
    /// In the order of the entries.
    kernels: Vec<FoundKernel>,
    limits: Limits,
    _listed: Listed,
}

impl KernelBackend for Cuda {}

impl RunsKernels for Cuda {
    type Loaded = LoadedOnCard;

    fn __address(raw: &RawBuffer<Cuda>, offset: usize) -> *mut u8 {
        let address = raw.block().map_or(0, |block| {
            let (memory, start) = block.at(0);
            memory.address() + (start + offset) as u64
        });
        // An address of the device, which no code on the CPU follows. 64-bit machines alone have cards.
        ptr::without_provenance_mut(usize::try_from(address).unwrap_or_default())
    }

    fn __load(
        device: &Device<Cuda>,
        source: &'static Source,
        loaded_at: &'static Location<'static>,
    ) -> Result<LoadedOnCard, Error> {
        let Some(ptx) = source.ptx else {
            return Err(source.refused::<Cuda>(format_args!(
                "these kernels are for the host alone: with `#[gpumem::kernels(unsafe(ptx = \"kernels.ptx\"))]` they run on a card"
            )));
        };
        // The driver refuses a byte order mark.
        let module = device.state().backend.load_ptx(ptx.trim_start_matches('\u{feff}'))?;
        let kernels = source.entries.iter().map(|entry| module.find(entry.name));
        let kernels = kernels.collect::<Result<_, _>>()?;
        let limits = module.limits()?;
        let listed = device.state().ledger.hold(Record::without_buffer(HeldKind::Module, loaded_at));
        Ok(LoadedOnCard { module, kernels, limits, _listed: listed })
    }

    unsafe fn __queue(
        _: &Device<Cuda>,
        loaded: &LoadedOnCard,
        stream: &Stream<Cuda>,
        call: KernelCall<'_>,
        _: impl FnOnce() + Send + 'static,
    ) -> Result<(), Error> {
        let KernelCall { index, entry, launch, lent, values, .. } = call;
        let kernel = &loaded.kernels[index];
        let block = entry.block.map_or_else(|| kernel.default_block(), Dim3::from);
        let Some((grid, block, shared)) = launch.resolve(block) else {
            return Err(refused(format!(
                "`{}` would have more blocks than a grid can have: {launch:?}",
                entry.name
            )));
        };
        kernel.check((grid, block), &loaded.limits)?;
        if shared > 0 {
            kernel.allow_shared(&loaded.module, shared)?;
        }
        let mut lengths = Lengths::default();
        lengths.fill(entry, lent)?;
        let mut params = [ptr::null_mut::<c_void>(); PARAMS];
        let mut count = 0;
        for (param, origin) in params.iter_mut().zip(entry.origins) {
            *param = match *origin {
                ParamOrigin::Slice(slice) => ptr::from_ref(&lent[slice].start).cast_mut().cast(),
                ParamOrigin::Length32(slice) => ptr::from_ref(&lengths.short[slice]).cast_mut().cast(),
                ParamOrigin::Length64(slice) => ptr::from_ref(&lengths.long[slice]).cast_mut().cast(),
                ParamOrigin::Value(value) => values[value].address.cast_mut(),
            };
            count += 1;
        }
        assert_eq!(count, entry.origins.len(), "the macro refuses more parameters");
        // SAFETY: each pointer is to a value of the size that the PTX has there, which the macro has
        // compared; the driver writes none of them. The author of the PTX vouches that the kernel stays
        // within its slices (`Source::ptx`); the caller has ordered the stream after their other uses (rules
        // 1 and 2).
        unsafe {
            stream.raw().launch_found(&loaded.module, kernel, (grid, block, shared), &params[..count])?;
        }
        Ok(())
    }
}

#[cold]
fn refused(reason: String) -> Error {
    Fault::kernel_refused(<Cuda as Backend>::NAME, reason).into()
}

/// The lengths of slices, as the PTX takes them.
#[derive(Default)]
struct Lengths {
    short: [u32; 12],
    long: [u64; 12],
}

impl Lengths {
    fn fill(&mut self, entry: &Entry, lent: &[Lent]) -> Result<(), Error> {
        for origin in entry.origins {
            match *origin {
                ParamOrigin::Length32(slice) => {
                    let len = lent[slice].len;
                    self.short[slice] = u32::try_from(len).map_err(|_| {
                        refused(format!(
                            "`{}` takes the lengths of slices as a `u32`, and one has {len} elements",
                            entry.name
                        ))
                    })?;
                }
                ParamOrigin::Length64(slice) => self.long[slice] = lent[slice].len as u64,
                ParamOrigin::Slice(_) | ParamOrigin::Value(_) => {}
            }
        }
        Ok(())
    }
}
