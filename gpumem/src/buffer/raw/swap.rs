//! Two buffers that exchange their contents: each keeps its name, its limits and its place, and gets the
//! memory of the other. No work is queued, since the memory's pending uses go with it (rule 2).

use super::RawBuffer;
use super::set_share::SetCharge;
use crate::backend::Backend;
use crate::error::Error;
use std::mem;

impl<B: Backend> RawBuffer<B> {
    /// Exchanges the memory and the lengths of two buffers of one element, which live on one device and have
    /// the same settings. Staging copies stay, as do slots: they belong to the downloads of their buffer.
    pub(in crate::buffer) fn swap_contents(&mut self, other: &mut Self) -> Result<(), Error> {
        assert_eq!(self.element_size(), other.element_size(), "gpumem: a buffer of another element");
        self.check_same_device(other)?;
        if let Some((key, value)) = self.spec.difference(&other.spec) {
            return Err(Error::InvalidSpec {
                what: other.label.to_string(),
                key,
                value,
                rule: "buffers that swap their contents have the same settings",
            });
        }
        let [bytes, other_bytes] = [&*self, other].map(|raw| (raw.capacity * raw.element_size()) as u64);
        if SetCharge::are_of_one_set(&self.charge, &other.charge) {
            mem::swap(&mut self.charge, &mut other.charge);
        } else {
            let more = self.charge.extend_to(other_bytes, &self.label)?;
            let other_more = other.charge.extend_to(bytes, &other.label)?;
            self.charge.join(more, other_bytes);
            other.charge.join(other_more, bytes);
        }
        // No two buffers have one memory, and no peak counts it twice: this buffer gives its own up first.
        self.report_none();
        mem::swap(&mut self.block, &mut other.block);
        mem::swap(&mut self.capacity, &mut other.capacity);
        mem::swap(&mut self.len, &mut other.len);
        other.report_bytes(other.staging.bytes());
        self.report_bytes(self.staging.bytes());
        Ok(())
    }
}
