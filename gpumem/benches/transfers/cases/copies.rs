//! Copies of one buffer, from 4 KiB to 1 GiB, until the data is there.

use super::Session;
use crate::common::Failure;
use crate::common::report::size;
use crate::common::turns::{Contestant, us};
use crate::subject::{Subject, on_device};
use crate::workload::{Way, rate};
use gpumem::{Async, Buffer};
use std::hint::black_box;
use std::time::Instant;

pub(crate) const SIZES: [usize; 6] = [4 << 10, 64 << 10, 1 << 20, 12 << 20, 128 << 20, 1 << 30];

/// The name of the case in the table.
fn case(way: Way, bytes: usize) -> String {
    let bytes = size(bytes);
    match way {
        Way::Guard => format!("download {bytes} as a guard"),
        Way::Fresh => format!("download {bytes} as a fresh Vec"),
        Way::Slice => format!("download {bytes} into a slice"),
        Way::Upload => format!("upload {bytes} from a slice"),
    }
}

pub(crate) fn run<B: Subject>(session: &mut Session) {
    for way in Way::ALL {
        for bytes in SIZES {
            let case = case(way, bytes);
            let own = move |times| Contestant::new("gpumem", move || copy::<B>(way, bytes, times));
            compare::<B>(session, &case, way, bytes, own);
        }
    }
}

/// Measures copies of `bytes` against the peers that copy this way, if there is room for them.
pub(crate) fn compare<B: Subject>(
    session: &mut Session,
    case: &str,
    way: Way,
    bytes: usize,
    own: impl FnOnce(usize) -> Contestant<1>,
) {
    // To fill and to pin a GiB takes far longer than to copy it.
    let long = bytes >= 1 << 30;
    if long && session.options.quick || !session.has_room(case, bytes / 8 * 9) {
        return;
    }
    let times = session.options.share(((1 << 30) / bytes).clamp(3, 300));
    let rounds = if long { 3 } else { usize::MAX };
    session.compare_rounds(rounds, case, [("", "GB/s")], own(times), B::copiers(way, bytes, times));
}

fn copy<B: Subject>(way: Way, bytes: usize, times: usize) -> Result<[f64; 1], Failure> {
    on_device::<B, _>(|device| {
        let mut buffer: Buffer<u8, B, Async> = Buffer::with_capacity(device, "copied", bytes)?.into_async();
        buffer.resize(bytes)?;
        device.synchronize()?;
        let mut host = way.on_host(bytes);
        rate(bytes, times, || {
            let began = Instant::now();
            match way {
                Way::Guard => {
                    let guard = buffer.start_download()?.wait()?;
                    let time = us(began);
                    black_box(guard.first());
                    Ok(time)
                }
                Way::Fresh => {
                    let elements = buffer.download()?;
                    let time = us(began);
                    black_box(&elements);
                    Ok(time)
                }
                Way::Slice => {
                    buffer.download_into_slice(black_box(&mut host))?;
                    Ok(us(began))
                }
                Way::Upload => {
                    buffer.upload(black_box(&host))?;
                    device.synchronize()?;
                    Ok(us(began))
                }
            }
        })
    })
}
