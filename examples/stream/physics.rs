//! The model that both backends compute: stars without mass fall towards the centres of two galaxies, which move around each
//! other as two bodies do. Alar and Juri Toomre drew tails and bridges of galaxies so in 1972.
//!
//! The unit of mass is that of the larger galaxy, that of length the radius of its disc, and the constant of gravity is 1. What
//! must be the same on the host and on a card stands here; `host.rs` and `kernels.cu` hold the same step.

/// The masses of the two galaxies.
pub const MASSES: [f32; 2] = [1.0, 0.65];
/// The pull of a centre is softened below this distance, squared.
const SOFTNESS: f32 = 0.05;
/// How long the film's story takes.
const DURATION: f32 = 12.5;
/// The longest that stars may fly straight on.
const LONGEST: f32 = 0.02;
/// The closest that the centres come.
const CLOSEST: f32 = 1.45;
/// How far from a circle their orbit is.
const ECCENTRICITY: f32 = 0.6;
/// Where on their orbit they start: the angle to where they are closest.
const START: f32 = -2.3;
/// When a step has not run yet: it ends before it begins, so that each block of a card's kernel can make it begin earlier and
/// end later.
pub const NO_TIME: [u64; 2] = [u64::MAX, 0];

/// How the time of the film is cut up.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// How many frames there are, each with a step before it.
    pub frames: u32,
    /// Moves of a step.
    moves: u32,
}

/// The arguments of a step. C layout: kernels on a card take it as it is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "cuda", derive(cust::DeviceCopy))]
pub struct Step {
    /// The frame that it makes.
    pub frame: u32,
    /// How many stars there are.
    pub stars: u32,
    /// The first of its moments in `Galaxies::cores`.
    pub first: u32,
    /// How many of them there are: stars move once for each.
    pub moves: u32,
    /// How long a move takes.
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

    /// How long the time between two frames is.
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
    // Turned so that one passes below the other.
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
