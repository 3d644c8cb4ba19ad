//! The buffers of the film: a struct of `Vec`s, for which `GpuBuffers` generates a manager.

use std::f32::consts::TAU;

use gpumem::GpuBuffers;

use crate::physics::{MASSES, NO_TIME, Story, orbit, speed_around};

/// Two galaxies, with the data that the device needs to step them.
///
/// A frame has the contents of all `async` buffers at one moment. One frame can be downloaded while another
/// is drawn. The buffers are snapshots, so the next step does not wait for the downloads.
#[derive(GpuBuffers, Default)]
#[buffers(max = "2GiB")]
pub struct Galaxies {
    /// The positions of the stars, those of the first galaxy first.
    #[buffer(async(snapshot))]
    pub positions: Vec<[f32; 2]>,
    /// The distance that each star moves in a unit of time.
    #[buffer(async(snapshot))]
    pub velocities: Vec<[f32; 2]>,
    /// When each frame's step began and ended, in nanoseconds of the device's clock. The step itself writes
    /// this.
    #[buffer(async(snapshot))]
    pub times: Vec<[u64; 2]>,
    /// The centres of the galaxies at each moment of the film: x and y of the first, then of the second.
    #[buffer]
    pub cores: Vec<[f32; 4]>,
}

impl Galaxies {
    /// Two discs of stars before they meet.
    pub fn new(stars: u32, story: Story, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let path = orbit(story);
        let mut galaxies = Galaxies {
            cores: path.iter().map(|moment| moment.places).collect(),
            times: vec![NO_TIME; story.frames as usize],
            ..Galaxies::default()
        };
        let first = &path[0];
        for star in 0..stars {
            let galaxy = usize::from(star >= stars / 2);
            let (x, y) = (first.places[2 * galaxy], first.places[2 * galaxy + 1]);
            let [vx, vy] = first.velocities[galaxy];
            // Every radius has equally many stars, so the centre is bright.
            let (radius, angle) = (0.02 + 0.98 * random.f32(), TAU * random.f32());
            // A smaller mass has a smaller disc.
            let radius = radius * MASSES[galaxy].sqrt();
            let speed = speed_around(MASSES[galaxy], radius);
            let (sin, cos) = angle.sin_cos();
            galaxies.positions.push([x + radius * cos, y + radius * sin]);
            galaxies.velocities.push([vx - speed * sin, vy + speed * cos]);
        }
        galaxies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_star_starts_in_its_disc() {
        let story = Story::of(10);
        let galaxies = Galaxies::new(1_001, story, 3);
        assert_eq!((galaxies.positions.len(), galaxies.velocities.len()), (1_001, 1_001));
        let [ax, ay, bx, by] = galaxies.cores[0];
        for (star, &[x, y]) in galaxies.positions.iter().enumerate() {
            let (cx, cy, reach) = if star < 500 { (ax, ay, 1.0) } else { (bx, by, MASSES[1].sqrt()) };
            let radius = (x - cx).hypot(y - cy);
            assert!(radius > 0.01 && radius < reach + 1e-4, "star {star} is {radius} away");
        }
    }

    #[test]
    fn a_seed_gives_the_same_stars() {
        let [one, two, other] = [7, 7, 8].map(|seed| Galaxies::new(100, Story::of(10), seed).positions);
        assert!(one == two && one != other);
    }

    #[test]
    fn each_part_of_a_frame_has_a_slot_to_arrive_in_and_one_to_be_drawn_from() {
        let frames = Galaxies::BUFFERS.iter().filter(|buffer| buffer.is_async());
        assert!(frames.clone().all(|buffer| buffer.slot_count() == 2));
        assert_eq!(frames.count(), 3);
    }
}
