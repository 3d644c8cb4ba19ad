//! Growth of a live buffer: by 30 %, and in many steps. All memory is written before it grows.

use super::{Session, size};
use crate::common::Failure;
use crate::common::turns::{Contestant, UNKNOWN, over, us};
use crate::subject::{Grower, Subject, on_device};
use gpumem::{Buffer, BufferSpec, Device};
use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

const SPEC: BufferSpec = BufferSpec::new("grown").growth(1.3).max(8 << 30);

const COLUMNS: [(&str, &str); 3] = [("", "us"), ("held over the final size", "x"), ("driver calls", "")];

pub(crate) fn run<B: Subject>(session: &mut Session) {
    for bytes in B::GROWN {
        let sizes = [bytes, bytes / 10 * 13];
        compare::<B>(session, &format!("grow {} by 30 %", size(bytes)), &sizes, false);
        compare::<B>(session, &format!("grow {} by 30 %, from retained chunks", size(bytes)), &sizes, true);
    }
    let sizes = steps(64 << 20, B::LAST);
    let case = format!("grow 64 MiB to {} in {} steps of 1.3", size(B::LAST), sizes.len() - 1);
    compare::<B>(session, &case, &sizes, false);
}

fn compare<B: Subject>(session: &mut Session, case: &str, sizes: &[usize], retained: bool) {
    // A copy needs the last two sizes at once, and an eighth more must be free.
    let need = sizes[sizes.len() - 2..].iter().sum::<usize>() / 8 * 9;
    if !session.has_room(case, need) {
        return;
    }
    let own = sizes.to_vec();
    let own = Contestant::new("gpumem", move || grow::<B>(&own, retained));
    let other = |grower: &Rc<dyn Grower>| {
        let (grower, sizes) = (Rc::clone(grower), sizes.to_vec());
        Contestant::new(grower.name(), move || Ok([grower.grow(&sizes)?, UNKNOWN, UNKNOWN]))
    };
    let others = session.own.peers.growers.iter().map(other).collect();
    session.compare(case, COLUMNS, own, others);
}

/// The sizes from the first to the last, each 1.3 times the previous one.
fn steps(from: usize, last: usize) -> Vec<usize> {
    let next = |size: &usize| (*size < last).then(|| (size / 10 * 13).min(last));
    std::iter::successors(Some(from), next).collect()
}

/// Does as [`Grower::grow`] says. With `retained`, a buffer as large as the missing memory was dropped
/// before.
fn grow<B: Subject>(sizes: &[usize], retained: bool) -> Result<[f64; 3], Failure> {
    on_device::<B, _>(Device::builder(), |device| {
        let mut buffer: Buffer<u8, B> = Buffer::with_capacity(device, SPEC, sizes[0])?;
        buffer.resize(sizes[0])?;
        if retained {
            drop(Buffer::<u8, B>::with_capacity(device, "earlier", sizes[1] - sizes[0])?);
        }
        device.synchronize()?;
        let address = B::address(&buffer)?;
        let (mut time, calls) = (0.0, device.stats().driver_calls);
        for size in &sizes[1..] {
            let more = size - buffer.len();
            let began = Instant::now();
            black_box(&mut buffer).reserve(more)?;
            time += us(began);
            buffer.resize(*size)?;
            device.synchronize()?;
        }
        if device.has_virtual_memory() && B::address(&buffer)? != address {
            return Err("the address has changed".into());
        }
        let stats = device.stats();
        let held = over(stats.held_bytes, buffer.capacity_bytes());
        Ok([time, held, over(stats.driver_calls - calls, 1_usize)])
    })
}
