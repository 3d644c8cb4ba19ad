//! The steps: one kernel moves the stars, and notes when.

use std::time::Instant;

use gpumem::{Buffer, Device, KernelBackend, Launch, Result};

use crate::{
    galaxies::{Galaxies, GalaxiesBuffers},
    physics::{Step, Story, moved},
};

pub use kernels::Kernels;

/// The number of stars that are moved together, so that their data stays in the nearest cache.
const GROUP: usize = 1_024;
/// The number of reads of the device's clock. The quickest read is the most exact one.
const LOOKS: usize = 20;

/// The kernels. On a card they are those of `kernels.cu`, with a thread per star. On the host they are these
/// functions, on one thread, which is the device there: the other cores are left to the threads that draw.
#[gpumem::kernels(
    // SAFETY: where the conditions below hold, the kernels of `kernels.cu` stay within their slices.
    unsafe(ptx = "kernels.ptx")
)]
mod kernels {
    use std::{sync::LazyLock, time::Instant};

    use super::move_stars;
    use crate::{physics::Step, timeline::nanoseconds};

    /// Moves every star, and notes when the step began and ended.
    #[requires(positions.len() == step.stars as usize && velocities.len() == step.stars as usize)]
    #[requires(times.len() > step.frame as usize)]
    #[requires(cores.len() >= (step.first as usize).saturating_add(step.moves as usize))]
    pub fn advance(
        step: Step,
        cores: &[[f32; 4]],
        positions: &mut [[f32; 2]],
        velocities: &mut [[f32; 2]],
        times: &mut [[u64; 2]],
    ) {
        let began = now();
        move_stars(step, cores, positions, velocities);
        times[step.frame as usize] = [began, now()];
    }

    /// Writes the time that the clock shows.
    #[requires(time.len() == 1)]
    pub fn look_at_clock(time: &mut [u64]) {
        time[0] = now();
    }

    /// The clock of the host, in nanoseconds.
    fn now() -> u64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        nanoseconds(START.elapsed())
    }
}

/// A moment, and the time that the clock by which the steps note their times showed then, in nanoseconds. The
/// error is at most half the time of a launch with the wait for it, some microseconds.
pub fn clock<B: KernelBackend>(kernels: &Kernels<B>, device: &Device<B>) -> Result<(Instant, u64)> {
    let mut time = Buffer::from_slice(device, "time", &[0])?;
    let mut look = || -> Result<_> {
        let before = Instant::now();
        kernels.look_at_clock(Launch::grid(1).block(1), &mut time)?;
        device.synchronize()?;
        let took = before.elapsed();
        Ok((took, before + took / 2, time.download()?[0]))
    };
    let mut quickest = look()?;
    for _ in 1..LOOKS {
        let next = look()?;
        if next.0 < quickest.0 {
            quickest = next;
        }
    }
    let (_, moment, time) = quickest;
    Ok((moment, time))
}

/// Queues a step.
pub fn step<B: KernelBackend>(kernels: &Kernels<B>, set: &mut GalaxiesBuffers<B>, step: Step) -> Result<()> {
    let set = set.split_mut();
    let over_stars = Launch::over(step.stars as usize);
    kernels.advance(over_stars, step, &*set.cores, set.positions, set.velocities, set.times)
}

/// The positions and velocities of the stars in a frame, counted from 1. Computed at once, without a device.
pub fn stars_at(frame: u32, galaxies: &Galaxies, story: Story) -> [Vec<[f32; 2]>; 2] {
    let [mut positions, mut velocities] = [galaxies.positions.clone(), galaxies.velocities.clone()];
    for index in 0..frame {
        // The host does not use the number of stars in a step.
        move_stars(story.step(index, 0), &galaxies.cores, &mut positions, &mut velocities);
    }
    [positions, velocities]
}

/// Moves every star.
pub fn move_stars(step: Step, cores: &[[f32; 4]], positions: &mut [[f32; 2]], velocities: &mut [[f32; 2]]) {
    let cores = &cores[step.first as usize..][..step.moves as usize];
    for (positions, velocities) in positions.chunks_mut(GROUP).zip(velocities.chunks_mut(GROUP)) {
        for &cores in cores {
            for (position, velocity) in positions.iter_mut().zip(velocities.iter_mut()) {
                [*position, *velocity] = moved(step, cores, *position, *velocity);
            }
        }
    }
}

#[cfg(all(test, feature = "cuda"))]
#[path = "on_card.rs"]
mod on_card;
