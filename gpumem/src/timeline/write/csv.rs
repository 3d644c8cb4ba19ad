//! The log of RMM's `logging_resource_adaptor`: a line per block that is taken, given back, or not to be had.
//!
//! A growth is the end of one block and the beginning of another, as RMM's containers do it. Times are those of
//! the day, in UTC. Staging copies, whose addresses are not recorded, are left out.

use super::Size;
use crate::timeline::history::{About, Block, History, Mark};
use std::fmt::Write;
use std::time::{Duration, SystemTime};

pub(super) fn log(about: &About, history: &History, _: Size) -> Vec<u8> {
    let began = about.began_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut text = String::from("Thread,Time,Action,Pointer,Size,Stream\n");
    for Action { time, thread, what, address, bytes, .. } in actions(history) {
        let (what, pointer) = match what {
            What::Take => ("allocate", format!("{address:#x}")),
            What::GiveBack => ("free", format!("{address:#x}")),
            What::Fail => ("allocate failure", "0x0".into()),
        };
        let time = time_of_day(began + Duration::from_nanos(time));
        let _ = writeln!(text, "{thread},{time},{what},{pointer},{bytes},0");
    }
    text.into_bytes()
}

/// `HH:MM:SS:` and six digits, as RMM's parser expects it.
fn time_of_day(since: Duration) -> String {
    let seconds = since.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}:{:06}", since.subsec_micros())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    GiveBack,
    Take,
    Fail,
}

/// What allocators of other projects would have recorded.
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
    for Block { site, place, start, end, threads, .. } in &history.blocks {
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
