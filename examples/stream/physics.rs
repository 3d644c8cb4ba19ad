//! The model of both backends: stars without mass fall towards the centres of two galaxies, which move around
//! each other as two bodies do. Alar and Juri Toomre drew tails and bridges of galaxies in this way in 1972.
//!
//! The unit of mass is the mass of the larger galaxy, the unit of length is the radius of its disc, and the
//! constant of gravity is 1. This file has the parts that must be the same on the host and on a card.
//! `step.rs` and `kernels.cu` have the same step.

use bytemuck::NoUninit;

/// The masses of the two galaxies.
pub const MASSES: [f32; 2] = [1.0, 0.65];
/// The square of the distance below which the pull of a centre is softened.
const SOFTNESS: f32 = 0.05;
/// The duration of the film's story.
const DURATION: f32 = 12.5;
/// The longest time for which a star moves on a straight line.
const LONGEST: f32 = 0.02;
/// The smallest distance between the centres.
const CLOSEST: f32 = 1.45;
/// The deviation of the centres' orbit from a circle.
const ECCENTRICITY: f32 = 0.6;
/// The first place of the centres on their orbit, as the angle to the place where they are closest.
const START: f32 = -2.3;
/// The times of a step that has not run: the end is before the start. So each block of a card's kernel can
/// make the start earlier and the end later.
pub const NO_TIME: [u64; 2] = [u64::MAX, 0];

/// The division of the film's time.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// The number of frames. Each has a step before it.
    pub frames: u32,
    /// Moves per step.
    moves: u32,
}

/// The arguments of a step. The layout is that of C, since kernels on a card take the struct as it is.
#[repr(C)]
#[derive(Clone, Copy, Debug, NoUninit)]
pub struct Step {
    /// The frame that the step makes.
    pub frame: u32,
    /// The number of stars.
    pub stars: u32,
    /// The index of the step's first moment in `Galaxies::cores`.
    pub first: u32,
    /// The number of its moments. Stars move once per moment.
    pub moves: u32,
    /// The duration of a move.
    pub time: f32,
    /// See `SOFTNESS`.
    pub softness: f32,
    /// See `MASSES`.
    pub masses: [f32; 2],
}

impl Story {
    /// The whole story in `frames` frames.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 313 moves")]
    pub fn of(frames: u32) -> Self {
        Story { frames, moves: (DURATION / LONGEST / frames as f32).ceil() as u32 }
    }

    /// The time between two frames.
    pub fn frame_time(self) -> f32 {
        DURATION / self.frames as f32
    }

    /// The step that makes a frame.
    pub fn step(self, frame: u32, stars: u32) -> Step {
        Step {
            frame,
            stars,
            first: frame * self.moves,
            moves: self.moves,
            time: self.move_time(),
            softness: SOFTNESS,
            masses: MASSES,
        }
    }

    fn move_time(self) -> f32 {
        self.frame_time() / self.moves as f32
    }
}

/// The centres at one moment.
pub struct Moment {
    pub places: [f32; 4],
    pub velocities: [[f32; 2]; 2],
}

/// The centres at each moment of the story, around their common centre of mass.
pub fn orbit(story: Story) -> Vec<Moment> {
    let time = story.move_time();
    let mass = MASSES[0] + MASSES[1];
    // From the first centre to the second, by the equation of the orbit.
    let breadth = CLOSEST * (1.0 + ECCENTRICITY);
    let (sin, cos) = START.sin_cos();
    let distance = breadth / (1.0 + ECCENTRICITY * cos);
    let pace = (mass / breadth).sqrt();
    // The orbit is turned, so that one centre passes below the other.
    let (mut way, mut velocity) =
        ([distance * sin, -distance * cos], [pace * (ECCENTRICITY + cos), pace * sin]);
    let next = |_| {
        let pull = mass / (way[0] * way[0] + way[1] * way[1]).powf(1.5);
        velocity = [0, 1].map(|axis| velocity[axis] - way[axis] * pull * time);
        way = [0, 1].map(|axis| way[axis] + velocity[axis] * time);
        let [first, second] = [-MASSES[1] / mass, MASSES[0] / mass];
        Moment {
            places: [first * way[0], first * way[1], second * way[0], second * way[1]],
            velocities: [first, second].map(|part| velocity.map(|speed| part * speed)),
        }
    };
    (0..story.frames * story.moves).map(next).collect()
}

/// The speed on a circle around a centre.
pub fn speed_around(mass: f32, radius: f32) -> f32 {
    let soft = radius * radius + SOFTNESS;
    (mass * radius * radius / (soft * soft.sqrt())).sqrt()
}

/// A star after one move, with the centres at `cores`.
#[inline]
pub fn moved(step: Step, cores: [f32; 4], place: [f32; 2], velocity: [f32; 2]) -> [[f32; 2]; 2] {
    let [mut vx, mut vy] = velocity;
    for galaxy in [0, 1] {
        let (x, y) = (cores[2 * galaxy] - place[0], cores[2 * galaxy + 1] - place[1]);
        let soft = x * x + y * y + step.softness;
        let pull = step.masses[galaxy] * step.time / (soft * soft.sqrt());
        vx += x * pull;
        vy += y * pull;
    }
    [[place[0] + vx * step.time, place[1] + vy * step.time], [vx, vy]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_is_as_long_in_any_number_of_frames() {
        for frames in [2, 96, 625, 2_000] {
            let story = Story::of(frames);
            let last = story.step(frames - 1, 1);
            let end = (last.first + last.moves) as f32 * last.time;
            assert!((end - DURATION).abs() < 1e-2 && last.time <= LONGEST * 1.001, "{story:?}");
            assert_eq!(orbit(story).len(), (last.first + last.moves) as usize);
        }
    }

    #[test]
    fn the_centres_meet_as_closely_as_they_should() {
        let distance = |moment: &Moment| {
            let [ax, ay, bx, by] = moment.places;
            (bx - ax).hypot(by - ay)
        };
        let distances: Vec<f32> = orbit(Story::of(96)).iter().map(distance).collect();
        let closest = distances.iter().copied().fold(f32::MAX, f32::min);
        assert!((closest - CLOSEST).abs() < 0.02, "{closest}");
        assert!(distances[0] > 2.0 * CLOSEST && *distances.last().unwrap() > 2.0 * CLOSEST);
    }

    #[test]
    fn a_star_of_a_lone_galaxy_stays_on_its_circle() {
        let step = Step { masses: [1.0, 0.0], ..Story::of(96).step(0, 1) };
        let (mut place, mut velocity) = ([0.5, 0.0], [0.0, speed_around(1.0, 0.5)]);
        for _ in 0..1_000 {
            [place, velocity] = moved(step, [0.0; 4], place, velocity);
            let radius = place[0].hypot(place[1]);
            assert!((radius - 0.5).abs() < 0.01, "{radius}");
        }
    }
}
