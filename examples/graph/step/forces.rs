//! The forces on one node or cell, on the host. `kernels.cu` has the same for a card, with the same order of
//! summation.

use crate::input::network::Adjacency;

/// Several bodies as one.
#[inline]
pub fn centre(bodies: &[[f32; 4]]) -> [f32; 4] {
    let mut sum = [0.0; 3];
    for [x, y, mass, _] in bodies {
        sum = [sum[0] + mass * x, sum[1] + mass * y, sum[2] + mass];
    }
    let mass = sum[2].max(f32::MIN_POSITIVE);
    [sum[0] / mass, sum[1] / mass, sum[2], 0.0]
}

/// The field around the body of a cell, with the bodies of its level that were too near for its parent but
/// are not next to the cell itself. `field` is that of the farther bodies, and `bodies` are those of the
/// level, which has `side` columns.
#[inline]
pub fn with_far_bodies(mut field: [f32; 4], cell: usize, side: usize, bodies: &[[f32; 4]]) -> [f32; 4] {
    let [x, y, ..] = bodies[cell];
    let (column, row) = (cell % side, cell / side);
    let block = |at: usize| (at & !1).saturating_sub(2)..((at & !1) + 4).min(side);
    for other_row in block(row) {
        let others = &bodies[other_row * side..][block(column)];
        let first = block(column).start;
        for (other, body) in (first..).zip(others) {
            if other.abs_diff(column) > 1 || other_row.abs_diff(row) > 1 {
                add_body(&mut field, [x, y], *body);
            }
        }
    }
    field
}

/// Adds the push of one far body: its strength at `position`, and its change around it.
fn add_body(field: &mut [f32; 4], position: [f32; 2], body: [f32; 4]) {
    let [dx, dy] = [position[0] - body[0], position[1] - body[1]];
    let inverse = 1.0 / (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
    let push = body[2] * inverse;
    let change = push * inverse;
    field[0] += push * dx;
    field[1] += push * dy;
    field[2] += change * (dy * dy - dx * dx);
    field[3] -= change * 2.0 * dx * dy;
}

/// The push of all far bodies at `position`, from the field around the body of its cell: the push at that
/// body, and its change around it.
#[inline]
pub fn field_at(position: [f32; 2], body: [f32; 4], field: [f32; 4]) -> [f32; 2] {
    let [dx, dy] = [position[0] - body[0], position[1] - body[1]];
    let [push_x, push_y, along, across] = field;
    [push_x + along * dx + across * dy, push_y + across * dx - along * dy]
}

/// The push of all nodes in the 3x3 cells around `cell` at `position`, one by one. The cells have `side`
/// columns; see `Graph` for `starts` and `sorted`.
#[inline]
pub fn near_push(
    position: [f32; 2],
    cell: [usize; 2],
    side: usize,
    starts: &[u32],
    sorted: &[[f32; 4]],
) -> [f32; 2] {
    let [columns, rows] = cell.map(|at| at.saturating_sub(1)..(at + 2).min(side));
    let mut push = [0.0; 2];
    for row in rows {
        // The cells of a row lie one after the other, and so do their nodes.
        let from = starts[row * side + columns.start] as usize;
        let to = starts[row * side + columns.end] as usize;
        for [x, y, mass, _] in &sorted[from..to] {
            let [dx, dy] = [position[0] - x, position[1] - y];
            // Slightly more than the squared distance. So the sum stays finite for the node itself and for
            // nodes on top of it.
            let strength = mass / (dx * dx + dy * dy + 0.01);
            push = [push[0] + strength * dx, push[1] + strength * dy];
        }
    }
    push
}

/// The pull of a node's springs.
#[inline]
pub fn spring_pull(node: usize, positions: &[[f32; 2]], adjacency: Adjacency<'_>) -> [f32; 2] {
    let mut pull = [0.0; 2];
    for (other, stiffness) in adjacency.springs(node) {
        let [dx, dy] = [0, 1].map(|axis| positions[other][axis] - positions[node][axis]);
        let length = (dx * dx + dy * dy).sqrt().max(1e-3);
        let strength = stiffness * (1.0 - 1.0 / length);
        pull = [pull[0] + strength * dx, pull[1] + strength * dy];
    }
    pull
}
