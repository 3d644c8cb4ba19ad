//! Tests of the kernels on a card.

use super::Kernels;
use crate::{
    graph::{Graph, GraphBuffers, with_scratch},
    input::network::Network,
    input::rmat,
    layout::frames::Frames,
    layout::grow::Growth,
    layout::{Course, lay_out},
    physics::{Physics, Step, balance},
    report::EdgeLengths,
};
use gpumem::{Cuda, Device, GpuBuffers, KernelBackend, Launch};

#[path = "../../../gpumem/tests/cuda/card.rs"]
mod card;

/// A graph without much symmetry: a net with a few long ties across it.
fn net() -> Graph {
    let at = |x: u32, y: u32| 60 * y + x;
    let across = (0..59_u32).flat_map(|x| (0..40).map(move |y| [at(x, y), at(x + 1, y)]));
    let down = (0..60_u32).flat_map(|x| (0..39).map(move |y| [at(x, y), at(x, y + 1)]));
    let ties = (0..30).map(|i| [i * 71 % 2400, i * 1_013 % 2400]);
    let pairs: Vec<[u32; 2]> = across.chain(down).chain(ties).collect();
    // The weights are of many sizes.
    let weights: Vec<f32> = (0..pairs.len()).map(|at| 1.0 + (at * at % 97) as f32).collect();
    Graph::new(Network::weighted(2400, vec![], pairs, &weights), 7)
}

fn card() -> Option<Device<Cuda>> {
    card::found(Device::cuda(0))
}

fn laid_out<B: KernelBackend>(device: &Device<B>, mut graph: Graph, steps: u32) -> Graph {
    balance(&mut graph);
    let before = device.stats();
    let outcome = lay_out(device, &mut graph, Course::plain(steps, &mut |_, _| ())).unwrap();
    assert_eq!(outcome.stats.since(&before).async_downloads, 2 * u64::from(steps));
    graph
}

fn furthest_apart(here: &Graph, there: &Graph) -> f32 {
    let pairs = here.positions.iter().zip(&there.positions);
    pairs.map(|(here, there)| (here[0] - there[0]).hypot(here[1] - there[1])).fold(0.0, f32::max)
}

#[test]
fn the_card_computes_what_the_host_does() {
    for (steps, tolerance) in [(1, 1e-4), (10, 1e-2)] {
        let Some(device) = card() else { return };
        let (here, there) = (laid_out(&Device::host(), net(), steps), laid_out(&device, net(), steps));
        let apart = furthest_apart(&here, &there);
        assert!(apart < tolerance, "{apart} apart after {steps} steps");
    }
}

/// Nodes with thousands of springs, and cells with thousands of nodes.
#[test]
fn busy_nodes_and_crowded_cells_are_as_on_the_host() {
    let Some(device) = card() else { return };
    let graph = || Graph::new(rmat(13, 8, 5), 1);
    let apart = furthest_apart(&laid_out(&Device::host(), graph(), 1), &laid_out(&device, graph(), 1));
    assert!(apart < 1e-2, "{apart} apart after one step");
}

#[test]
fn pictures_are_as_good() {
    let Some(device) = card() else { return };
    let expected = EdgeLengths::of(&laid_out(&Device::host(), net(), 300)).unwrap();
    let found = EdgeLengths::of(&laid_out(&device, net(), 300)).unwrap();
    for (found, expected) in
        [(found.mean, expected.mean), (found.median, expected.median), (found.spread, expected.spread)]
    {
        assert!((found / expected - 1.0).abs() < 0.05, "{found}, not {expected}");
    }
}

#[test]
fn a_seed_gives_the_same_picture() {
    let Some(device) = card() else { return };
    for graph in [net, || Graph::new(rmat(12, 8, 3), 1)] {
        let same = laid_out(&device, graph(), 50).positions == laid_out(&device, graph(), 50).positions;
        assert!(same, "additions must not depend on the order of threads");
    }
}

#[test]
fn a_graph_grows_on_the_card() {
    let Some(device) = card() else { return };
    let (first, growth) = Growth::new(rmat(15, 8, 2), 6, 1);
    let mut graph = Graph::new(first, 1);
    balance(&mut graph);
    let mut shown = 0;
    let show = &mut |_: &Graph, _| shown += 1;
    let course = Course { steps: 20, growth: Some(growth), frames: Frames::Positions, show };
    let stats = lay_out(&device, &mut graph, course).unwrap().stats;
    assert!(stats.grown_in_place + stats.grown_by_copy > 6, "{stats}");
    assert_eq!((graph.positions.len(), shown), (1 << 15, 7 * 20));
    assert!(graph.positions.as_flattened().iter().all(|coordinate| coordinate.is_finite()));
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
    fill!(set.stiffness);
    fill!(set.boxes);
    fill!(set.frame);
    fill!(set.tiles);
    fill!(set.cell_starts);
    fill!(set.order);
    fill!(set.sorted);
    fill!(set.cell_bodies);
    fill!(set.cell_fields);
    fill!(set.pulls);
}

/// For `compute-sanitizer`: that the kernels keep what `unsafe(ptx = ..)` promises.
#[test]
fn kernels_stay_within_their_slices_whatever_these_hold() {
    let Some(device) = card() else { return };
    let kernels = Kernels::load(&device).unwrap();
    let (mut rng, mut graph) = (fastrand::Rng::with_seed(3), net());
    balance(&mut graph);
    // Six levels have several tiles.
    let step = Physics::of(&graph).step(0, 10, 6);
    let mut set = graph.upload(&device).unwrap();
    set.resize(with_scratch(set.lengths(), step.levels)).unwrap();
    let launches = [
        Launch::over(2400),
        Launch::over(32 * 2400),
        Launch::grid(300).block(256),
        Launch::grid(1).block(192),
        Launch::grid((3, 2)).block((24, 2, 3)),
        Launch::grid((3, 2)).block((16, 2, 3)),
    ];
    for launch in launches {
        for kernel in 0..13 {
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
    let (starts, order, sorted) = (set.cell_starts, set.order, set.sorted);
    let (bodies, fields, pulls) = (set.cell_bodies, set.cell_fields, set.pulls);
    let (neighbours, stiffness) = (set.neighbours, set.stiffness);
    match kernel {
        0 => kernels.bound(launch, step, &*positions, set.boxes),
        1 => kernels.frame(launch, step, &*set.boxes, set.frame),
        2 => kernels.count(launch, step, &*positions, &*set.frame, starts),
        3 => kernels.sum(launch, step, &*starts, set.tiles),
        4 => kernels.scan(launch, step, &*set.tiles, starts),
        5 => kernels.scatter(launch, step, &*positions, &*set.frame, starts, order),
        6 => kernels.arrange(launch, step, &*positions, &*offsets, &*set.frame, &*starts, &*order, sorted),
        7 => kernels.gather_leaves(launch, step, &*starts, &*sorted, bodies),
        8 => kernels.gather(launch, step.levels - 1, 0, bodies),
        9 => kernels.spread(launch, 0, step.levels, &*bodies, fields),
        10 => kernels.pull(launch, step, &*positions, &*offsets, &*neighbours, &*stiffness, pulls),
        11 => kernels.accelerate(
            launch,
            step,
            &*positions,
            &*offsets,
            &*set.frame,
            &*starts,
            &*sorted,
            &*bodies,
            &*fields,
            &*pulls,
            velocities,
        ),
        _ => kernels.advance(launch, step, positions, &*velocities),
    }
}
