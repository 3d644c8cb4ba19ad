//! How the copies of a download are queued: all of them or, if the driver fails, a part that is not shown to
//! anyone.

use super::snapshots::{CopySource, Snapshots};
use crate::backend::Backend;
use crate::buffer::copies;
use crate::buffer::raw::RawBuffer;
use crate::error::Error;
use crate::memory::{Completion, DeviceState, InFlight, PartlyQueued, PinnedBlock, Slot, Stream};
use crate::timeline::Direction;
use std::sync::Arc;

/// One part of a download, with all that it needs before anything is queued.
pub(super) struct PreparedPart<'a, B: Backend> {
    pub(super) source: CopySource<'a, B>,
    pub(super) pinned: PinnedBlock<B>,
    pub(super) slot: Slot,
}

/// Queues the copies, which come after all work that is queued on the stream `after` now. Returns the end of
/// each; they share one event, which is recorded after the last copy.
pub(super) fn queue<B: Backend>(
    state: &Arc<DeviceState<B>>,
    after: &Stream<B>,
    prepared: Vec<PreparedPart<'_, B>>,
) -> Result<Vec<Completion<B>>, Error> {
    let mut snapshots = Snapshots::lock(prepared.iter().map(|part| &part.source))?;
    prepared.iter().try_for_each(|part| snapshots.copy(&part.source))?;
    state.lanes.order_download_after(after)?;
    let copy = |index: usize| {
        let PreparedPart { source, pinned, .. } = &prepared[index];
        copies::HostCopy { source: snapshots.place(index, source), pinned, bytes: source.bytes.len() }
    };
    let copies: Vec<_> = (0..prepared.len()).map(copy).collect();
    // Locked while the event is recorded, since it may be awaited: events and transfers enter the lane in one
    // order.
    let mut lane = None;
    // SAFETY: the ranges lie in their blocks and were written (rule 5) by work that the lane was just made to
    // wait for. The lane keeps the pinned memory until the event that all parts share (rule 3).
    let queued =
        unsafe { copies::download_together(state, &copies, || lane = Some(state.lanes.download.lock())) };
    drop(copies);
    match queued {
        Ok(event) => {
            snapshots.advance();
            let mut lane = lane.unwrap_or_else(|| state.lanes.download.lock());
            let mut transfers = Vec::with_capacity(prepared.len());
            for PreparedPart { source, pinned, slot } in prepared {
                source.raw.downloaded(source.bytes.len(), true);
                let transfer = lane.push(event.clone(), pinned, Some(slot));
                transfer.show(source.raw.bar(Direction::AsyncDownload, source.bytes.len()));
                transfers.push((source.raw, transfer));
            }
            drop(lane);
            // `remember` wakes tasks that wait for a slot, so no lock is held.
            let completion = |(raw, transfer): (&RawBuffer<B>, Arc<InFlight<B>>)| {
                raw.slots().remember(&transfer);
                Completion::new(&state.lanes.download, transfer)
            };
            Ok(transfers.into_iter().map(completion).collect())
        }
        Err(failed) => {
            // Slots come back, which wakes tasks, and losses are logged: code of the application, so no lock
            // is held.
            drop((lane, snapshots));
            Err(give_up(state, prepared, failed))
        }
    }
}

/// Gives up a download of which a part may have been queued. Those copies run to their end, and no ticket
/// shows them: their memory is kept until then, or for good if the end is not known.
fn give_up<B: Backend>(
    state: &DeviceState<B>,
    prepared: Vec<PreparedPart<'_, B>>,
    PartlyQueued { fault, parts, event }: PartlyQueued<B::Event>,
) -> Error {
    for part in prepared.into_iter().take(parts) {
        match &event {
            Some(event) => state.lanes.download.hold(event.clone(), part.pinned),
            None => part.pinned.lose(),
        }
    }
    fault.into()
}
