//! Timelines of a device, and the one that is written when memory runs out.

use super::device_state::DeviceState;
use crate::backend::Backend;
use crate::log_safely::event;
use crate::timeline::Timeline;

impl<B: Backend> DeviceState<B> {
    /// All that happened until now, if the device records it.
    pub(crate) fn timeline(&self) -> Option<Timeline> {
        // The live buffers first: a change after this has a record.
        let lasting = self.ledger.lasting();
        let device = (B::NAME, self.backend.device_name());
        self.ledger.recorder.snapshot(device, self.pool.budget().limit(), lasting)
    }

    /// Writes the timeline to the file for that, the first time. The caller holds no lock.
    pub(super) fn dump(&self) {
        let Some(path) = self.ledger.recorder.dump_path() else { return };
        let Some(timeline) = self.timeline() else { return };
        let (written, path) = (timeline.write_to(path), path.display());
        match written {
            Ok(()) => event!(ERROR, "dumped", "memory ran out; {path} shows what had it"),
            Err(error) => event!(ERROR, "dumped", "memory ran out, and {path} was not written: {error}"),
        }
    }
}
