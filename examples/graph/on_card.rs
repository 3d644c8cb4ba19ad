//! Tests of the kernels on a card.

use super::Kernels;
use crate::{
    graph::{Graph, GraphBuffers, GraphLengths},
    grid::{all_cells, cells},
    layout::lay_out,
    network::Network,
    physics::{Physics, Step},
    report::EdgeLengths,
};
use gpumem::{Cuda, Device, Error, GpuBuffers, KernelBackend, Launch};

#[path = "../../gpumem/tests/cuda/card.rs"]
mod card;

/// A graph without much symmetry: a net with a few long ties across it.
fn net() -> Graph {
    let at = |x: u32, y: u32| 60 * y + x;
    let across = (0..59_u32).flat_map(|x| (0..40).map(move |y| [at(x, y), at(x + 1, y)]));
    let down = (0..60_u32).flat_map(|x| (0..39).map(move |y| [at(x, y), at(x, y + 1)]));
    let ties = (0..30).map(|i| [i * 71 % 2400, i * 1_013 % 2400]);
    Graph::new(Network::new(2400, vec![], across.chain(down).chain(ties).collect()), 7)
}

fn card() -> Option<Device<Cuda>> {
    card::found(Device::cuda(0), |error| matches!(error, Error::BackendUnavailable { .. }))
}

fn laid_out<B: KernelBackend>(device: Device<B>, steps: u32) -> Graph {
    let mut graph = net();
    let physics = Physics::balance(&mut graph);
    let outcome = lay_out(device, &mut graph, physics, steps).unwrap();
    assert_eq!(outcome.stats.async_downloads, u64::from(steps));
    graph
}

#[test]
fn the_card_computes_what_the_host_does() {
    for (steps, tolerance) in [(1, 1e-4), (10, 1e-2)] {
        let Some(device) = card() else { return };
        let (here, there) = (laid_out(Device::host(), steps), laid_out(device, steps));
        for (here, there) in here.positions.iter().zip(&there.positions) {
            let apart = (here[0] - there[0]).hypot(here[1] - there[1]);
            assert!(apart < tolerance, "{apart} apart after {steps} steps: {here:?}, {there:?}");
        }
    }
}

#[test]
fn pictures_are_as_good() {
    let Some(device) = card() else { return };
    let expected = EdgeLengths::of(&laid_out(Device::host(), 300)).unwrap();
    let found = EdgeLengths::of(&laid_out(device, 300)).unwrap();
    for (found, expected) in
        [(found.mean, expected.mean), (found.median, expected.median), (found.spread, expected.spread)]
    {
        assert!((found / expected - 1.0).abs() < 0.05, "{found}, not {expected}");
    }
}

#[test]
fn a_seed_gives_the_same_picture() {
    let (Some(first), Some(second)) = (card(), card()) else { return };
    let same = laid_out(first, 50).positions == laid_out(second, 50).positions;
    assert!(same, "additions must not depend on the order of threads");
}

/// Fills every buffer with bits that are no index, and a third of the elements with any bits.
fn fill_with_nonsense(set: &mut GraphBuffers<Cuda>, rng: &mut fastrand::Rng) {
    let mut nonsense = |count: usize| -> Vec<u32> {
        (0..count).map(|_| if rng.u8(..3) == 0 { rng.u32(..) } else { u32::MAX - rng.u32(..9) }).collect()
    };
    macro_rules! fill {
        ($buffer:expr) => {{
            let buffer = $buffer;
            let mut elements = buffer.download().unwrap();
            for element in &mut elements {
                let bits = nonsense(size_of_val(element) / size_of::<u32>());
                bytemuck::bytes_of_mut(element).copy_from_slice(bytemuck::cast_slice(&bits));
            }
            buffer.write(0, &elements).unwrap();
        }};
    }
    let set = set.split_mut();
    fill!(set.positions);
    fill!(set.velocities);
    fill!(set.offsets);
    fill!(set.neighbours);
    fill!(set.frame);
    fill!(set.sorted);
    fill!(set.cell_starts);
    fill!(set.cell_bodies);
    fill!(set.cell_fields);
}

/// For `compute-sanitizer`: that the kernels keep what `unsafe(ptx = ..)` promises.
#[test]
fn kernels_stay_within_their_slices_whatever_these_hold() {
    let Some(device) = card() else { return };
    let kernels = Kernels::load(&device).unwrap();
    let (mut rng, mut graph) = (fastrand::Rng::with_seed(3), net());
    let step = Physics::balance(&mut graph).step(0, 10, 4);
    let mut set = graph.upload(&device).unwrap();
    let (cell_starts, count) = (cells(4) + 1, all_cells(4));
    let lengths = GraphLengths { cell_starts, cell_bodies: count, cell_fields: count, ..set.lengths() };
    set.resize(lengths).unwrap();
    let launches = [Launch::over(2400), Launch::grid(1).block(1_024), Launch::grid((3, 2)).block((24, 2, 3))];
    for launch in launches {
        for kernel in 0..9 {
            fill_with_nonsense(&mut set, &mut rng);
            queue(&kernels, &mut set, launch, step, kernel).unwrap();
            device.synchronize().unwrap();
        }
    }
}

/// Queues the kernel with this number.
fn queue(
    kernels: &Kernels<Cuda>,
    set: &mut GraphBuffers<Cuda>,
    launch: Launch,
    step: Step,
    kernel: u32,
) -> gpumem::Result<()> {
    let set = set.split_mut();
    let (positions, velocities, offsets) = (set.positions, set.velocities, set.offsets);
    let (starts, sorted, bodies, fields) = (set.cell_starts, set.sorted, set.cell_bodies, set.cell_fields);
    match kernel {
        0 => kernels.frame(launch, step, &*positions, set.frame),
        1 => kernels.count(launch, step, &*positions, &*set.frame, starts),
        2 => kernels.scan(launch, step, starts),
        3 => kernels.scatter(launch, step, &*positions, &*offsets, &*set.frame, starts, sorted),
        4 => kernels.gather_leaves(launch, step, &*starts, sorted, bodies),
        5 => kernels.gather(launch, step.levels - 1, bodies),
        6 => kernels.spread(launch, step.levels, &*bodies, fields),
        7 => kernels.accelerate(
            launch,
            step,
            &*positions,
            &*offsets,
            &*set.neighbours,
            &*set.frame,
            &*starts,
            &*sorted,
            &*bodies,
            &*fields,
            velocities,
        ),
        _ => kernels.advance(launch, step, positions, &*velocities),
    }
}
