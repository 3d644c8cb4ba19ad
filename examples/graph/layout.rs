//! The loop: while one step runs, the positions of the previous step are downloaded and read.

use std::time::{Duration, Instant};

use gpumem::{Device, DeviceStats, GpuBuffers, KernelBackend, Result, Timeline};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    graph::{Graph, GraphLengths},
    grid::{Fineness, all_cells, cells},
    physics::Physics,
    step::{Kernels, step},
};

/// The result of a layout, without the positions.
pub struct Outcome {
    /// The name of the backend that ran the steps.
    pub backend: &'static str,
    /// The number of steps.
    pub steps: u32,
    /// The time of all steps, with the transfers to the device and back.
    pub duration: Duration,
    /// The counts of the device.
    pub stats: DeviceStats,
    /// What happened on the device, if it was asked to record that.
    pub timeline: Option<Timeline>,
    /// The distance that a node moved in the last step, on average, in edge lengths.
    pub movement: f32,
}

/// Moves the nodes of `graph` for `steps` steps, then gives all memory back and closes the device.
pub fn lay_out<B: KernelBackend>(
    device: Device<B>,
    graph: &mut Graph,
    physics: Physics,
    steps: u32,
) -> Result<Outcome> {
    // The driver of a card compiles the kernels.
    let kernels = Kernels::load(&device)?;
    let start = Instant::now();
    let mut set = graph.upload(&device)?;
    let mut watch = Watch::new(&mut graph.positions, steps);
    let mut coming = None;
    for index in 0..steps {
        let levels = watch.fineness.levels;
        set.resize(GraphLengths {
            cell_starts: cells(levels) + 1,
            cell_bodies: all_cells(levels),
            cell_fields: all_cells(levels),
            ..set.lengths()
        })?;
        step(&kernels, &mut set, physics.step(index, steps, levels))?;
        // The download starts after the step that was just queued, and the call returns at once. The previous
        // step is done or nearly so. While the new step runs, this thread waits for the previous positions
        // and reads them.
        let frame = set.positions().start_download()?;
        if let Some(frame) = coming.replace(frame) {
            watch.see(&frame.wait()?);
        }
    }
    if let Some(frame) = coming {
        watch.see(&frame.wait()?);
    }
    let (duration, movement) = (start.elapsed(), watch.movement);

    // All buffers are freed, or an error lists those that are not.
    set.check_leaks()?;
    set.close()?;
    let (stats, timeline) = (device.stats(), device.timeline());
    device.close()?;
    Ok(Outcome { backend: B::NAME, steps, duration, stats, timeline, movement })
}

/// Reads the frames: how far the nodes still move, and whether the grid suits them.
struct Watch<'a> {
    positions: &'a mut [[f32; 2]],
    fineness: Fineness,
    movement: f32,
    bar: ProgressBar,
}

impl<'a> Watch<'a> {
    /// Keeps the positions of the last frame in `positions`.
    fn new(positions: &'a mut [[f32; 2]], steps: u32) -> Self {
        // The bar is drawn on a terminal only.
        let style = ProgressStyle::with_template("{bar:40} step {pos} of {len}, {msg}");
        let bar =
            ProgressBar::new(steps.into()).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Watch { fineness: Fineness::new(positions.len()), positions, movement: f32::INFINITY, bar }
    }

    fn see(&mut self, frame: &[[f32; 2]]) {
        let moved =
            self.positions.iter().zip(frame).map(|(old, new)| (new[0] - old[0]).hypot(new[1] - old[1]));
        self.movement = moved.sum::<f32>() / frame.len() as f32;
        self.positions.copy_from_slice(frame);
        self.fineness.follow(frame);
        self.bar.set_message(format!("moving {:.4} of an edge", self.movement));
        self.bar.inc(1);
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{network::Network, report::EdgeLengths};

    fn laid_out(nodes: u32, pairs: Vec<[u32; 2]>, steps: u32) -> (Graph, Outcome) {
        let mut graph = Graph::new(Network::new(nodes, vec![], pairs), 3);
        let physics = Physics::balance(&mut graph);
        let outcome = lay_out(Device::host(), &mut graph, physics, steps).unwrap();
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
    fn there_is_one_download_a_step_and_nothing_stays() {
        let (_, Outcome { stats, .. }) = laid_out(100, net(10), 17);
        assert_eq!((stats.async_downloads, stats.live_buffers, stats.live_bytes), (17, 0, 0));
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
