//! `--rates`: how fast the steps are if no frame is downloaded, each frame is downloaded async, or each
//! frame is downloaded by a blocking call.

use gpumem::{Device, KernelBackend, Result};

use crate::{
    graph::Graph,
    layout::frames::Frames,
    layout::{Course, lay_out},
};

/// The ways take turns this many times. The median counts.
const ROUNDS: usize = 3;

/// Steps per second.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// No frame comes to the host.
    pub alone: f64,
    /// Positions and velocities of each step are downloaded async.
    pub streamed: f64,
    /// They are downloaded by blocking calls, into new `Vec`s.
    pub blocking: f64,
}

/// Lays out `graph` several times, from the same positions.
pub fn measure<B: KernelBackend>(device: &Device<B>, graph: &mut Graph, steps: u32) -> Result<Rates> {
    let mut found = [Frames::None, Frames::Both, Frames::Blocking].map(|frames| (frames, Vec::new()));
    for _ in 0..ROUNDS {
        for (frames, rates) in &mut found {
            rates.push(rate(device, graph, steps, *frames)?);
        }
    }
    let [alone, streamed, blocking] = found.map(|(_, mut rates)| {
        rates.sort_by(f64::total_cmp);
        rates[ROUNDS / 2]
    });
    Ok(Rates { alone, streamed, blocking })
}

/// The rate of one layout. `graph` keeps its positions.
pub fn rate<B: KernelBackend>(
    device: &Device<B>,
    graph: &mut Graph,
    steps: u32,
    frames: Frames,
) -> Result<f64> {
    let positions = graph.positions.clone();
    let outcome = lay_out(device, graph, Course { frames, ..Course::plain(steps, &mut |_, _| ()) });
    graph.positions = positions;
    Ok(f64::from(steps) / outcome?.stepping.as_secs_f64())
}

/// Prints the rates on a backend.
pub fn tell(backend: &str, nodes: usize, rates: Rates) {
    let Rates { alone, streamed, blocking } = rates;
    let size = 2 * size_of::<[f32; 2]>() * nodes;
    println!(
        "rates on {backend}, in steps per second; a frame has {:.1} MiB:",
        size as f64 / f64::from(1 << 20)
    );
    println!("  no frames              {alone:9.1}");
    println!("  each frame, async      {streamed:9.1}   {:.1} % lost", 100.0 * (1.0 - streamed / alone));
    println!("  each frame, blocking   {blocking:9.1}   a factor of {:.2} lost", alone / blocking);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{input::rmat, physics::balance};

    #[test]
    fn all_three_ways_are_measured_from_the_same_positions() {
        let mut graph = Graph::new(rmat(7, 8, 1), 1);
        balance(&mut graph);
        let (before, device) = (graph.positions.clone(), Device::host());
        let Rates { alone, streamed, blocking } = measure(&device, &mut graph, 5).unwrap();
        assert!(alone > 0.0 && streamed > 0.0 && blocking > 0.0);
        assert!(graph.positions == before);
        // Five steps, three times, two frames of two buffers each; and the counts and the last positions.
        let stats = device.stats();
        assert_eq!(stats.async_downloads, 3 * 5 * (2 + 3));
        assert_eq!(stats.downloads - stats.async_downloads, 3 * (5 * 2 + 3 * 2));
    }
}
