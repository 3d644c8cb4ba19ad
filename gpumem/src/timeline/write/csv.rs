//! The log of RMM's `logging_resource_adaptor`: a line per block that is taken, given back, or not to be had.
//!
//! A growth is the end of one block and the beginning of another, as RMM's containers do it. Times are those
//! of the day, in UTC.

use super::EventCounts;
use super::actions::{Action, What, actions};
use crate::timeline::history::{About, History};
use std::fmt::Write;
use std::time::{Duration, SystemTime};

pub(super) fn log(about: &About, history: &History, _: EventCounts) -> Vec<u8> {
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
