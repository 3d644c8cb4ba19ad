//! The loop: while one step runs, the positions of the previous step are downloaded and read.

pub mod frames;
pub mod grow;

use std::time::{Duration, Instant};

use gpumem::{Device, DeviceStats, GpuBuffers, KernelBackend, Result};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    graph::{Graph, GraphBuffers, with_scratch},
    grid::{levels_for, next_levels},
    physics::Physics,
    step::{self, Kernels},
};
use frames::{Arrivals, Frames, Show};
use grow::Growth;

/// How a layout runs.
pub struct Course<'a> {
    /// The number of steps in which the heat falls from 1 to 0.
    pub steps: u32,
    /// The part of the graph that is still to come. Each of its batches has as many steps.
    pub growth: Option<Growth>,
    /// The transfers after each step.
    pub frames: Frames,
    /// Reads the frames.
    pub show: Show<'a>,
}

impl<'a> Course<'a> {
    /// A layout of a whole graph.
    pub fn plain(steps: u32, show: Show<'a>) -> Self {
        Course { steps, growth: None, frames: Frames::Positions, show }
    }
}

/// The result of a layout, without the positions.
pub struct Outcome {
    /// The name of the backend that ran the steps.
    pub backend: &'static str,
    /// The number of steps.
    pub steps: u32,
    /// The number of batches that arrived.
    pub batches: u32,
    /// The time of all steps, with the transfers to the device and back.
    pub duration: Duration,
    /// The time of the steps alone, without the upload before and the download after them.
    pub stepping: Duration,
    /// The counts of the device.
    pub stats: DeviceStats,
    /// The distance that a node moved in the last step, on average, in edge lengths.
    pub movement: f32,
}

/// Moves the nodes of `graph`, then gives all memory back.
pub fn lay_out<B: KernelBackend>(
    device: &Device<B>,
    graph: &mut Graph,
    course: Course<'_>,
) -> Result<Outcome> {
    // The driver of a card compiles the kernels.
    let kernels = Kernels::load(device)?;
    let batches = course.growth.as_ref().map_or(0, Growth::batches);
    let steps = course.steps.saturating_mul(1 + batches);
    let start = Instant::now();
    let mut set = graph.upload(device)?;
    let uploaded = Instant::now();
    run(&kernels, &mut set, graph, course, steps)?;
    device.synchronize()?;
    let stepping = uploaded.elapsed();
    set.positions().download_into_vec(&mut graph.positions)?;
    let duration = start.elapsed();
    // A velocity is the movement in a step.
    let velocities = set.velocities().download()?;
    let movement = velocities.iter().map(|[x, y]| x.hypot(*y)).sum::<f32>() / velocities.len() as f32;

    // All buffers are freed, or an error lists those that are not.
    set.check_leaks()?;
    set.close()?;
    let stats = device.stats();
    Ok(Outcome { backend: B::NAME, steps, batches, duration, stepping, stats, movement })
}

/// Queues all steps, and reads their frames.
fn run<B: KernelBackend>(
    kernels: &Kernels<B>,
    set: &mut GraphBuffers<B>,
    graph: &mut Graph,
    course: Course<'_>,
    steps: u32,
) -> Result<()> {
    let Course { steps: phase, mut growth, frames, show } = course;
    let mut arrivals = Arrivals::new(frames, show);
    let mut physics = Physics::of(graph);
    let mut levels = levels_for(graph.positions.len());
    let bar = bar(steps);
    for index in 0..steps {
        if index > 0
            && index % phase == 0
            && let Some(growth) = &mut growth
        {
            arrivals.latest(set, &mut graph.positions)?;
            growth.next(graph, set)?;
            physics = Physics::of(graph);
        }
        let since = Instant::now();
        set.resize(with_scratch(set.lengths(), levels))?;
        let step = physics.step(index % phase, phase, levels);
        step::count(kernels, set, step)?;
        let tiles = set.tiles().start_download()?;
        step::advance(kernels, set, step)?;
        // The download starts after the step that was just queued. The previous step is done or nearly so.
        // While the new step runs, this thread waits for the previous positions and reads them.
        arrivals.next(graph, set, since)?;
        // The device counted the nodes at the start of the step, and is busy with its rest while this thread
        // chooses the next grid. Before the first step no node has moved.
        let tiles = tiles.wait()?;
        levels = if index > 0 { next_levels(levels, &tiles) } else { levels };
        bar.inc(1);
    }
    bar.finish_and_clear();
    arrivals.last(graph, set.device())
}

/// A bar that is drawn on a terminal only.
fn bar(steps: u32) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} step {pos} of {len}, {per_sec}");
    ProgressBar::new(steps.into()).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{input::network::Network, physics::balance, report::EdgeLengths};

    fn laid_out(nodes: u32, pairs: Vec<[u32; 2]>, steps: u32) -> (Graph, Outcome) {
        let mut graph = Graph::new(Network::new(nodes, vec![], pairs), 3);
        balance(&mut graph);
        let outcome = lay_out(&Device::host(), &mut graph, Course::plain(steps, &mut |_, _| ())).unwrap();
        assert!(graph.positions.as_flattened().iter().all(|coordinate| coordinate.is_finite()));
        (graph, outcome)
    }

    /// A net of `side` times `side` nodes.
    fn net(side: u32) -> Vec<[u32; 2]> {
        let at = move |x, y| side * y + x;
        let across = (0..side - 1).flat_map(move |x| (0..side).map(move |y| [at(x, y), at(x + 1, y)]));
        let down = (0..side).flat_map(move |x| (0..side - 1).map(move |y| [at(x, y), at(x, y + 1)]));
        across.chain(down).collect()
    }

    #[test]
    fn a_net_unfolds() {
        let (graph, outcome) = laid_out(900, net(30), 300);
        let lengths = EdgeLengths::of(&graph).unwrap();
        assert!(lengths.spread < 0.4 * lengths.mean, "{lengths}");
        // Corners that are far apart in the net are far apart in the picture.
        let [[ax, ay], [bx, by]] = [0, 899].map(|node| graph.positions[node]);
        assert!((bx - ax).hypot(by - ay) > 20.0 * lengths.mean);
        assert!(outcome.movement < 0.01, "{}", outcome.movement);
    }

    #[test]
    fn heavy_edges_are_shorter() {
        // The edges across weigh more than those down.
        let weights: Vec<f32> = (0..2 * 20 * 19).map(|at| if at < 20 * 19 { 8.0 } else { 1.0 }).collect();
        let mut graph = Graph::new(Network::weighted(400, vec![], net(20), &weights), 3);
        balance(&mut graph);
        lay_out(&Device::host(), &mut graph, Course::plain(300, &mut |_, _| ())).unwrap();
        let Graph { network, positions, .. } = graph;
        let (mut heavy, mut light) = (0.0, 0.0);
        for (&pair, &weight) in network.edges.iter().zip(&network.weights) {
            let [[ax, ay], [bx, by]] = pair.map(|node| positions[node as usize]);
            *(if weight > 1.0 { &mut heavy } else { &mut light }) += (bx - ax).hypot(by - ay);
        }
        assert!(light > 1.3 * heavy, "{heavy} and {light}");
    }

    #[test]
    fn there_are_two_downloads_a_step_and_nothing_stays() {
        let (_, Outcome { stats, .. }) = laid_out(100, net(10), 17);
        // One of the positions, and one of the counts of nodes.
        assert_eq!((stats.async_downloads, stats.live_buffers, stats.live_bytes), (2 * 17, 0, 0));
        assert!(stats.resizes > 0 && stats.peak_bytes > 0);
    }

    #[test]
    fn a_seed_gives_the_same_picture() {
        let [(one, _), (two, _)] = [laid_out(400, net(20), 50), laid_out(400, net(20), 50)];
        assert!(one.positions == two.positions);
    }

    #[test]
    fn small_and_scattered_graphs() {
        laid_out(1, vec![], 10);
        laid_out(2, vec![[0, 1]], 10);
        laid_out(50, vec![], 10);
        // Two parts and isolated nodes stay near each other, but not on top of each other.
        let (graph, _) = laid_out(30, vec![[0, 1], [1, 2], [2, 0], [10, 11], [11, 12]], 200);
        let nearest = |node: usize| {
            let others = graph.positions.iter().enumerate().filter(|&(other, _)| other != node);
            let [x, y] = graph.positions[node];
            others.map(|(_, [ox, oy])| (ox - x).hypot(oy - y)).fold(f32::MAX, f32::min)
        };
        assert!((0..30).map(nearest).all(|distance| distance > 0.1 && distance < 50.0));
    }
}
