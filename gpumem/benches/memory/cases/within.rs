//! Changes of the length within the capacity: one of numbers only, and one that sets an element to zero.

use super::Session;
use super::pairs::One;
use crate::common::turns::{Contestant, each, us};
use crate::subject::{Subject, on_device};
use gpumem::{Buffer, Device};
use std::hint::black_box;
use std::time::Instant;

const LEN: usize = 1 << 20;

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let times = session.options.share(1_000_000);
    let numbers = Contestant::new("gpumem", move || reserve::<B>(times));
    let vec = Contestant::new("Vec", move || reserve_vec(times));
    session.compare("truncate and reserve within the capacity", [("", "ns")], numbers, vec![vec]);

    let times = session.options.share(10_000);
    let own = Contestant::new("gpumem", move || resize::<B>(times));
    let peers = B::resizers(LEN, times);
    session.compare("truncate and resize by one within the capacity", [("", "ns")], own, peers);
}

fn reserve<B: Subject>(times: usize) -> One {
    on_device::<B, _>(Device::builder(), |device| {
        let mut buffer: Buffer<u32, B> = Buffer::with_capacity(device, "within", LEN)?;
        let began = Instant::now();
        for _ in 0..times {
            black_box(&mut buffer).truncate(black_box(LEN / 2));
            black_box(&mut buffer).reserve(black_box(LEN / 2))?;
        }
        Ok([each(us(began) * 1e3, times)])
    })
}

fn reserve_vec(times: usize) -> One {
    let mut numbers: Vec<u32> = Vec::with_capacity(LEN);
    let began = Instant::now();
    for _ in 0..times {
        black_box(&mut numbers).truncate(black_box(LEN / 2));
        black_box(&mut numbers).reserve(black_box(LEN / 2));
    }
    Ok([each(us(began) * 1e3, times)])
}

/// The device sets the new element to zero. The time includes that.
fn resize<B: Subject>(times: usize) -> One {
    on_device::<B, _>(Device::builder(), |device| {
        let mut buffer: Buffer<u32, B> = Buffer::with_capacity(device, "within", LEN)?;
        buffer.resize(LEN)?;
        device.synchronize()?;
        let began = Instant::now();
        for _ in 0..times {
            black_box(&mut buffer).truncate(LEN - 1);
            black_box(&mut buffer).resize(LEN)?;
        }
        device.synchronize()?;
        Ok([each(us(began) * 1e3, times)])
    })
}
