//! Pairs of calls, again and again: one takes a block, the other gives it back.

use super::{Session, size};
use crate::allocators::{Untyped, Whole};
use crate::common::Failure;
use crate::common::turns::Contestant;
use crate::subject::{Subject, on_device};
use crate::workload::Workload;
use gpumem::Device;

/// The most pairs per round. The driver's slower calls get as many as fit in a third of a second.
const PAIRS: usize = 20_000;

pub(crate) fn run<B: Subject>(session: &mut Session) {
    for bytes in [4 << 10, 256 << 10, 2 << 20, 64 << 20, 512 << 20] {
        let pairs = session.options.share(PAIRS);
        let untyped = move || {
            on_device::<B, _>(Device::builder(), |device| Untyped(device.__pool()).pairs(bytes, pairs))
                .map(one)
        };
        let whole =
            move || on_device::<B, _>(Device::builder(), |device| Whole(device).pairs(bytes, pairs)).map(one);
        compare(session, bytes, "the pool", Contestant::new("gpumem", untyped));
        compare(session, bytes, "whole buffers", Contestant::new("gpumem", whole));
    }
    #[cfg(feature = "timeline")]
    recorded::<B>(session);
}

/// Whole buffers of a device that records them.
#[cfg(feature = "timeline")]
fn recorded<B: Subject>(session: &mut Session) {
    let (bytes, pairs) = (4 << 10, session.options.share(PAIRS));
    let recorded = move || {
        let settings = Device::builder().timeline(1 << 16);
        on_device::<B, _>(settings, |device| Whole(device).pairs(bytes, pairs)).map(one)
    };
    let case = format!("allocate and free {}, whole buffers, with a timeline", size(bytes));
    session.compare(&case, [("", "us")], Contestant::new("gpumem", recorded), Vec::new());
}

fn compare(session: &mut Session, bytes: usize, what: &str, own: Contestant<1>) {
    let pairs = session.options.share(PAIRS);
    let case = format!("allocate and free {}, {what}", size(bytes));
    let peers = session.against(move |peer| peer.pairs(bytes, pairs).map(one));
    session.compare(&case, [("", "us")], own, peers);
}

fn one(figure: f64) -> [f64; 1] {
    [figure]
}

/// The figures of a case of one column.
pub(crate) type One = Result<[f64; 1], Failure>;
