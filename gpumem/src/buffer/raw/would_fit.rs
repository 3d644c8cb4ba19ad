//! Whether buffers could be made now: the checks of [`RawBuffer::new`], in its order, without the memory.

use super::growth::{check_limit, min_capacity, request};
use super::{RawBuffer, SetCharge, SetShared, check_spec, label};
use crate::backend::Backend;
use crate::device::Device;
use crate::error::Error;
use crate::memory::Forecast;
use crate::spec::BufferSpec;
use std::sync::Arc;

impl<B: Backend> RawBuffer<B> {
    /// Gives the error with which [`RawBuffer::new`] would fail, if all requests in `forecast` had got their
    /// memory, and adds its request. The buffer's part of its set's limit is taken as long as the returned
    /// charge lives.
    pub(crate) fn would_fit(
        device: &Device<B>,
        spec: &BufferSpec,
        capacity: usize,
        set: Option<&Arc<SetShared>>,
        forecast: &mut Forecast<'_, B>,
    ) -> Result<SetCharge, Error> {
        check_spec(device, spec)?;
        let label = label(spec, set.map(Arc::as_ref));
        let bytes = check_limit(spec, &label, capacity.max(min_capacity(spec)))?;
        let charge = SetCharge::none(set.cloned()).extend_to(bytes as u64, &label)?;
        if bytes > 0 {
            forecast.add(&label, bytes, request(spec, true, false))?;
        }
        Ok(charge)
    }
}
