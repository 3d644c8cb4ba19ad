//! Uploads whose data is written in place, into the memory from which the device fetches it.

use super::Session;
use super::copies::{SIZES, compare};
use crate::common::Failure;
use crate::common::report::size;
use crate::common::turns::{Contestant, us};
use crate::subject::{Subject, on_device};
use crate::workload::{Way, rate};
use gpumem::Buffer;
use std::hint::black_box;
use std::time::Instant;

pub(crate) fn run<B: Subject>(session: &mut Session) {
    for bytes in SIZES {
        let own = move |times| Contestant::new("gpumem", move || stage::<B>(bytes, times));
        compare::<B>(session, &format!("upload {} as staged", size(bytes)), Way::Upload, bytes, own);
    }
}

/// Measures the call for the stage, and the time from the commit on. The program writes in between.
fn stage<B: Subject>(bytes: usize, times: usize) -> Result<[f64; 1], Failure> {
    on_device::<B, _>(|device| {
        let mut buffer: Buffer<u8, B> = Buffer::with_capacity(device, "staged", bytes)?;
        rate(bytes, times, || {
            let began = Instant::now();
            let mut staged = buffer.stage(bytes)?;
            let taken = us(began);
            black_box(&mut staged).fill(1);
            let began = Instant::now();
            staged.commit()?;
            device.synchronize()?;
            Ok(taken + us(began))
        })
    })
}
