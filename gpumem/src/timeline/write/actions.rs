//! Blocks that were taken and given back, one after the other, as allocators of other projects record them.

use crate::timeline::history::{BlockLife, History, Mark};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    GiveBack,
    Take,
    Fail,
}

/// The actions that allocators of other projects would have recorded.
pub(super) struct Action {
    pub(super) time: u64,
    pub(super) thread: u32,
    pub(super) what: What,
    pub(super) address: u64,
    pub(super) bytes: u64,
    pub(super) site: u32,
}

/// All actions, in the order of time. At one time, memory is given back first.
pub(super) fn actions(history: &History) -> Vec<Action> {
    let mut actions = Vec::new();
    for BlockLife { site, place, start, end, threads, .. } in &history.blocks {
        if place.address == 0 {
            continue;
        }
        let action = |time, thread, what| Action {
            time,
            thread,
            what,
            address: place.address,
            bytes: place.bytes,
            site: *site,
        };
        actions.push(action(*start, threads.0, What::Take));
        actions.extend(end.map(|end| action(end, threads.1, What::GiveBack)));
    }
    for (time, thread, mark) in &history.marks {
        if let Mark::Failure { site, requested, .. } = mark {
            let (what, address) = (What::Fail, 0);
            actions.push(Action {
                time: *time,
                thread: *thread,
                what,
                address,
                bytes: *requested,
                site: *site,
            });
        }
    }
    actions.sort_by_key(|action| (action.time, action.what != What::GiveBack));
    actions
}
