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

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use gpumem::Device;

use cli::{Args, Choice};
use graph::Graph;
use layout::Outcome;
use output::Output;
use physics::Physics;

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<()> {
    // Whatever can be refused is refused before anything is computed.
    let output = Output::open(&args.out)?;
    let card = match args.backend {
        Choice::Host => None,
        Choice::Cuda => Some(open_card()?),
    };
    let network = input::read(&args.input.unwrap_or_else(cli::own_lockfile))?;
    let mut graph = Graph::new(network, args.seed);
    let physics = Physics::balance(&mut graph);

    let outcome = match card {
        None => layout::lay_out(host::OnHost, Device::host(), &mut graph, physics, args.steps)?,
        Some(card) => on_card(card, &mut graph, physics, args.steps)?,
    };
    output.write(&picture::svg(&graph))?;
    println!("picture: {}", args.out.display());
    report::tell(&graph, &outcome);
    Ok(())
}

#[cfg(feature = "cuda")]
type Card = Device<gpumem::Cuda>;

#[cfg(feature = "cuda")]
fn open_card() -> Result<Card> {
    Ok(Device::cuda(0)?)
}

#[cfg(feature = "cuda")]
fn on_card(device: Card, graph: &mut Graph, physics: Physics, steps: u32) -> Result<Outcome> {
    let stepper = cuda::OnCard::new(&device)?;
    Ok(layout::lay_out(stepper, device, graph, physics, steps)?)
}

/// Without the feature there is no card, and no value of this type.
#[cfg(not(feature = "cuda"))]
type Card = std::convert::Infallible;

#[cfg(not(feature = "cuda"))]
fn open_card() -> Result<Card> {
    anyhow::bail!(
        "this program was built without CUDA; build it with the feature `cuda`:\n    \
         cargo run --release --example graph --features cuda -- --backend cuda"
    )
}

#[cfg(not(feature = "cuda"))]
fn on_card(card: Card, _: &mut Graph, _: Physics, _: u32) -> Result<Outcome> {
    match card {}
}
