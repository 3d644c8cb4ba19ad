//! The common part of the peers on a card: a stream, and growth by copies.

use crate::common::Failure;
use crate::common::context::{Context, Stream, check};
use crate::common::driver::{DeviceAddress, cuMemcpyDtoDAsync_v2};
use crate::common::turns::us;
use std::time::Instant;

/// A stream in the primary context, which is current on the calling thread. Both stay until the program ends.
#[derive(Clone, Copy)]
pub(crate) struct Card {
    pub(crate) context: Context,
    pub(crate) stream: &'static Stream,
}

impl Card {
    pub(crate) fn start() -> Result<Self, Failure> {
        let context = Context::start()?;
        Ok(Self { context, stream: Box::leak(Box::new(Stream::new(context)?)) })
    }

    /// Grows a block as `Grower::grow` says, by a copy, with these two calls.
    pub(crate) fn grow(
        self,
        sizes: &[usize],
        allocate: impl Fn(usize) -> Result<DeviceAddress, Failure>,
        free: impl Fn(DeviceAddress) -> Result<(), Failure>,
    ) -> Result<f64, Failure> {
        self.context.make_current()?;
        let mut block = allocate(sizes[0])?;
        let mut time = 0.0;
        for pair in sizes.windows(2) {
            self.stream.fill(block, pair[0])?;
            let began = Instant::now();
            let longer = allocate(pair[1])?;
            // SAFETY: both blocks have `pair[0]` bytes or more, and stay allocated until the copy is done.
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
