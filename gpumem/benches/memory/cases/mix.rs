//! The random mix: its mean time, its slowest operation, and the ratio of held to live memory.

use super::{Session, size};
use crate::allocators::Untyped;
use crate::common::Failure;
use crate::common::turns::{Contestant, UNKNOWN, over};
use crate::subject::{Peer, Subject, on_device};
use crate::workload::{Allocator, Mix, Mixed, Workload};
use gpumem::{Device, DeviceBuilder};

/// The mix runs twice: first without memory from before, then with the memory that the first run has left.
pub(super) const COLUMNS: [(&str, &str); 5] = [
    ("cold", "us/op"),
    ("cold, slowest", "us"),
    ("warm", "us/op"),
    ("warm, slowest", "us"),
    ("peak held over peak live", "x"),
];

/// The settings of a device.
#[derive(Clone, Copy)]
enum Setting {
    /// The defaults. The limit is far away.
    Default,
    /// A fixed overhead.
    Overhead(f64),
    /// The defaults, with a limit of 1.05 times the peak of live bytes. A request that fails ends the case.
    Limit,
}

const SETTINGS: [Setting; 5] = [
    Setting::Default,
    Setting::Overhead(0.05),
    Setting::Overhead(0.15),
    Setting::Overhead(0.5),
    Setting::Limit,
];

impl Setting {
    fn name(self) -> String {
        match self {
            Self::Default => "by default".into(),
            Self::Overhead(overhead) => format!("overhead {overhead}"),
            Self::Limit => "limit 1.05 x".into(),
        }
    }

    fn builder(self, mix: Mix) -> Result<DeviceBuilder, Failure> {
        let builder = Device::builder();
        Ok(match self {
            Self::Default => builder,
            Self::Overhead(overhead) => builder.overhead(overhead),
            Self::Limit => {
                let most = Nothing.mix(mix)?.peak as u64;
                builder.memory_limit(most + most / 20)
            }
        })
    }
}

/// An allocator that gives no memory, to find out the requests of the mix.
struct Nothing;

impl Allocator for Nothing {
    type Block = ();
    type Error = Failure;

    fn take(&self, _: usize) -> Result<(), Failure> {
        Ok(())
    }

    fn give_back(&self, (): ()) {}
}

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let cap = session.own.cap.min(session.room / 10 * 9);
    for max in [1 << 20, 64 << 20] {
        let mix = Mix { max, takes: session.options.share(10_000), cap };
        for setting in SETTINGS {
            let case = format!("mix to {}, at most {} MiB live, {}", size(max), cap >> 20, setting.name());
            let own = Contestant::new("gpumem", move || own::<B>(setting, mix));
            let peers = session.against(move |peer| other(peer, mix));
            session.compare(&case, COLUMNS, own, peers);
        }
    }
}

fn own<B: Subject>(setting: Setting, mix: Mix) -> Result<[f64; 5], Failure> {
    let settings = setting.builder(mix)?;
    on_device::<B, _>(settings, |device| {
        let pool = Untyped(device.__pool());
        measured(|| pool.mix(mix), || Some(device.stats().peak_held_bytes))
    })
}

fn other(peer: &dyn Peer, mix: Mix) -> Result<[f64; 5], Failure> {
    if peer.is_slow() {
        return Ok([UNKNOWN; 5]);
    }
    measured(|| peer.mix(mix), || peer.peak_held())
}

/// The columns of a workload that runs twice, on an allocator that may tell the most bytes that it has held.
pub(super) fn measured(
    run: impl Fn() -> Result<Mixed, Failure>,
    peak_held: impl Fn() -> Option<u64>,
) -> Result<[f64; 5], Failure> {
    let (cold, warm) = (run()?, run()?);
    let held = peak_held().map_or(UNKNOWN, |held| over(held, cold.peak.max(warm.peak)));
    Ok([cold.us, cold.worst, warm.us, warm.worst, held])
}
