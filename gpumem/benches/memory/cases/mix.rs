//! The random mix: how fast, how slow at worst, and how much more memory is held than lives.

use super::{Session, size};
use crate::Failure;
use crate::allocators::Untyped;
use crate::subject::{Peer, Subject, on_device};
use crate::turns::{Contestant, UNKNOWN, over};
use crate::workload::{Mix, Workload};
use gpumem::Device;

/// The mix is run twice: from nothing, and with what the first run has left behind.
const COLUMNS: [(&str, &str); 5] = [
    ("cold", "us/op"),
    ("cold, slowest", "us"),
    ("warm", "us/op"),
    ("warm, slowest", "us"),
    ("peak held over peak live", "x"),
];

/// The default, and larger ones.
const SLACKS: [Option<f64>; 4] = [None, Some(0.15), Some(0.25), Some(0.5)];

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let cap = session.own.cap.min(session.room / 10 * 9);
    for max in [1 << 20, 64 << 20] {
        let mix = Mix { max, takes: session.options.share(10_000), cap };
        for slack in SLACKS {
            let settings = slack.map_or("the default slack".into(), |slack| format!("slack {slack}"));
            let case = format!("mix to {}, at most {} MiB live, {settings}", size(max), cap >> 20);
            let own = Contestant::new("gpumem", move || own::<B>(slack, mix));
            let peers = session.against(move |peer| other(peer, mix));
            session.compare(&case, COLUMNS, own, peers);
        }
    }
}

fn own<B: Subject>(slack: Option<f64>, mix: Mix) -> Result<[f64; 5], Failure> {
    let settings = Device::builder();
    let settings = match slack {
        Some(slack) => settings.slack(slack),
        None => settings,
    };
    on_device::<B, _>(settings, |device| {
        let pool = Untyped(device.__pool());
        let (cold, warm) = (pool.mix(mix)?, pool.mix(mix)?);
        let held = over(device.stats().peak_held_bytes, cold.peak.max(warm.peak));
        Ok([cold.us, cold.worst, warm.us, warm.worst, held])
    })
}

fn other(peer: &dyn Peer, mix: Mix) -> Result<[f64; 5], Failure> {
    if peer.is_slow() {
        return Ok([UNKNOWN; 5]);
    }
    let (cold, warm) = (peer.mix(mix)?, peer.mix(mix)?);
    let held = peer.peak_held().map_or(UNKNOWN, |held| over(held, cold.peak.max(warm.peak)));
    Ok([cold.us, cold.worst, warm.us, warm.worst, held])
}
