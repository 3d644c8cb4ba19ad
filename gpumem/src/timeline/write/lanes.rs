//! Rows for transfers, such that no two of a row overlap.

use crate::timeline::history::{History, Transfer};

/// A row per transfer, in the order of the history. Uploads and downloads each count from 0. What would need
/// more than `most` rows shares the last one.
pub(super) fn lanes(history: &History, most: usize) -> Vec<usize> {
    // Per way and row, the end of its last transfer.
    let mut ends: [Vec<u64>; 2] = [Vec::new(), Vec::new()];
    let lane = |transfer: &Transfer| {
        let ends = &mut ends[usize::from(transfer.direction.is_upload())];
        let end = transfer.end.unwrap_or(u64::MAX);
        let row = ends.iter().position(|free| *free <= transfer.start).unwrap_or(ends.len()).min(most - 1);
        match ends.get_mut(row) {
            Some(last) => *last = end.max(*last),
            None => ends.push(end),
        }
        row
    };
    history.transfers.iter().map(lane).collect()
}
