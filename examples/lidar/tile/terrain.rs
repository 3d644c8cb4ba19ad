//! A tile of the program's own: hills, a river, a village and a wood, as an aeroplane with a scanner and a
//! camera would see them.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places and colours are computed as floats, and all of them fit"
)]

use std::{fs::File, io::BufWriter, path::Path};

use anyhow::Result;
use fastrand::Rng;
use las::{
    Builder, Color, Header, Point, PointDataBuilder, Transform, Vector, Writer,
    point::{Classification, Format},
};

/// The size of the tile, in metres.
const WIDTH: f64 = 640.0;
const DEPTH: f64 = 480.0;
/// The corner of the tile in a map.
const CORNER: [f64; 3] = [512_000.0, 5_403_000.0, 0.0];

/// Red, green, blue and infrared, from 0 to 1.
type Light = [f64; 4];
const GRASS: Light = [0.36, 0.48, 0.22, 0.78];
const EARTH: Light = [0.52, 0.46, 0.38, 0.58];
const ROAD: Light = [0.50, 0.50, 0.52, 0.52];
const WATER: Light = [0.16, 0.30, 0.38, 0.06];
const TILES: Light = [0.62, 0.30, 0.22, 0.60];
const SLATE: Light = [0.34, 0.36, 0.40, 0.38];
const LEAVES: Light = [0.20, 0.38, 0.14, 0.82];
const NEEDLES: Light = [0.12, 0.28, 0.14, 0.66];

/// A house with a gable, or a hall with a plane roof.
#[derive(Clone, Copy)]
struct House {
    middle: [f64; 2],
    /// The direction of its length, as sine and cosine.
    turn: [f64; 2],
    /// Half the length and half the width.
    half: [f64; 2],
    /// The height of the walls, and how much higher the ridge is.
    walls: f64,
    ridge: f64,
    hall: bool,
    ground: f64,
}

impl House {
    /// A place in the house's own axes.
    fn inside(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [x, y] = [x - self.middle[0], y - self.middle[1]];
        [x * self.turn[1] + y * self.turn[0], y * self.turn[1] - x * self.turn[0]]
    }

    fn outside(&self, [along, across]: [f64; 2]) -> [f64; 2] {
        [
            self.middle[0] + along * self.turn[1] - across * self.turn[0],
            self.middle[1] + along * self.turn[0] + across * self.turn[1],
        ]
    }

    /// The height of the roof at a place, if it is over the house.
    fn roof(&self, place: [f64; 2]) -> Option<f64> {
        let [along, across] = self.inside(place);
        let over = along.abs() <= self.half[0] && across.abs() <= self.half[1];
        let share = across / self.half[1];
        let rise = if self.hall { 0.5 + share / 2.0 } else { 1.0 - share.abs() };
        over.then_some(self.ground + self.walls + self.ridge * rise)
    }
}

#[derive(Clone, Copy)]
struct Tree {
    middle: [f64; 2],
    ground: f64,
    height: f64,
    radius: f64,
    conifer: bool,
}

impl Tree {
    /// The heights between which the crown is at a place.
    fn crown(&self, [x, y]: [f64; 2]) -> Option<[f64; 2]> {
        let away = (x - self.middle[0]).hypot(y - self.middle[1]) / self.radius;
        if away >= 1.0 {
            return None;
        }
        let top = if self.conifer { 1.0 - 0.85 * away } else { 0.62 + 0.38 * (1.0 - away * away).sqrt() };
        let bottom = if self.conifer { 0.12 } else { 0.62 - 0.34 * (1.0 - away * away).sqrt() };
        Some([self.ground + self.height * bottom, self.ground + self.height * top])
    }
}

/// The landscape.
struct Land {
    noise: Vec<f64>,
    houses: Vec<House>,
    trees: Vec<Tree>,
    /// The trees that may reach into each square of 8 metres.
    near: Vec<Vec<u32>>,
}

const SQUARE: f64 = 8.0;
const SQUARES: usize = (WIDTH / SQUARE) as usize;

impl Land {
    fn new(rng: &mut Rng) -> Self {
        let noise = (0..64 * 64).map(|_| rng.f64()).collect();
        let mut land = Self { noise, houses: Vec::new(), trees: Vec::new(), near: Vec::new() };
        land.build(rng);
        land.plant(rng);
        land
    }

    /// Smooth noise from 0 to 1, that changes over `size` metres.
    fn noise(&self, [x, y]: [f64; 2], size: f64) -> f64 {
        let (x, y) = (x / size + 7.3, y / size + 3.1);
        let (column, line) = (x.floor(), y.floor());
        let smooth = |share: f64| share * share * (3.0 - 2.0 * share);
        let (across, along) = (smooth(x - column), smooth(y - line));
        let at =
            |dx: usize, dy: usize| self.noise[(line as usize + dy) % 64 * 64 + (column as usize + dx) % 64];
        let [low, high] = [0, 1].map(|dy| at(0, dy) + across * (at(1, dy) - at(0, dy)));
        low + along * (high - low)
    }

    /// The distance from the middle of the river, and from that of the road.
    fn lines([x, y]: [f64; 2]) -> [f64; 2] {
        let river = 190.0 + 46.0 * (x / 96.0).sin() + 14.0 * (x / 37.0).cos();
        [(y - river).abs(), (y - river + 74.0 + 8.0 * (x / 70.0).sin()).abs()]
    }

    fn ground(&self, place: [f64; 2]) -> f64 {
        let [river, _] = Self::lines(place);
        let hills =
            36.0 * self.noise(place, 190.0) + 7.0 * self.noise(place, 80.0) + 1.2 * self.noise(place, 24.0);
        // The valley is flat, and its sides rise.
        let away = ((river - 12.0) / 150.0).clamp(0.0, 1.0);
        let away = away * away * (3.0 - 2.0 * away);
        let bed = 3.0 * (1.0 - ((river - 9.0) / 7.0).clamp(0.0, 1.0));
        250.0 + hills * (0.05 + 0.95 * away) + 26.0 * away - bed
    }

    fn build(&mut self, rng: &mut Rng) {
        for lot in 0..58_u32 {
            let x = 70.0 + 17.4 * f64::from(lot / 2) + 3.0 * rng.f64();
            let side = if lot % 2 == 0 { 1.0 } else { -1.0 };
            let road = (0..480)
                .map(f64::from)
                .min_by(|a, b| Self::lines([x, *a])[1].total_cmp(&Self::lines([x, *b])[1]));
            let y = road.unwrap_or_default() + side * (15.0 + 5.0 * rng.f64());
            if rng.u8(..9) == 0 {
                continue;
            }
            let hall = lot % 19 == 8;
            let turn = (rng.f64() - 0.5) * 0.5 + if rng.bool() && !hall { 1.571 } else { 0.0 };
            let half = if hall { [8.5, 6.5] } else { [4.6 + 2.2 * rng.f64(), 3.6 + rng.f64()] };
            let middle = [x, y];
            let ridge = if hall { 2.2 } else { 2.4 + 1.4 * rng.f64() };
            let walls = if hall { 6.0 } else { 3.2 + 2.4 * rng.f64() };
            let ground = self.ground(middle);
            self.houses.push(House {
                middle,
                turn: [turn.sin(), turn.cos()],
                half,
                walls,
                ridge,
                hall,
                ground,
            });
        }
    }

    fn plant(&mut self, rng: &mut Rng) {
        self.near = vec![Vec::new(); SQUARES * SQUARES];
        for _ in 0..15_000 {
            let middle = [rng.f64() * WIDTH, rng.f64() * DEPTH];
            let [river, road] = Self::lines(middle);
            let wood = self.noise(middle, 120.0) + 0.35 * self.noise(middle, 30.0);
            let dense = wood > 0.72 && river > 40.0 && road > 26.0;
            let bank = (13.0..22.0).contains(&river) && rng.u8(..5) == 0;
            let single = rng.u8(..36) == 0 && river > 20.0;
            let garden = self.houses.iter().any(|house| {
                let [along, across] = house.inside(middle);
                along.abs() < house.half[0] + 3.5 && across.abs() < house.half[1] + 3.5
            });
            if road < 7.0 || garden || !(dense || bank || single) {
                continue;
            }
            let conifer = dense && self.noise(middle, 75.0) > 0.5;
            let size = 0.6 + 0.6 * rng.f64();
            let (height, radius) =
                if conifer { (23.0 * size, 2.9 * size) } else { (15.0 * size, 4.4 * size) };
            let crowded = self.around(middle).iter().any(|tree| {
                let tree = self.trees[*tree as usize];
                (tree.middle[0] - middle[0]).hypot(tree.middle[1] - middle[1]) < 0.62 * (tree.radius + radius)
            });
            if !crowded {
                self.trees.push(Tree { middle, ground: self.ground(middle), height, radius, conifer });
                self.note(self.trees.len() - 1);
            }
        }
    }

    fn square([x, y]: [f64; 2]) -> usize {
        let at = |place: f64| ((place / SQUARE).max(0.0) as usize).min(SQUARES - 1);
        at(y) * SQUARES + at(x)
    }

    fn around(&self, place: [f64; 2]) -> &[u32] {
        &self.near[Self::square(place)]
    }

    /// Notes a tree in the squares that it may reach.
    fn note(&mut self, tree: usize) {
        let [x, y] = self.trees[tree].middle;
        let mut squares: Vec<_> = (0..9_u8)
            .map(|cell| {
                Self::square([
                    x + SQUARE * (f64::from(cell % 3) - 1.0),
                    y + SQUARE * (f64::from(cell / 3) - 1.0),
                ])
            })
            .collect();
        squares.dedup();
        for square in squares {
            self.near[square].push(tree as u32);
        }
    }

    /// The echoes of one pulse: heights, with what is there.
    fn pulse(&self, place: [f64; 2], rng: &mut Rng) -> Vec<(f64, Light)> {
        let mut echoes = Vec::new();
        let crowns = self.around(place).iter().filter_map(|tree| {
            let tree = &self.trees[*tree as usize];
            tree.crown(place).map(|crown| (crown, tree.conifer))
        });
        if let Some(([bottom, top], conifer)) = crowns.max_by(|a, b| a.0[1].total_cmp(&b.0[1])) {
            let deep = rng.f64().powi(4);
            echoes.push((
                top - deep * (top - bottom) + 0.15 * rng.f64(),
                if conifer { NEEDLES } else { LEAVES },
            ));
            // Some of the light goes on to the ground.
            if rng.u8(..10) < 7 {
                return echoes;
            }
        }
        let [river, road] = Self::lines(place);
        let roof = self.houses.iter().find_map(|house| house.roof(place).map(|roof| (roof, house.hall)));
        let ground = self.ground(place);
        let noise = 0.02 * (rng.f64() - 0.5);
        echoes.push(match roof {
            Some((roof, hall)) => (roof + noise, if hall { SLATE } else { TILES }),
            None if river < 10.0 => (self.ground([place[0], place[1]]).max(ground) + noise / 2.0, WATER),
            None if road < 2.8 => (ground + noise, ROAD),
            None if self.noise(place, 44.0) > 0.7 => (ground + noise, EARTH),
            None => (ground + 0.05 * rng.f64() + noise, GRASS),
        });
        echoes
    }

    /// A point on a wall.
    fn wall(&self, rng: &mut Rng) -> Option<([f64; 2], f64)> {
        let house = self.houses.get(rng.usize(..self.houses.len().max(1)))?;
        let (side, along) = (if rng.bool() { 1.0 } else { -1.0 }, 2.0 * rng.f64() - 1.0);
        let [long, short] = house.half;
        let at = if rng.f64() < long / (long + short) {
            [along * long, side * short]
        } else {
            [side * long, along * short]
        };
        let place = house.outside(at);
        let (ground, roof) = (self.ground(place), house.roof(house.outside(at.map(|at| 0.999 * at)))?);
        Some((place, ground + rng.f64() * (roof - ground)))
    }
}

/// The header of the tile: LAS 1.4, with time, colours and infrared.
fn header() -> Result<Header> {
    let mut builder = Builder::from((1, 4));
    builder.point_format = Format::new(8)?;
    builder.point_format.is_compressed = true;
    let axis = |offset| Transform { scale: 0.001, offset };
    builder.transforms = Vector { x: axis(CORNER[0]), y: axis(CORNER[1]), z: axis(CORNER[2]) };
    builder.generating_software = "gpumem, example lidar".into();
    Ok(builder.into_header()?)
}

/// Writes a tile of at least `count` points, at most two more.
pub fn write(path: &Path, count: u64, seed: u64) -> Result<()> {
    let mut rng = Rng::with_seed(seed);
    let land = Land::new(&mut rng);
    let header = header()?;
    let mut writer = Writer::new(BufWriter::new(File::create(path)?), header.clone())?;
    let (mut points, mut written) = (Vec::new(), 0);
    while written < count {
        let place = [rng.f64() * WIDTH, rng.f64() * DEPTH];
        let mut echoes: Vec<_> =
            land.pulse(place, &mut rng).into_iter().map(|(z, light)| (place, z, light)).collect();
        if rng.u8(..50) == 0
            && let Some((place, z)) = land.wall(&mut rng)
        {
            echoes = vec![(place, z, EARTH)];
        }
        let returns = echoes.len() as u8;
        for (number, ([x, y], z, light)) in (1..).zip(echoes) {
            let shade = 0.85 + 0.3 * rng.f64();
            let [r, g, b, infrared] = light.map(|light| (65_535.0 * (light * shade).min(1.0)) as u16);
            points.push(Point {
                x: CORNER[0] + x,
                y: CORNER[1] + y,
                z: CORNER[2] + z,
                intensity: infrared,
                return_number: number,
                number_of_returns: returns,
                classification: Classification::Unclassified,
                gps_time: Some(written as f64 * 1e-5),
                color: Some(Color::new(r, g, b)),
                nir: Some(infrared),
                ..Point::default()
            });
            written += 1;
        }
        if points.len() >= 1 << 17 || written >= count {
            let batch = PointDataBuilder::new().for_header(&header).build_from_points(points.drain(..))?;
            writer.write_points(&batch)?;
        }
    }
    Ok(writer.close()?)
}
