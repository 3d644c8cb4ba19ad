//! Leak checks among a thousand buffers, and among a hundred thousand.

use super::Session;
use super::pairs::One;
use crate::common::turns::{Contestant, each, us};
use crate::subject::{Subject, on_device};
use gpumem::{Buffer, Device, Error, GpuBuffers};
use std::hint::black_box;
use std::time::Instant;

const BUFFERS: usize = 1_000;
const MANY: usize = 100_000;

/// A set with a hundredth of them.
#[derive(GpuBuffers, Default)]
struct Ten {
    a: Vec<u32>,
    b: Vec<u32>,
    c: Vec<u32>,
    d: Vec<u32>,
    e: Vec<u32>,
    f: Vec<u32>,
    g: Vec<u32>,
    h: Vec<u32>,
    i: Vec<u32>,
    j: Vec<u32>,
}

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let times = session.options.share(1_000);
    for (buffers, times) in [(BUFFERS, times), (MANY, times.div_ceil(100))] {
        let listed = Contestant::new("gpumem", move || listed::<B>(buffers, times));
        session.compare(
            &format!("leak check, {buffers} live buffers, listed"),
            [("", "us")],
            listed,
            Vec::new(),
        );
        let scope = Contestant::new("gpumem", move || scope::<B>(buffers, times));
        session.compare(&format!("leak scope beside {buffers} buffers"), [("", "us")], scope, Vec::new());
    }
    let sets = Contestant::new("gpumem", move || sets::<B>(times));
    session.compare("leak check, 100 sets of 10 buffers, all sets", [("", "us")], sets, Vec::new());
    let clean = Contestant::new("gpumem", move || clean::<B>(times));
    session.compare("leak check, a device without buffers", [("", "us")], clean, Vec::new());
}

/// The device's check, which finds all of them.
fn listed<B: Subject>(buffers: usize, times: usize) -> One {
    on_device::<B, _>(Device::builder(), |device| {
        let live = alive(device, buffers)?;
        let began = Instant::now();
        for _ in 0..times {
            match black_box(device.check_leaks()) {
                Err(Error::Leaked(report)) if report.held().len() == buffers => {}
                other => return Err(format!("the check gave {other:?}").into()),
            }
        }
        let time = us(began);
        drop(live);
        Ok([each(time, times)])
    })
}

/// A scope that is begun, checked and dropped, with a buffer that is made and dropped inside.
fn scope<B: Subject>(buffers: usize, times: usize) -> One {
    on_device::<B, _>(Device::builder(), |device| {
        let live = alive(device, buffers)?;
        let began = Instant::now();
        for _ in 0..times {
            let scope = device.leak_scope("frame");
            drop(Buffer::<u32, B>::with_capacity(device, "scratch", 100)?);
            black_box(&scope).check()?;
        }
        let time = us(began);
        drop(live);
        Ok([each(time, times)])
    })
}

fn alive<B: Subject>(device: &Device<B>, buffers: usize) -> Result<Vec<Buffer<u32, B>>, Error> {
    (0..buffers).map(|_| Buffer::with_capacity(device, "alive", 100)).collect()
}

/// The checks of all sets, with all their buffers alive and none leaked.
fn sets<B: Subject>(times: usize) -> One {
    on_device::<B, _>(Device::builder(), |device| {
        let make = |_| Ten::default().upload(device);
        let sets = (0..BUFFERS / 10).map(make).collect::<Result<Vec<_>, Error>>()?;
        let began = Instant::now();
        for _ in 0..times {
            sets.iter().try_for_each(|set| black_box(set).check_leaks())?;
        }
        Ok([each(us(began), times)])
    })
}

/// The device's check after a thousand buffers were dropped.
fn clean<B: Subject>(times: usize) -> One {
    on_device::<B, _>(Device::builder(), |device| {
        let make = |_| Buffer::<u32, B>::with_capacity(device, "gone", 100);
        drop((0..BUFFERS).map(make).collect::<Result<Vec<_>, Error>>()?);
        let began = Instant::now();
        for _ in 0..times {
            black_box(device).check_leaks()?;
        }
        Ok([each(us(began), times)])
    })
}
