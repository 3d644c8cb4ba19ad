//! Timelines of a device, and the one that is written when memory runs out.

use super::device_state::DeviceState;
use crate::backend::Backend;
use crate::log_safely::safely;
use crate::timeline::Timeline;

impl<B: Backend> DeviceState<B> {
    /// What happened until now, if the device records it.
    pub(crate) fn timeline(&self) -> Option<Timeline> {
        // The live buffers first: a change after this has a record.
        let lasting = self.ledger.lasting();
        let device = (B::NAME, self.backend.device_name());
        self.ledger.recorder.snapshot(device, self.pool.budget().limit(), lasting)
    }

    /// Writes the timeline to the file for that, the first time. The caller holds no lock. A panic of the
    /// logger is ignored.
    pub(super) fn dump(&self) {
        let Some(path) = self.ledger.recorder.dump_path() else { return };
        let Some(written) = self.timeline().map(|timeline| timeline.write_to(path)) else { return };
        let path = path.display();
        safely(|| match written {
            Ok(()) => log::error!("gpumem: memory ran out; {path} shows what had it"),
            Err(error) => log::error!("gpumem: memory ran out, and {path} could not be written: {error}"),
        });
    }
}
