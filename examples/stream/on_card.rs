//! Tests of the steps on a card.

use crate::{
    galaxies::Galaxies,
    physics::Story,
    pipeline::{Outcome, run, tests::Album},
};
use gpumem::{Cuda, Device, KernelBackend};

#[path = "../../gpumem/tests/cuda/card.rs"]
mod card;

const FRAMES: u32 = 32;

fn card() -> Option<Device<Cuda>> {
    card::found(Device::cuda(0))
}

fn streamed<B: KernelBackend>(device: Device<B>) -> Outcome<Album> {
    let story = Story::of(FRAMES);
    let galaxies = Galaxies::new(20_000, story, 5);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(run(device, &galaxies, story, Album::default(), false)).unwrap()
}

#[test]
fn the_card_computes_what_the_host_does() {
    let Some(device) = card() else { return };
    let there = streamed(device).drawing.0;
    let here = streamed(Device::host()).drawing.0;
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
    let timeline = streamed(device).timeline;
    for frame in &timeline.frames {
        assert!(frame.step.from <= frame.step.to && frame.draw.from <= frame.draw.to, "{frame:?}");
    }
    for pair in timeline.frames.windows(2) {
        assert!(pair[0].step.to <= pair[1].step.from, "{pair:?}");
    }
}
