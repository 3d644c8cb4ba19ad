//! Draws a graph by forces: `cargo run --release --example graph -- --help`.
//!
//! A path through the files: `graph.rs` has the struct of buffers, `layout.rs` the loop that overlaps steps and downloads,
//! `host.rs` the kernels of a step, `cuda.rs` and `kernels.cu` the same for a card.

#![expect(unreachable_pub, reason = "in a program, `pub` means for the other modules")]

mod cli;
#[cfg(feature = "cuda")]
mod cuda;
mod graph;
mod grid;
mod host;
mod input;
mod layout;
mod network;
mod output;
mod physics;
mod picture;
mod place;
mod report;

use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use gpumem::Device;

use cli::{Args, Choice};
use graph::Graph;
use layout::Outcome;
use output::Output;
use physics::Physics;
use report::{EdgeLengths, human_bytes};

fn main() -> Result<()> {
    let args = Args::parse();
    let output = Output::open(&args.out)?;
    let network = input::read(&args.input.unwrap_or_else(cli::own_lockfile))?;
    if network.merged + network.loops > 0 {
        println!("left out: {} that repeat an edge, {} from a node to itself", network.merged, network.loops);
    }
    let mut graph = Graph::new(network, args.seed);
    let physics = Physics::balance(&mut graph);

    let start = Instant::now();
    let outcome = match args.backend {
        Choice::Host => layout::lay_out(host::OnHost, Device::host(), &mut graph, physics, args.steps)?,
        Choice::Cuda => on_card(&mut graph, physics, args.steps)?,
    };
    let seconds = start.elapsed().as_secs_f64();

    output.write(&picture::svg(&graph))?;
    println!("picture: {}", args.out.display());
    if let Some(lengths) = EdgeLengths::of(&graph) {
        println!("edges: {lengths}; nodes moved {:.4} in the last step", outcome.movement);
    }
    let (nodes, edges) = (graph.positions.len(), graph.network.edges.len());
    let Outcome { backend, stats, .. } = outcome;
    println!("graph: {nodes} nodes, {edges} edges, {} steps on {backend} in {seconds:.2} s", args.steps);
    println!(
        "memory: {} live at most, {} resizes, {} async downloads, no leaks",
        human_bytes(stats.peak_bytes),
        stats.resizes,
        stats.async_downloads
    );
    Ok(())
}

#[cfg(feature = "cuda")]
fn on_card(graph: &mut Graph, physics: Physics, steps: u32) -> Result<Outcome> {
    let device = Device::cuda(0)?;
    let stepper = cuda::OnCard::new(&device)?;
    Ok(layout::lay_out(stepper, device, graph, physics, steps)?)
}

#[cfg(not(feature = "cuda"))]
fn on_card(_: &mut Graph, _: Physics, _: u32) -> Result<Outcome> {
    anyhow::bail!(
        "this program was built without CUDA; build it with the feature `cuda`:\n    \
         cargo run --release --example graph --features cuda -- --backend cuda"
    )
}
