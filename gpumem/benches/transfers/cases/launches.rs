//! The call that launches a kernel, by itself.

use super::Session;
use crate::common::Failure;
use crate::common::turns::{Contestant, us};
use crate::subject::{Subject, kernels, on_device};
use crate::workload::repeat;
use gpumem::{Buffer, KernelBackend, Launch};
use std::time::Instant;

/// Launches per attempt: few enough that the queue of a card is never full.
pub(crate) const BATCH: u32 = 100;
/// Elements of both buffers.
pub(crate) const LEN: usize = 1_024;

pub(crate) fn run<B: Subject + KernelBackend>(session: &mut Session) {
    let times = session.options.share(300);
    let own = Contestant::new("gpumem", move || launch::<B>(times));
    session.compare("launch a kernel of two buffers and a number", [("", "us")], own, B::launchers(times));
}

fn launch<B: Subject + KernelBackend>(times: usize) -> Result<[f64; 1], Failure> {
    on_device::<B, _>(|device| {
        let kernels = kernels::Kernels::load(device)?;
        let mut written = Buffer::<f32, B>::zeroed(device, "written", LEN)?;
        let read = Buffer::<f32, B>::zeroed(device, "read", LEN)?;
        repeat(times, || {
            let began = Instant::now();
            for count in 0..BATCH {
                kernels.nothing(Launch::over(LEN), &mut written, &read, count)?;
            }
            let time = us(began) / f64::from(BATCH);
            device.synchronize()?;
            Ok(time)
        })
    })
}
