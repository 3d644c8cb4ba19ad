//! One step: its kernels, in five stages, and their order.
//!
//! Each element of a result is a sum in a fixed order. So a seed gives the same picture on any number of
//! cores. A card adds up in another order, which is fixed too: its picture differs in its roundings, and is
//! always the same.

mod forces;

use gpumem::{KernelBackend, Launch, Result};

use crate::{
    graph::GraphBuffers,
    grid::{BOXES, cells, tiles_of},
    physics::Step,
};

pub use kernels::Kernels;

/// The kernels. On the host they are these functions, over whole slices, which rayon spreads over cores. On
/// a card they are those of `kernels.cu`, with a thread per element. Launches of other shapes than those of
/// [`step`] give other numbers there, and stay within the slices.
#[gpumem::kernels(
    // SAFETY: where the conditions below hold, the kernels of `kernels.cu` stay within their slices,
    // whatever these hold.
    unsafe(ptx = "kernels.ptx")
)]
mod kernels {
    use rayon::prelude::*;

    use crate::{
        grid::{BOXES, Frame, MAX_LEVELS, TILE, all_cells, bounds, cells, first_cell, side, tiles_of},
        input::network::Adjacency,
        physics::Step,
        step::forces::{centre, field_at, near_push, spring_pull, with_far_bodies},
    };

    /// The fewest elements for one thread. Fewer are not worth handing over.
    const GRAIN: usize = 512;

    /// Stage 1, in `BOXES` blocks: the box around the nodes of each share, as least and greatest
    /// coordinates.
    #[requires(positions.len() == step.nodes as usize && boxes.len() == BOXES as usize)]
    pub fn bound(step: Step, positions: &[[f32; 2]], boxes: &mut [[f32; 4]]) {
        let share = (step.nodes as usize).div_ceil(BOXES as usize).max(GRAIN);
        boxes.fill(bounds(&[]));
        boxes.par_iter_mut().zip(positions.par_chunks(share)).for_each(|(a_box, share)| {
            *a_box = bounds(share);
        });
    }

    /// Stage 1, in one block: the square around all boxes.
    #[requires(step.levels <= MAX_LEVELS && boxes.len() == BOXES as usize && frame.len() == 1)]
    pub fn frame(step: Step, boxes: &[[f32; 4]], frame: &mut [Frame]) {
        frame[0] = Frame::around(boxes, step.levels);
    }

    /// Stage 1: `starts[c + 1]` becomes the number of nodes in cell `c`. It was 0.
    #[requires(step.levels <= MAX_LEVELS && starts.len() == cells(step.levels) + 1)]
    #[requires(positions.len() == step.nodes as usize && frame.len() == 1)]
    pub fn count(step: Step, positions: &[[f32; 2]], frame: &[Frame], starts: &mut [u32]) {
        for &position in positions {
            starts[frame[0].index(position, step.levels) + 1] += 1;
        }
    }

    /// Stage 1, in a block per tile: the number of nodes in the cells of each tile, and the sum of the
    /// squares of the cells' numbers.
    #[requires(step.levels <= MAX_LEVELS && starts.len() == cells(step.levels) + 1)]
    #[requires(tiles.len() == tiles_of(step.levels) as usize)]
    pub fn sum(step: Step, starts: &[u32], tiles: &mut [[u64; 2]]) {
        for (tile, counts) in tiles.iter_mut().zip(starts[1..=cells(step.levels)].chunks(TILE as usize)) {
            let counts = counts.iter().map(|&count| u64::from(count));
            *tile = counts.fold([0, 0], |[sum, squares], count| [sum + count, squares + count * count]);
        }
    }

    /// Stage 1, in a block per tile: `starts[c + 1]` becomes the start of cell `c` in `order`.
    #[requires(step.levels <= MAX_LEVELS && starts.len() == cells(step.levels) + 1)]
    #[requires(tiles.len() == tiles_of(step.levels) as usize)]
    pub fn scan(step: Step, tiles: &[[u64; 2]], starts: &mut [u32]) {
        // On a card, a block adds up the tiles before its own.
        let _ = tiles;
        let mut start = 0;
        for slot in &mut starts[1..=cells(step.levels)] {
            start += std::mem::replace(slot, start);
        }
    }

    /// Stage 1: sorts the nodes by cell. `starts[c + 1]` becomes the end of cell `c`, which is the start of
    /// the next cell: the nodes of cell `c` are `order[starts[c]..starts[c + 1]]`.
    #[requires(step.levels <= MAX_LEVELS && starts.len() == cells(step.levels) + 1)]
    #[requires(positions.len() == step.nodes as usize && order.len() == step.nodes as usize)]
    #[requires(frame.len() == 1)]
    pub fn scatter(
        step: Step,
        positions: &[[f32; 2]],
        frame: &[Frame],
        starts: &mut [u32],
        order: &mut [u32],
    ) {
        for (node, &position) in (0_u32..step.nodes).zip(positions) {
            let slot = &mut starts[frame[0].index(position, step.levels) + 1];
            order[*slot as usize] = node;
            *slot += 1;
        }
    }

    /// Stage 1: the nodes in their order. On a card, where `scatter` leaves the nodes of a cell in any
    /// order, it puts them in the order of their indices.
    #[requires(step.levels <= MAX_LEVELS && starts.len() == cells(step.levels) + 1)]
    #[requires(positions.len() == step.nodes as usize && offsets.len() == step.nodes as usize + 1)]
    #[requires(order.len() == step.nodes as usize && sorted.len() == step.nodes as usize)]
    #[requires(frame.len() == 1)]
    pub fn arrange(
        step: Step,
        positions: &[[f32; 2]],
        offsets: &[u32],
        frame: &[Frame],
        starts: &[u32],
        order: &[u32],
        sorted: &mut [[f32; 4]],
    ) {
        // On a card, a thread finds the cell of its node, and the nodes before it there.
        let _ = (step, frame, starts);
        sorted.par_iter_mut().with_min_len(GRAIN).zip(order).for_each(|(sorted, &index)| {
            let node = index as usize;
            let ([x, y], mass) = (positions[node], (offsets[node + 1] - offsets[node] + 1) as f32);
            *sorted = [x, y, mass, f32::from_bits(index)];
        });
    }

    /// Stage 2: each cell of the finest level as one body: its centre of mass, and its mass.
    #[requires(step.levels <= MAX_LEVELS && starts.len() == cells(step.levels) + 1)]
    #[requires(sorted.len() == step.nodes as usize && bodies.len() == all_cells(step.levels))]
    pub fn gather_leaves(step: Step, starts: &[u32], sorted: &[[f32; 4]], bodies: &mut [[f32; 4]]) {
        let leaves = bodies[first_cell(step.levels)..].par_iter_mut().with_min_len(GRAIN);
        leaves.zip(starts.par_windows(2)).for_each(|(body, ends)| {
            *body = centre(&sorted[ends[0] as usize..ends[1] as usize]);
        });
    }

    /// Stage 2: each cell of the levels from `first` to the wider `last` as one body, from the four cells in
    /// it. Several levels are for one block.
    #[requires(first < MAX_LEVELS && last <= first && bodies.len() >= all_cells(first + 1))]
    pub fn gather(first: u32, last: u32, bodies: &mut [[f32; 4]]) {
        for level in (last..=first).rev() {
            let (wide, narrow) = bodies.split_at_mut(first_cell(level + 1));
            let (side, wide) = (side(level), wide[first_cell(level)..].par_iter_mut());
            wide.with_min_len(GRAIN).enumerate().for_each(|(cell, body)| {
                let corner = 2 * (cell / side) * 2 * side + 2 * (cell % side);
                *body = centre(&[0, 1, 2 * side, 2 * side + 1].map(|child| narrow[corner + child]));
            });
        }
    }

    /// Stage 3: the push of all far bodies on each cell of the levels from `first` to the finer `last`. A
    /// cell takes the push on its parent, and adds the bodies that were too near for the parent but are not
    /// next to the cell itself. Several levels are for one block.
    #[requires(last <= MAX_LEVELS && first <= last)]
    #[requires(bodies.len() >= all_cells(last) && fields.len() >= all_cells(last))]
    pub fn spread(first: u32, last: u32, bodies: &[[f32; 4]], fields: &mut [[f32; 4]]) {
        for level in first..=last {
            let (wide, narrow) = fields.split_at_mut(first_cell(level));
            let Some(wider) = level.checked_sub(1) else {
                narrow[0] = [0.0; 4];
                continue;
            };
            let (side, here) = (side(level), &bodies[first_cell(level)..][..cells(level)]);
            let narrow = narrow[..cells(level)].par_iter_mut();
            narrow.with_min_len(GRAIN).enumerate().for_each(|(cell, field)| {
                let [x, y, mass, _] = here[cell];
                if mass == 0.0 {
                    return;
                }
                let parent = first_cell(wider) + cell / side / 2 * (side / 2) + cell % side / 2;
                let above = wide[parent];
                let [push_x, push_y] = field_at([x, y], bodies[parent], above);
                *field = with_far_bodies([push_x, push_y, above[2], above[3]], cell, side, here);
            });
        }
    }

    /// Stage 4, with 32 threads per node on a card: the pull of the springs of each node.
    #[requires(positions.len() == step.nodes as usize && pulls.len() == step.nodes as usize)]
    #[requires(offsets.len() == step.nodes as usize + 1)]
    #[requires(neighbours.len() == step.neighbours as usize && stiffness.len() == neighbours.len())]
    pub fn pull(
        step: Step,
        positions: &[[f32; 2]],
        offsets: &[u32],
        neighbours: &[u32],
        stiffness: &[f32],
        pulls: &mut [[f32; 2]],
    ) {
        let _ = step;
        let adjacency = Adjacency { offsets, neighbours, stiffness };
        pulls.par_iter_mut().with_min_len(GRAIN).enumerate().for_each(|(node, pull)| {
            *pull = spring_pull(node, positions, adjacency);
        });
    }

    /// Stage 4: turns the forces on all nodes into new velocities.
    #[expect(clippy::too_many_arguments, reason = "a force depends on all of them")]
    #[requires(step.levels <= MAX_LEVELS && starts.len() == cells(step.levels) + 1)]
    #[requires(bodies.len() == all_cells(step.levels) && fields.len() == all_cells(step.levels))]
    #[requires(positions.len() == step.nodes as usize && velocities.len() == step.nodes as usize)]
    #[requires(sorted.len() == step.nodes as usize && offsets.len() == step.nodes as usize + 1)]
    #[requires(pulls.len() == step.nodes as usize && frame.len() == 1)]
    pub fn accelerate(
        step: Step,
        positions: &[[f32; 2]],
        offsets: &[u32],
        frame: &[Frame],
        starts: &[u32],
        sorted: &[[f32; 4]],
        bodies: &[[f32; 4]],
        fields: &[[f32; 4]],
        pulls: &[[f32; 2]],
        velocities: &mut [[f32; 2]],
    ) {
        let (frame, side) = (frame[0], side(step.levels));
        let leaves = first_cell(step.levels);
        velocities.par_iter_mut().with_min_len(GRAIN).enumerate().for_each(|(node, velocity)| {
            let position = positions[node];
            let [column, row] = frame.cell(position, step.levels);
            let leaf = leaves + row * side + column;
            let far = field_at(position, bodies[leaf], fields[leaf]);
            let near = near_push(position, [column, row], side, starts, sorted);
            let mass = (offsets[node + 1] - offsets[node] + 1) as f32;
            let pull = pulls[node];
            let force = [0, 1].map(|axis| {
                mass * (step.repulsion * (near[axis] + far[axis]) - step.gravity * position[axis])
                    + pull[axis]
            });
            let [x, y] = [0, 1].map(|axis| step.drag * (velocity[axis] + step.heat * force[axis]));
            let slow = (step.stride / (x * x + y * y).sqrt()).min(1.0);
            *velocity = [x * slow, y * slow];
        });
    }

    /// Stage 5: moves the nodes.
    #[requires(positions.len() == step.nodes as usize && velocities.len() == step.nodes as usize)]
    pub fn advance(step: Step, positions: &mut [[f32; 2]], velocities: &[[f32; 2]]) {
        for ([x, y], [dx, dy]) in positions.iter_mut().zip(velocities).take(step.nodes as usize) {
            *x += dx;
            *y += dy;
        }
    }
}

/// Queues the first part of a step: the nodes are counted by cell. After it, `tiles` shows how crowded the
/// cells are. The buffers of the grid have as many cells as the step's levels.
pub fn count<B: KernelBackend>(kernels: &Kernels<B>, set: &mut GraphBuffers<B>, step: Step) -> Result<()> {
    let set = set.split_mut();
    // This launch is refused if the step has too many levels.
    kernels.bound(Launch::grid(BOXES).block(256), step, &*set.positions, &mut *set.boxes)?;
    kernels.frame(Launch::grid(1).block(BOXES), step, &*set.boxes, &mut *set.frame)?;
    set.cell_starts.fill(0)?;
    kernels.count(over_nodes(step), step, &*set.positions, &*set.frame, &mut *set.cell_starts)?;
    kernels.sum(over_tiles(step), step, &*set.cell_starts, set.tiles)
}

/// Queues the rest of the step.
pub fn advance<B: KernelBackend>(kernels: &Kernels<B>, set: &mut GraphBuffers<B>, step: Step) -> Result<()> {
    let set = set.split_mut();
    let (positions, offsets, frame) = (&*set.positions, &*set.offsets, &*set.frame);
    let (starts, order, sorted) = (set.cell_starts, set.order, set.sorted);
    let (bodies, fields) = (set.cell_bodies, set.cell_fields);

    kernels.scan(over_tiles(step), step, &*set.tiles, &mut *starts)?;
    kernels.scatter(over_nodes(step), step, positions, frame, &mut *starts, &mut *order)?;
    kernels.arrange(over_nodes(step), step, positions, offsets, frame, &*starts, &*order, &mut *sorted)?;
    kernels.gather_leaves(Launch::over(cells(step.levels)), step, &*starts, &*sorted, &mut *bodies)?;
    // A level with many cells has many blocks, and each level needs the one before. All levels with few
    // cells have one block together.
    let few = step.levels.min(FEW);
    for level in (few..step.levels).rev() {
        kernels.gather(Launch::over(cells(level)), level, level, &mut *bodies)?;
    }
    if let Some(first) = few.checked_sub(1) {
        kernels.gather(one_block(first), first, 0, &mut *bodies)?;
    }
    kernels.spread(one_block(few), 0, few, &*bodies, &mut *fields)?;
    for level in few + 1..=step.levels {
        kernels.spread(Launch::over(cells(level)), level, level, &*bodies, &mut *fields)?;
    }
    let springs = Launch::over(32 * step.nodes as usize);
    kernels.pull(springs, step, positions, offsets, &*set.neighbours, &*set.stiffness, &mut *set.pulls)?;
    kernels.accelerate(
        over_nodes(step),
        step,
        positions,
        offsets,
        frame,
        &*starts,
        &*sorted,
        &*bodies,
        &*fields,
        &*set.pulls,
        &mut *set.velocities,
    )?;
    // So far the kernels only read the positions, so the download of the previous step's positions may still
    // run. This kernel borrows them mutably, so it waits for the end of that download.
    kernels.advance(over_nodes(step), step, set.positions, &*set.velocities)
}

/// A thread per node.
fn over_nodes(step: Step) -> Launch {
    Launch::over(step.nodes as usize)
}

/// The finest level of those that one block computes.
const FEW: u32 = 5;

/// A block with a thread per cell of a level.
fn one_block(level: u32) -> Launch {
    Launch::grid(1).block(1 << (2 * level))
}

/// A block per tile.
fn over_tiles(step: Step) -> Launch {
    Launch::grid(tiles_of(step.levels)).block(256)
}

#[cfg(all(test, feature = "cuda"))]
mod on_card;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        graph::{Graph, with_scratch},
        grid::MAX_LEVELS,
    };
    use gpumem::{Device, Error, GpuBuffers};

    /// `kernels.cu` includes the header, so that NVIDIA's compiler compares the kernels with these.
    #[test]
    fn the_header_is_current() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels.cuh");
        if std::env::var_os("GPUMEM_HEADER").is_some() {
            std::fs::write(&path, kernels::CUDA_HEADER).unwrap();
        }
        let same = std::fs::read_to_string(&path).unwrap() == kernels::CUDA_HEADER;
        assert!(
            same,
            "`GPUMEM_HEADER=write cargo test -p gpumem-example-graph header` writes kernels.cuh again"
        );
    }

    /// A cloud that is dense in the middle.
    fn cloud(nodes: usize) -> Vec<[f32; 2]> {
        let mut rng = fastrand::Rng::with_seed(5);
        let mut at = || (rng.f32() - 0.5) * rng.f32() * 40.0;
        (0..nodes).map(|_| [at(), at()]).collect()
    }

    /// The buffers of these nodes at rest, without springs, and a step for them.
    fn at_rest(device: &Device, positions: &[[f32; 2]], levels: u32) -> (GraphBuffers, Step) {
        let nodes = positions.len();
        let graph = Graph {
            positions: positions.to_vec(),
            velocities: vec![[0.0; 2]; nodes],
            offsets: vec![0; nodes + 1],
            ..Graph::default()
        };
        let mut set = graph.upload(device).unwrap();
        set.resize(with_scratch(set.lengths(), levels)).unwrap();
        let step = Step {
            nodes: u32::try_from(nodes).unwrap(),
            neighbours: 0,
            levels,
            repulsion: 1.0,
            gravity: 0.0,
            heat: 1.0,
            drag: 1.0,
            stride: 1e9,
        };
        (set, step)
    }

    fn queue(kernels: &Kernels, set: &mut GraphBuffers, step: Step) -> Result<()> {
        count(kernels, set, step)?;
        advance(kernels, set, step)
    }

    /// The velocities after one step from rest.
    fn pushes(positions: &[[f32; 2]], levels: u32) -> Vec<[f32; 2]> {
        let device = Device::host();
        let (mut set, from_rest) = at_rest(&device, positions, levels);
        queue(&Kernels::load(&device).unwrap(), &mut set, from_rest).unwrap();
        set.velocities().download().unwrap()
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

    #[test]
    fn steps_that_do_not_fit_their_buffers_are_refused() {
        let device = Device::host();
        let kernels = Kernels::load(&device).unwrap();
        let (mut set, fits) = at_rest(&device, &cloud(100), 2);
        for (other, condition) in [
            (Step { nodes: 101, ..fits }, "positions.len() == step.nodes"),
            (Step { levels: 3, ..fits }, "starts.len() == cells(step.levels) + 1"),
            (Step { levels: MAX_LEVELS + 1, ..fits }, "step.levels <= MAX_LEVELS"),
            (Step { levels: u32::MAX, ..fits }, "step.levels <= MAX_LEVELS"),
            (Step { neighbours: 1, ..fits }, "neighbours.len() == step.neighbours"),
        ] {
            let error = queue(&kernels, &mut set, other).unwrap_err();
            assert!(matches!(error, Error::KernelRefused { .. }), "{other:?}: {error}");
            assert!(error.to_string().contains(condition), "{other:?}: {error}");
        }
        queue(&kernels, &mut set, fits).unwrap();
        device.synchronize().unwrap();
    }
}
