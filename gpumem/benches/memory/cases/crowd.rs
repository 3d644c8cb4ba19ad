//! A million small buffers, all alive at the same time.

use super::Session;
use crate::allocators::{Untyped, Whole};
use crate::common::Failure;
use crate::common::turns::{Contestant, UNKNOWN, over};
use crate::subject::{Peer, Subject, on_device};
use crate::workload::Workload;
use gpumem::{Buffer, Device};

/// The last column has the bytes that the library requests from the host's heap per buffer. It does not
/// include the handle, which the application has.
const COLUMNS: [(&str, &str); 3] =
    [("made and dropped", "us"), ("held over live", "x"), ("heap beside the handle", "bytes")];

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let count = session.options.share(1_000_000);
    let handle = size_of::<Buffer<u8, B>>();
    let case = format!("{count} buffers of 1 to 4096 bytes, whole buffers (handles of {handle} bytes)");
    let whole = move || on_device::<B, _>(Device::builder(), |device| own(device, &Whole(device), count));
    let peers = session.against(move |peer| other(peer, count));
    session.compare(&case, COLUMNS, Contestant::new("gpumem", whole), peers);

    let case = format!("{count} blocks of 1 to 4096 bytes, the pool");
    let untyped =
        move || on_device::<B, _>(Device::builder(), |device| own(device, &Untyped(device.__pool()), count));
    let peers = session.against(move |peer| other(peer, count));
    session.compare(&case, COLUMNS, Contestant::new("gpumem", untyped), peers);
}

fn own<B: Subject>(device: &Device<B>, allocator: &dyn Workload, count: usize) -> Result<[f64; 3], Failure> {
    let mut held = UNKNOWN;
    let look = &mut || {
        let stats = device.stats();
        held = over(stats.held_bytes, stats.live_bytes);
    };
    let [us, heap] = allocator.crowd(count, look)?;
    Ok([us, held, heap])
}

/// A slow peer makes fewer blocks, at the same cost per block.
fn other(peer: &dyn Peer, count: usize) -> Result<[f64; 3], Failure> {
    let count = if peer.is_slow() { count / 100 } else { count };
    let [us, _] = peer.crowd(count, &mut || {})?;
    Ok([us, UNKNOWN, UNKNOWN])
}
