//! An allocation log of RMM's format, replayed: `Timeline::write_to("run.csv")` writes one, and so does RMM's
//! `logging_resource_adaptor`.

use super::Session;
use super::mix::{COLUMNS, measured};
use crate::allocators::Untyped;
use crate::common::Failure;
use crate::common::turns::{Contestant, UNKNOWN};
use crate::subject::{Subject, on_device};
use crate::workload::Log;
use gpumem::Device;
use std::rc::Rc;

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let Some((path, log)) = session.own.replay.clone() else { return };
    let case = format!("replay of {path}, {} operations on one thread", log.operations());
    let own = {
        let log = Rc::clone(&log);
        move || {
            on_device::<B, _>(Device::builder(), |device| {
                let pool = Untyped(device.__pool());
                measured(|| log.replay(&pool), || Some(device.stats().peak_held_bytes))
            })
        }
    };
    let peers = session.against(move |peer| {
        if peer.is_slow() {
            return Ok([UNKNOWN; 5]);
        }
        measured(|| peer.replay(&log), || peer.peak_held())
    });
    session.compare(&case, COLUMNS, Contestant::new("gpumem", own), peers);
}

/// The log in a file.
pub(crate) fn read(path: &str) -> Result<Rc<Log>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(Rc::new(Log::read(&text).map_err(|line| format!("{path}: this is no line of a log: {line}"))?))
}
