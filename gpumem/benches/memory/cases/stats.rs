//! Snapshots of the statistics.

use super::Session;
use super::pairs::One;
use crate::common::turns::{Contestant, each, us};
use crate::subject::{Subject, on_device};
use gpumem::{Buffer, Device, Error};
use std::hint::black_box;
use std::time::Instant;

const BUFFERS: usize = 1_000;

/// As many threads as there are caches: a snapshot looks into each that was used.
const THREADS: usize = 64;

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let times = session.options.share(10_000);
    let device = Contestant::new("gpumem", move || device::<B>(times));
    let case = format!("statistics of a device, {BUFFERS} live buffers, {THREADS} threads");
    session.compare(&case, [("", "us")], device, Vec::new());
    let buffers = Contestant::new("gpumem", move || buffers::<B>(times / 10));
    session.compare("statistics of a buffer", [("", "us")], buffers, Vec::new());
}

fn device<B: Subject>(times: usize) -> One {
    on_device::<B, _>(Device::builder(), |device| {
        let make = |_| Buffer::<u32, B>::with_capacity(device, "alive", 100);
        let live = (0..BUFFERS).map(make).collect::<Result<Vec<_>, Error>>()?;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| make(0).map(drop))).collect();
            threads.into_iter().try_for_each(|thread| match thread.join() {
                Ok(made) => made.map_err(crate::Failure::from),
                Err(_) => Err("a thread panicked".into()),
            })
        })?;
        let began = Instant::now();
        for _ in 0..times {
            black_box(device.stats());
        }
        let time = us(began);
        drop(live);
        Ok([each(time, times)])
    })
}

fn buffers<B: Subject>(times: usize) -> One {
    on_device::<B, _>(Device::builder(), |device| {
        let make = |_| Buffer::<u32, B>::from_slice(device, "alive", &[1; 100]);
        let live = (0..BUFFERS / 10).map(make).collect::<Result<Vec<_>, Error>>()?;
        let began = Instant::now();
        for _ in 0..times {
            live.iter().for_each(|buffer| drop(black_box(buffer.stats())));
        }
        Ok([each(us(began), times * live.len())])
    })
}
