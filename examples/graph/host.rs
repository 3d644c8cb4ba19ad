//! One step on the host: the stages of `kernels.cu`, each a function over slices, which rayon spreads over
//! cores.
//!
//! One thread computes each element of a result, in a fixed order. So a seed gives the same picture on any
//! number of cores.

use rayon::prelude::*;

use gpumem::{Device, Host, Result};

use crate::{
    graph::GraphBuffers,
    grid::{Frame, cells, first_cell},
    layout::Stepper,
    network::Adjacency,
    physics::Step,
};

/// The fewest elements for one thread. Fewer are not worth handing over.
const GRAIN: usize = 512;

/// Steps on the host.
pub struct OnHost;

impl Stepper for OnHost {
    type Backend = Host;
    const NAME: &'static str = "host";

    fn step(&mut self, device: &Device, set: &mut GraphBuffers, step: Step) -> Result<()> {
        let set = set.split_mut();
        // This kernel only reads the positions. So it runs while the download of the previous step's
        // positions still runs.
        device.launch(
            (
                &*set.positions,
                &*set.offsets,
                &*set.neighbours,
                &mut *set.velocities,
                set.sorted,
                set.cell_starts,
                set.cell_bodies,
                set.cell_fields,
            ),
            move |(positions, offsets, neighbours, velocities, sorted, starts, bodies, fields)| {
                let mut cells = Cells { starts, sorted, bodies, fields };
                accelerate(step, positions, Adjacency { offsets, neighbours }, velocities, &mut cells);
            },
        )?;
        // This kernel borrows the positions mutably, so it waits for the end of that download.
        device.launch((set.positions, &*set.velocities), |(positions, velocities)| {
            advance(positions, velocities);
        })
    }
}

/// The grid's buffers: see `Graph`.
struct Cells<'a> {
    starts: &'a mut [u32],
    sorted: &'a mut [[f32; 4]],
    bodies: &'a mut [[f32; 4]],
    fields: &'a mut [[f32; 4]],
}

/// Stages 1 to 4: turns the forces on all nodes into new velocities.
fn accelerate(
    step: Step,
    positions: &[[f32; 2]],
    adjacency: Adjacency<'_>,
    velocities: &mut [[f32; 2]],
    cells: &mut Cells<'_>,
) {
    let frame = Frame::around(positions, step.levels);
    sort(frame, positions, adjacency, cells.starts, cells.sorted);
    gather(step.levels, cells.starts, cells.sorted, cells.bodies);
    spread(step.levels, cells.bodies, cells.fields);
    let leaves = first_cell(step.levels);
    let (bodies, fields) = (&cells.bodies[leaves..], &cells.fields[leaves..]);
    let (starts, sorted) = (&*cells.starts, &*cells.sorted);
    velocities.par_iter_mut().with_min_len(GRAIN).enumerate().for_each(|(node, velocity)| {
        let position = positions[node];
        let cell = frame.index(position);
        let far = field_at(position, bodies[cell], fields[cell]);
        let near = near_push(frame, position, starts, sorted);
        let mass = (adjacency.degree(node) + 1) as f32;
        let pull = spring_pull(node, positions, adjacency);
        let force = [0, 1].map(|axis| {
            mass * (step.repulsion * (near[axis] + far[axis]) - step.gravity * position[axis]) + pull[axis]
        });
        let [x, y] = [0, 1].map(|axis| step.drag * (velocity[axis] + step.heat * force[axis]));
        let slow = (step.stride / (x * x + y * y).sqrt()).min(1.0);
        *velocity = [x * slow, y * slow];
    });
}

/// Stage 5: moves the nodes.
fn advance(positions: &mut [[f32; 2]], velocities: &[[f32; 2]]) {
    for ([x, y], [dx, dy]) in positions.iter_mut().zip(velocities) {
        *x += dx;
        *y += dy;
    }
}

/// Stage 1: sorts the nodes by cell. The nodes of cell `c` are `sorted[starts[c]..starts[c + 1]]`.
fn sort(
    frame: Frame,
    positions: &[[f32; 2]],
    adjacency: Adjacency<'_>,
    starts: &mut [u32],
    sorted: &mut [[f32; 4]],
) {
    let slot_of = |position| frame.index(position) + 1;
    starts.fill(0);
    for &position in positions {
        starts[slot_of(position)] += 1;
    }
    // Slot c + 1 first holds the number of nodes in cell c, then the start of the cell, and finally its end,
    // which is the start of the next cell.
    let mut start = 0;
    for slot in &mut starts[1..] {
        start += std::mem::replace(slot, start);
    }
    for (node, &position) in positions.iter().enumerate() {
        let slot = &mut starts[slot_of(position)];
        let mass = (adjacency.degree(node) + 1) as f32;
        sorted[*slot as usize] = [position[0], position[1], mass, 0.0];
        *slot += 1;
    }
}

/// Stage 2: each cell of each level as one body: its centre of mass, and its mass.
fn gather(levels: u32, starts: &[u32], sorted: &[[f32; 4]], bodies: &mut [[f32; 4]]) {
    let (_, leaves) = bodies.split_at_mut(first_cell(levels));
    for (cell, body) in leaves.iter_mut().enumerate() {
        *body = centre(&sorted[starts[cell] as usize..starts[cell + 1] as usize]);
    }
    for level in (0..levels).rev() {
        let (wide, narrow) = bodies.split_at_mut(first_cell(level + 1));
        let side = 1 << level;
        for (cell, body) in wide[first_cell(level)..].iter_mut().enumerate() {
            let corner = 2 * (cell / side) * 2 * side + 2 * (cell % side);
            *body = centre(&[0, 1, 2 * side, 2 * side + 1].map(|child| narrow[corner + child]));
        }
    }
}

/// Several bodies as one.
fn centre(bodies: &[[f32; 4]]) -> [f32; 4] {
    let mut sum = [0.0; 3];
    for [x, y, mass, _] in bodies {
        sum = [sum[0] + mass * x, sum[1] + mass * y, sum[2] + mass];
    }
    let mass = sum[2].max(f32::MIN_POSITIVE);
    [sum[0] / mass, sum[1] / mass, sum[2], 0.0]
}

/// Stage 3: the push of all far bodies on each cell, from the widest level down. A cell takes the push on its
/// parent, and adds the bodies that were too near for the parent but are not next to the cell itself.
fn spread(levels: u32, bodies: &[[f32; 4]], fields: &mut [[f32; 4]]) {
    fields[0] = [0.0; 4];
    for level in 1..=levels {
        let (wide, narrow) = fields.split_at_mut(first_cell(level));
        let side = 1 << level;
        let parents = first_cell(level - 1);
        let here = &bodies[first_cell(level)..][..cells(level)];
        narrow[..cells(level)].par_iter_mut().with_min_len(GRAIN).enumerate().for_each(|(cell, field)| {
            let [x, y, mass, _] = here[cell];
            if mass == 0.0 {
                return;
            }
            let (column, row) = (cell % side, cell / side);
            let parent = parents + row / 2 * (side / 2) + column / 2;
            let above = wide[parent];
            let [push_x, push_y] = field_at([x, y], bodies[parent], above);
            let mut sum = [push_x, push_y, above[2], above[3]];
            let block = |at: usize| (at & !1).saturating_sub(2)..((at & !1) + 4).min(side);
            for other_row in block(row) {
                let others = &here[other_row * side..][block(column)];
                let first = block(column).start;
                for (other, body) in (first..).zip(others) {
                    if other.abs_diff(column) > 1 || other_row.abs_diff(row) > 1 {
                        add_body(&mut sum, [x, y], *body);
                    }
                }
            }
            *field = sum;
        });
    }
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

/// The push of all far bodies at `position`, from the field at the middle of its cell.
fn field_at(position: [f32; 2], body: [f32; 4], field: [f32; 4]) -> [f32; 2] {
    let [dx, dy] = [position[0] - body[0], position[1] - body[1]];
    let [push_x, push_y, along, across] = field;
    [push_x + along * dx + across * dy, push_y + across * dx - along * dy]
}

/// Stage 4: the push of all nodes in the 3x3 cells around a node, one by one.
fn near_push(frame: Frame, position: [f32; 2], starts: &[u32], sorted: &[[f32; 4]]) -> [f32; 2] {
    let [columns, rows] = frame.cell(position).map(|at| at.saturating_sub(1)..(at + 2).min(frame.side));
    let mut push = [0.0; 2];
    for row in rows {
        // The cells of a row lie one after the other, and so do their nodes.
        let from = starts[row * frame.side + columns.start] as usize;
        let to = starts[row * frame.side + columns.end] as usize;
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

/// The pull of a node's springs. A spring between busy nodes is weaker, so that a hub is not thrown about by
/// its many edges.
fn spring_pull(node: usize, positions: &[[f32; 2]], adjacency: Adjacency<'_>) -> [f32; 2] {
    let mut pull = [0.0; 2];
    for &other in adjacency.of(node) {
        let other = other as usize;
        let busy = adjacency.degree(node).min(adjacency.degree(other));
        let [dx, dy] = [0, 1].map(|axis| positions[other][axis] - positions[node][axis]);
        let length = (dx * dx + dy * dy).sqrt().max(1e-3);
        let strength = 0.5 / busy as f32 * (1.0 - 1.0 / length);
        pull = [pull[0] + strength * dx, pull[1] + strength * dy];
    }
    pull
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::all_cells;

    /// A cloud that is dense in the middle.
    fn cloud(nodes: usize) -> Vec<[f32; 2]> {
        let mut rng = fastrand::Rng::with_seed(5);
        let mut at = || (rng.f32() - 0.5) * rng.f32() * 40.0;
        (0..nodes).map(|_| [at(), at()]).collect()
    }

    /// The velocities after one step from rest, without springs.
    fn pushes(positions: &[[f32; 2]], levels: u32) -> Vec<[f32; 2]> {
        let nodes = u32::try_from(positions.len()).unwrap();
        let step = Step { nodes, levels, repulsion: 1.0, gravity: 0.0, heat: 1.0, drag: 1.0, stride: 1e9 };
        let offsets = vec![0; positions.len() + 1];
        let mut velocities = vec![[0.0; 2]; positions.len()];
        let mut cells = Cells {
            starts: &mut vec![0; cells(levels) + 1],
            sorted: &mut vec![[0.0; 4]; positions.len()],
            bodies: &mut vec![[0.0; 4]; all_cells(levels)],
            fields: &mut vec![[0.0; 4]; all_cells(levels)],
        };
        accelerate(
            step,
            positions,
            Adjacency { offsets: &offsets, neighbours: &[] },
            &mut velocities,
            &mut cells,
        );
        velocities
    }

    #[test]
    fn far_bodies_push_like_all_their_nodes() {
        let positions = cloud(900);
        // On one level every cell is next to every other, so this is the sum over all pairs.
        let exact = pushes(&positions, 1);
        for levels in 2..=6 {
            let (mut error, mut norm) = (0.0, 0.0);
            for (found, exact) in pushes(&positions, levels).iter().zip(&exact) {
                error += (found[0] - exact[0]).powi(2) + (found[1] - exact[1]).powi(2);
                norm += exact[0].powi(2) + exact[1].powi(2);
            }
            let error = (error / norm).sqrt();
            assert!(error < 0.03, "{error} with {levels} levels");
        }
    }
}
