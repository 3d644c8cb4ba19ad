//! Pairs on several threads at once.

use super::Session;
use super::pairs::One;
use crate::allocators::{Untyped, Whole};
use crate::common::turns::Contestant;
use crate::subject::{Subject, on_device};
use crate::workload::Workload;
use gpumem::Device;

/// The most pairs per thread: ten times those of `peers.hpp`, so that fast allocators run for longer than
/// threads take to start. Slow ones get as many as fit in a third of a second.
const PAIRS: usize = 200_000;

pub(crate) fn run<B: Subject>(session: &mut Session) {
    for threads in [1, 4, 16] {
        let pairs = session.options.share(PAIRS);
        let untyped = move || -> One {
            on_device::<B, _>(Device::builder(), |device| {
                Ok([Untyped(device.__pool()).threads(threads, pairs)?])
            })
        };
        let whole = move || -> One {
            on_device::<B, _>(Device::builder(), |device| Ok([Whole(device).threads(threads, pairs)?]))
        };
        compare(session, threads, "the pool", Contestant::new("gpumem", untyped));
        compare(session, threads, "whole buffers", Contestant::new("gpumem", whole));
    }
}

fn compare(session: &mut Session, threads: usize, what: &str, own: Contestant<1>) {
    let pairs = session.options.share(PAIRS);
    let peers = session.against(move |peer| Ok([peer.threads(threads, pairs)?]));
    let case = format!("threads: {threads}, {what}");
    session.compare(&case, [("", "M pairs/s")], own, peers);
}
