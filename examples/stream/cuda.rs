//! Steps on a CUDA card: the kernels of `kernels.cu`, launched with `cust` on the device's own stream.

use std::time::Instant;

use cust::launch;
use gpumem::{Buffer, Cuda, Device, Result, cuda::Module};

use crate::{galaxies::GalaxiesBuffers, physics::Step, pipeline::Stepper, timeline::nanoseconds};

/// The PTX that `cargo xtask ptx` makes from `kernels.cu`. The driver compiles it for the card at hand.
const PTX: &str = include_str!("kernels.ptx");
/// Threads per block.
const BLOCK: u32 = 256;
/// The number of reads of the card's clock. The quickest read is the most exact one.
const LOOKS: usize = 20;

/// Steps on a card.
pub struct OnCard {
    module: Module,
    /// The time that the card's clock showed.
    time: Buffer<u64, Cuda>,
}

impl OnCard {
    /// Lets the driver compile the kernels.
    pub fn new(device: &Device<Cuda>) -> Result<Self> {
        Ok(OnCard { module: device.load_ptx(PTX)?, time: Buffer::from_slice(device, "time", &[0])? })
    }

    /// The time that the card's clock shows, and two moments between which it was read.
    fn look(&mut self, device: &Device<Cuda>) -> Result<(u64, [Instant; 2])> {
        let (look_at_clock, stream) = (self.module.get_function("look_at_clock")?, device.stream());
        let before = Instant::now();
        // SAFETY: one thread writes the one element of the buffer, whose pointer was taken for this launch.
        unsafe { launch!(look_at_clock<<<1, 1, 0, stream>>>(self.time.as_device_ptr_mut()?)) }?;
        device.synchronize()?;
        let after = Instant::now();
        let mut time = [0];
        self.time.download_into_slice(&mut time)?;
        Ok((time[0], [before, after]))
    }
}

impl Stepper for OnCard {
    type Backend = Cuda;
    const NAME: &'static str = "cuda";

    /// The error is at most half the time of a launch with the wait for it, some microseconds.
    fn clock(&mut self, device: &Device<Cuda>, moment: Instant) -> Result<u64> {
        let mut best = self.look(device)?;
        for _ in 1..LOOKS {
            let (time, [before, after]) = self.look(device)?;
            if after - before < best.1[1] - best.1[0] {
                best = (time, [before, after]);
            }
        }
        let (time, [before, after]) = best;
        let middle = before + (after - before) / 2;
        Ok(time.saturating_sub(nanoseconds(middle - moment)))
    }

    fn step(&mut self, device: &Device<Cuda>, set: &mut GalaxiesBuffers<Cuda>, step: Step) -> Result<()> {
        let (advance, stream) = (self.module.get_function("advance")?, device.stream());
        let (set, blocks) = (set.split_mut(), step.stars.div_ceil(BLOCK));
        assert!(set.positions.len() == step.stars as usize && set.velocities.len() == step.stars as usize);
        assert!(set.times.len() > step.frame as usize);
        assert!(set.cores.len() >= (step.first + step.moves) as usize);
        // SAFETY: the kernel gets the arguments of its declaration in `kernels.cu`, and stays inside the
        // lengths that were just checked. All pointers were taken for this launch. For every buffer that it
        // writes, the kernel gets the pointer from `as_device_ptr_mut`, which makes it wait for the downloads
        // that still read the buffer.
        unsafe {
            launch!(advance<<<blocks, BLOCK, 0, stream>>>(
                step, set.cores.as_device_ptr(), set.positions.as_device_ptr_mut()?,
                set.velocities.as_device_ptr_mut()?, set.times.as_device_ptr_mut()?
            ))
        }
    }
}

#[cfg(test)]
#[path = "../../gpumem/tests/cuda/card.rs"]
mod card;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        galaxies::Galaxies,
        host::OnHost,
        physics::Story,
        pipeline::{Outcome, run, tests::Album},
    };
    use gpumem::Error;

    const FRAMES: u32 = 32;

    fn card() -> Option<Device<Cuda>> {
        card::found(Device::cuda(0), |error| matches!(error, Error::BackendUnavailable { .. }))
    }

    fn streamed<S: Stepper>(stepper: S, device: Device<S::Backend>) -> Outcome<Album> {
        let story = Story::of(FRAMES);
        let galaxies = Galaxies::new(20_000, story, 5);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(stepper, device, &galaxies, story, Album::default(), false)).unwrap()
    }

    #[test]
    fn the_card_computes_what_the_host_does() {
        let Some(device) = card() else { return };
        let there = streamed(OnCard::new(&device).unwrap(), device).drawing.0;
        let here = streamed(OnHost::default(), Device::host()).drawing.0;
        assert_eq!(there.len(), FRAMES as usize);
        for (frame, (here, there)) in here.iter().zip(&there).enumerate() {
            let apart = |(a, b): (&[f32; 2], &[f32; 2])| (a[0] - b[0]).hypot(a[1] - b[1]);
            let mut apart: Vec<f32> = here[0].iter().zip(&there[0]).map(apart).collect();
            apart.sort_by(f32::total_cmp);
            // Roundings differ, and orbits that pass close to a centre make small differences large.
            let (most, nearly_all) = (apart[apart.len() / 2], apart[apart.len() * 95 / 100]);
            assert!(most < 1e-3 && nearly_all < 0.05, "frame {frame}: {most} and {nearly_all} apart");
        }
    }

    #[test]
    fn times_of_the_card_are_in_their_order() {
        let Some(device) = card() else { return };
        let timeline = streamed(OnCard::new(&device).unwrap(), device).timeline;
        for frame in &timeline.frames {
            assert!(frame.step.from <= frame.step.to && frame.draw.from <= frame.draw.to, "{frame:?}");
        }
        for pair in timeline.frames.windows(2) {
            assert!(pair[0].step.to <= pair[1].step.from, "{pair:?}");
        }
    }
}
