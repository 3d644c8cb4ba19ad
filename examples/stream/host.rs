//! A step on the host: the step of `kernels.cu`, as a function over slices.
//!
//! It runs on one thread, which is the device here. The other cores are left to the threads that draw.

use std::time::Instant;

use gpumem::{Device, Host, Result};

use crate::{
    galaxies::{Galaxies, GalaxiesBuffers},
    physics::{Step, Story, moved},
    pipeline::Stepper,
    timeline::nanoseconds,
};

/// The number of stars that are moved together, so that their data stays in the nearest cache.
const GROUP: usize = 1_024;

/// Steps on the host.
pub struct OnHost {
    /// The moment at which its clock showed 0.
    start: Instant,
}

impl Default for OnHost {
    fn default() -> Self {
        OnHost { start: Instant::now() }
    }
}

impl Stepper for OnHost {
    type Backend = Host;
    const NAME: &'static str = "host";

    fn clock(&mut self, _: &Device, moment: Instant) -> Result<u64> {
        Ok(nanoseconds(moment - self.start))
    }

    fn step(&mut self, device: &Device, set: &mut GalaxiesBuffers, step: Step) -> Result<()> {
        let set = set.split_mut();
        let start = self.start;
        // The step is queued, and this thread continues at once.
        device.launch(
            (set.positions, set.velocities, set.times, &*set.cores),
            move |(positions, velocities, times, cores)| {
                let began = nanoseconds(start.elapsed());
                advance(step, cores, positions, velocities);
                times[step.frame as usize] = [began, nanoseconds(start.elapsed())];
            },
        )
    }
}

/// The positions and velocities of the stars in a frame, counted from 1. Computed at once, without a device.
pub fn stars_at(frame: u32, galaxies: &Galaxies, story: Story) -> [Vec<[f32; 2]>; 2] {
    let [mut positions, mut velocities] = [galaxies.positions.clone(), galaxies.velocities.clone()];
    for index in 0..frame {
        // The host does not use the number of stars in a step.
        advance(story.step(index, 0), &galaxies.cores, &mut positions, &mut velocities);
    }
    [positions, velocities]
}

/// Moves every star.
pub fn advance(step: Step, cores: &[[f32; 4]], positions: &mut [[f32; 2]], velocities: &mut [[f32; 2]]) {
    let cores = &cores[step.first as usize..][..step.moves as usize];
    for (positions, velocities) in positions.chunks_mut(GROUP).zip(velocities.chunks_mut(GROUP)) {
        for &cores in cores {
            for (position, velocity) in positions.iter_mut().zip(velocities.iter_mut()) {
                [*position, *velocity] = moved(step, cores, *position, *velocity);
            }
        }
    }
}
