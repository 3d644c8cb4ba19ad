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

    /// Writes the timeline to the file for that, the first time. The caller holds no lock. A panic, such as
    /// of the logger, is ignored: the application gets the error of its request.
    pub(super) fn dump(&self) {
        let Some(path) = self.ledger.recorder.dump_path() else { return };
        safely(|| match self.timeline().map(|timeline| timeline.write_to(path)) {
            Some(Ok(())) => {
                log::error!("gpumem: memory ran out; {} shows what had it", path.display());
            }
            Some(Err(error)) => {
                log::error!("gpumem: memory ran out, and {} was not written: {error}", path.display());
            }
            None => {}
        });
    }
}
