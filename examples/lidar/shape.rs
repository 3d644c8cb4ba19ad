//! The shape of a neighbourhood: the sums over its points, and the eigenvalues of their covariance.
//!
//! Every operation is an addition, a multiplication, a division or a square root of `f32`, in a fixed order.
//! So the results depend neither on the chunk that a point is in nor on the number of cores, and
//! `kernels.cu`, which has the same operations in the same order, rounds them in the same way.

use crate::arguments::Step;

/// The fewest points whose shape is told. Features of fewer are NaN.
pub const FEWEST: u32 = 3;

/// The sweeps of Jacobi's method. It converges quadratically: after five of them, all that is off the
/// diagonal of a 3x3 matrix is below the precision of `f32`.
const SWEEPS: usize = 6;

/// Sums over the neighbours of a point, itself included. Lengths are in radii.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// The number of neighbours within the ball.
    pub in_ball: u32,
    /// The number of those within the circle, whatever their heights.
    pub in_circle: u32,
    /// The sums of their differences from the point.
    first: [f32; 3],
    /// The sums of the products xx, yy, zz, xy, xz and yz of these differences.
    second: [f32; 6],
}

/// `to - from`, exactly or rounded once.
fn difference(to: u32, from: u32) -> f32 {
    if to >= from { (to - from) as f32 } else { -((from - to) as f32) }
}

impl Sums {
    /// The sums for the position with this index.
    pub fn around(step: Step, positions: &[[u32; 3]], row_starts: &[u32], index: usize) -> Self {
        let (mut sums, centre) = (Sums::default(), positions[index]);
        let (left, right) = (centre[0].saturating_sub(step.reach), centre[0].saturating_add(step.reach));
        let row = (centre[1] / step.row_height).saturating_sub(step.first_row);
        for row in row.saturating_sub(1)..row.saturating_add(2).min(step.rows) {
            let row = &positions[row_starts[row as usize] as usize..row_starts[row as usize + 1] as usize];
            let begin = row.partition_point(|position| position[0] < left);
            for position in row[begin..].iter().take_while(|position| position[0] <= right) {
                sums.add([0, 1, 2].map(|axis| difference(position[axis], centre[axis]) * step.scale[axis]));
            }
        }
        sums
    }

    fn add(&mut self, [x, y, z]: [f32; 3]) {
        let (xx, yy, zz) = (x * x, y * y, z * z);
        let flat = xx + yy;
        if flat > 1.0 {
            return;
        }
        self.in_circle += 1;
        if flat + zz > 1.0 {
            return;
        }
        self.in_ball += 1;
        for (sum, value) in self.first.iter_mut().zip([x, y, z]) {
            *sum += value;
        }
        for (sum, value) in self.second.iter_mut().zip([xx, yy, zz, x * y, x * z, y * z]) {
            *sum += value;
        }
    }

    /// The shape of the points in the ball.
    pub fn shape(&self) -> Shape {
        if self.in_ball < FEWEST {
            return Shape::NONE;
        }
        let count = self.in_ball as f32;
        let [x, y, z] = self.first.map(|sum| sum / count);
        let [xx, yy, zz, xy, xz, yz] = self.second.map(|sum| sum / count);
        Shape::of([xx - x * x, yy - y * y, zz - z * z, xy - x * y, xz - x * z, yz - y * z])
    }
}

/// The shape of a neighbourhood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub normal: [f32; 3],
    pub curvature: f32,
    pub planarity: f32,
    pub linearity: f32,
    pub sphericity: f32,
}

impl Shape {
    const NONE: Self = Self {
        normal: [f32::NAN; 3],
        curvature: f32::NAN,
        planarity: f32::NAN,
        linearity: f32::NAN,
        sphericity: f32::NAN,
    };

    /// The shape for a covariance: its elements xx, yy, zz, xy, xz and yz.
    fn of([xx, yy, zz, xy, xz, yz]: [f32; 6]) -> Self {
        let mut matrix = [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]];
        let mut vectors = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        for _ in 0..SWEEPS {
            for (p, q) in [(0, 1), (0, 2), (1, 2)] {
                rotate(&mut matrix, &mut vectors, p, q);
            }
        }
        // Rounding may leave an eigenvalue of 0 below 0.
        let values = [0, 1, 2].map(|axis| matrix[axis][axis].max(0.0));
        let [mut first, mut second, mut third] = [0, 1, 2];
        if values[first] < values[second] {
            (first, second) = (second, first);
        }
        if values[second] < values[third] {
            (second, third) = (third, second);
        }
        if values[first] < values[second] {
            (first, second) = (second, first);
        }
        let [l1, l2, l3] = [values[first], values[second], values[third]];
        if l1 <= 0.0 {
            return Self::NONE;
        }
        let up = if vectors[2][third] < 0.0 { -1.0 } else { 1.0 };
        Self {
            normal: [0, 1, 2].map(|axis| up * vectors[axis][third]),
            curvature: l3 / (l1 + l2 + l3),
            planarity: (l2 - l3) / l1,
            linearity: (l1 - l2) / l1,
            sphericity: l3 / l1,
        }
    }
}

/// Makes the element `p`, `q` of a symmetric matrix 0, by a rotation of these two axes.
fn rotate(matrix: &mut [[f32; 3]; 3], vectors: &mut [[f32; 3]; 3], p: usize, q: usize) {
    let across = matrix[p][q];
    if across == 0.0 {
        return;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * across);
    let size = theta.abs();
    // Where its square would overflow, the rotation is by 1 / (2 theta).
    let tangent = if size > 1e18 { 0.5 / size } else { 1.0 / (size + (size * size + 1.0).sqrt()) };
    let tangent = if theta < 0.0 { -tangent } else { tangent };
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    matrix[p][p] -= tangent * across;
    matrix[q][q] += tangent * across;
    (matrix[p][q], matrix[q][p]) = (0.0, 0.0);
    let other = 3 - p - q;
    let (at_p, at_q) = (matrix[other][p], matrix[other][q]);
    let (new_p, new_q) = (cosine * at_p - sine * at_q, sine * at_p + cosine * at_q);
    (matrix[other][p], matrix[p][other]) = (new_p, new_p);
    (matrix[other][q], matrix[q][other]) = (new_q, new_q);
    for row in vectors {
        let (at_p, at_q) = (row[p], row[q]);
        (row[p], row[q]) = (cosine * at_p - sine * at_q, sine * at_p + cosine * at_q);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shape of points, given in radii.
    fn shape(points: impl Iterator<Item = [f32; 3]>) -> Shape {
        let mut sums = Sums::default();
        points.for_each(|point| sums.add(point));
        sums.shape()
    }

    /// Points in a cube around the origin, in a fixed order that is not that of a grid.
    fn cube() -> impl Iterator<Item = [f32; 3]> {
        let mut rng = fastrand::Rng::with_seed(4);
        (0..4_000).map(move |_| [(); 3].map(|()| rng.f32() - 0.5))
    }

    #[test]
    fn a_plane_has_its_normal() {
        // z = x / 2 - y / 4
        let plane = shape(cube().map(|[x, y, _]| [x, y, x / 2.0 - y / 4.0]));
        let expected = [-0.5, 0.25, 1.0].map(|axis| axis / 1.3125_f32.sqrt());
        for (found, expected) in plane.normal.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{plane:?}");
        }
        assert!(plane.sphericity < 1e-6 && plane.curvature < 1e-6, "{plane:?}");
        assert!((plane.planarity + plane.linearity - 1.0).abs() < 1e-6, "{plane:?}");
        assert!(plane.planarity > 0.6, "{plane:?}");
    }

    #[test]
    fn a_line_is_linear() {
        let line = shape(cube().map(|[x, _, _]| [x, -x, x / 2.0]));
        assert!(line.linearity > 1.0 - 1e-5 && line.planarity < 1e-5, "{line:?}");
    }

    #[test]
    fn a_ball_is_spherical() {
        let ball = shape(cube().filter(|[x, y, z]| x * x + y * y + z * z < 0.25));
        assert!(ball.sphericity > 0.9 && (ball.curvature - 1.0 / 3.0).abs() < 0.02, "{ball:?}");
    }

    #[test]
    fn normals_are_upwards_and_of_length_1() {
        for turn in 0_u8..50 {
            let tilt = f32::from(turn) * 0.31;
            let wall = shape(cube().map(|[x, y, _]| [x, y * tilt.cos(), y * tilt.sin()]));
            let length = wall.normal.iter().map(|axis| axis * axis).sum::<f32>();
            assert!(wall.normal[2] >= 0.0 && (length - 1.0).abs() < 1e-5, "{tilt}: {wall:?}");
        }
    }

    #[test]
    fn too_few_points_and_equal_ones_have_no_shape() {
        for none in [vec![[0.0; 3], [0.1; 3]], vec![[0.0; 3]; 9]] {
            assert!(shape(none.into_iter()).planarity.is_nan());
        }
        assert!(shape([[0.0; 3], [0.1; 3], [0.3; 3]].into_iter()).linearity > 0.99);
    }
}
