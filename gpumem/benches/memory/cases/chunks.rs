//! A program that reads point clouds: it makes nine buffers for each chunk of 1 million points, give or take
//! a fifth, and drops them before the next chunk.

use super::Session;
use crate::allocators::Whole;
use crate::common::Failure;
use crate::common::turns::{Contestant, UNKNOWN, over};
use crate::subject::{Peer, Subject, on_device};
use crate::workload::{Random, Workload};
use gpumem::Device;

const COLUMNS: [(&str, &str); 4] = [
    ("", "us a chunk"),
    ("driver calls a chunk", ""),
    ("reused", "of all"),
    ("peak held over peak live", "x"),
];

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let chunks = session.options.share(1_000);
    let own = Contestant::new("gpumem", move || own::<B>(chunks));
    let peers = session.against(move |peer| other(peer, chunks));
    session.compare("nine buffers a chunk, the steady state", COLUMNS, own, peers);
}

/// Runs as many chunks before the measurement, so that this measures the steady state.
fn own<B: Subject>(chunks: usize) -> Result<[f64; 4], Failure> {
    on_device::<B, _>(Device::builder(), |device| {
        let mut random = Random(88_172_645_463_325_252);
        Whole(device).chunks(chunks, &mut random)?;
        let before = device.stats();
        let us = Whole(device).chunks(chunks, &mut random)?;
        let after = device.stats();
        let calls = over(after.driver_calls - before.driver_calls, chunks);
        let reused = over(after.reused - before.reused, after.allocations - before.allocations);
        Ok([us, calls, reused, over(after.peak_held_bytes, after.peak_bytes)])
    })
}

fn other(peer: &dyn Peer, chunks: usize) -> Result<[f64; 4], Failure> {
    let chunks = if peer.is_slow() { chunks / 10 } else { chunks };
    let mut random = Random(88_172_645_463_325_252);
    peer.chunks(chunks, &mut random)?;
    Ok([peer.chunks(chunks, &mut random)?, UNKNOWN, UNKNOWN, UNKNOWN])
}
