//! Draws a graph by forces: `cargo run --release --example graph -- --help`.
//!
//! The files, in reading order: `graph.rs` has the struct of buffers, `layout.rs` the loop that overlaps
//! steps and downloads, `layout/frames.rs` the downloads, `step.rs` the kernels of a step and their order,
//! `kernels.cu` the same kernels for a card, and `layout/grow.rs` the growth of the buffers while steps run.

#![expect(unreachable_pub, reason = "in a program, `pub` means for the other modules")]

mod cli;
mod graph;
mod grid;
mod input;
mod layout;
mod physics;
mod picture;
mod rates;
mod report;
mod step;
#[cfg(feature = "watch")]
mod watch;
#[cfg(not(feature = "watch"))]
#[path = "watch/missing.rs"]
mod watch;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use gpumem::{AnyDevice, Device, KernelBackend, on_device};

use cli::{Args, Choice};
use graph::{Graph, GraphBuffers, GraphLengths, with_scratch};
use grid::levels_for;
use input::network::Network;
use layout::{Course, frames::Frames, grow::Growth};
use picture::output::Output;
use watch::Viewer;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    on_device!(open(args)?, |device| run_on(device, args))
}

fn run_on<B: KernelBackend>(device: Device<B>, args: &Args) -> Result<()> {
    // All arguments are checked before anything is computed.
    let output = if args.rates { None } else { Some(Output::open(&args.out)?) };
    let steps = args.steps.saturating_mul(1 + args.grow.unwrap_or(0));
    let mut viewer = args.watch.map(|port| Viewer::open(port, B::NAME, steps)).transpose()?;
    let network = read(&device, args)?;
    let (network, growth) = match args.grow {
        None => (network, None),
        Some(batches) => {
            let (first, growth) = Growth::new(network, batches, args.seed);
            (first, Some(growth))
        }
    };
    let mut graph = Graph::new(network, args.seed);
    physics::balance(&mut graph);
    if args.rates {
        return rates(&device, &mut graph, args);
    }

    if let Some(viewer) = &viewer {
        println!("watch: http://{}/ (the layout starts when the page is open)", viewer.address());
        viewer.wait_for_page();
    }
    let show = &mut |graph: &Graph, shown| {
        if let Some(viewer) = &mut viewer {
            viewer.show(graph, shown);
        }
    };
    let course = Course { steps: args.steps, growth, frames: Frames::Positions, show };
    let outcome = layout::lay_out(&device, &mut graph, course)?;
    if let Some(viewer) = viewer {
        let (sent, left_out) = viewer.finish();
        println!("watch: {sent} frames were drawn, {left_out} were left out while one was drawn");
    }
    let timeline = device.timeline();
    device.close()?;
    if let Some(output) = output {
        output.write(&picture::svg(&graph))?;
        println!("picture: {}", args.out.display());
    }
    if let (Some(path), Some(timeline)) = (&args.timeline, timeline) {
        timeline.write_to(path)?;
        println!("timeline: {}", path.display());
    }
    report::tell(&graph, &outcome);
    Ok(())
}

/// The graph, if its layout fits on the device.
fn read<B: KernelBackend>(device: &Device<B>, args: &Args) -> Result<Network> {
    let fits = |nodes: usize, edges: usize| {
        let (positions, velocities, offsets) = (nodes, nodes, nodes + 1);
        let (neighbours, stiffness) = (2 * edges, 2 * edges);
        let lengths =
            GraphLengths { positions, velocities, offsets, neighbours, stiffness, ..Default::default() };
        GraphBuffers::would_fit(device, with_scratch(lengths, levels_for(nodes))).with_context(|| {
            format!("a graph of {nodes} nodes and {edges} edges does not fit; choose a smaller one")
        })
    };
    if let Some(scale) = args.rmat {
        fits(1 << scale, (args.edge_factor as usize) << scale)?;
        return Ok(input::rmat(scale, args.edge_factor, args.seed));
    }
    let network = input::read(args.input.as_ref().unwrap_or(&cli::own_lockfile()))?;
    fits(network.nodes as usize, network.edges.len())?;
    Ok(network)
}

/// Measures and prints the rates, on a card against the host.
fn rates<B: KernelBackend>(device: &Device<B>, graph: &mut Graph, args: &Args) -> Result<()> {
    let (nodes, edges) = (graph.positions.len(), graph.network.edges.len());
    println!("graph: {nodes} nodes, {edges} edges, {} steps", args.steps);
    let found = rates::measure(device, graph, args.steps)?;
    rates::tell(B::NAME, nodes, found);
    if args.backend != Choice::Host {
        let host = rates::rate(&Device::host(), graph, args.steps, Frames::None)?;
        println!(
            "host: {host:.1} steps per second, so {} is {:.1} times as fast",
            B::NAME,
            found.alone / host
        );
    }
    Ok(())
}

/// The device, which records its events if there is to be a timeline.
fn open(args: &Args) -> Result<AnyDevice> {
    let settings = Device::builder();
    let settings = if args.timeline.is_some() { settings.timeline(1 << 18) } else { settings };
    match args.backend {
        Choice::Host => Ok(AnyDevice::Host(settings.host()?)),
        #[cfg(feature = "cuda")]
        Choice::Cuda => Ok(AnyDevice::Cuda(settings.cuda(0)?)),
        #[cfg(not(feature = "cuda"))]
        Choice::Cuda => anyhow::bail!(
            "this program was built without CUDA; build it with the feature `cuda`:\n    \
             cargo run --release --example graph --features cuda -- --backend cuda"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    /// Splits a line of SVG into its text and its numbers. Colours and names count as text.
    fn taken_apart(line: &str) -> (String, Vec<f32>) {
        let (tag, name) = line.split_once('>').unwrap_or((line, ""));
        let (mut text, mut numbers) = (name.to_owned(), Vec::new());
        for part in tag.split('"') {
            if part.starts_with('#') {
                text += part;
                continue;
            }
            for word in part.split_inclusive(|letter| !matches!(letter, '0'..='9' | '-' | '.')) {
                let number = word.trim_end_matches(|letter: char| !letter.is_ascii_digit());
                match number.parse() {
                    Ok(value) => {
                        numbers.push(value);
                        text += &word[number.len()..];
                    }
                    Err(_) => text += word,
                }
            }
        }
        (text, numbers)
    }

    /// Sines of another machine may differ in the last bit, so a node may be drawn a tenth of a pixel off.
    fn same(old: &str, new: &str) -> bool {
        let ((text, numbers), (new_text, new_numbers)) = (taken_apart(old), taken_apart(new));
        let near = |(old, new): (&f32, &f32)| (old - new).abs() <= 2.0;
        text == new_text && numbers.len() == new_numbers.len() && numbers.iter().zip(&new_numbers).all(near)
    }

    #[test]
    fn numbers_may_differ_a_little_and_names_may_not() {
        let line = "<path stroke=\"#4b83f7\" stroke-width=\"15\" d=\"M8860 3469l-55 718\"/>";
        assert!(same(line, &line.replace("-55", "-56")) && !same(line, &line.replace("-55", "55")));
        assert!(!same(line, &line.replace("4b83", "4b84")) && !same(line, &line.replace("l", "h")));
        let name = "<text x=\"4310\" y=\"2177\">syn 2.0.1</text>";
        assert!(same(name, &name.replace("4310", "4311")) && !same(name, &name.replace("2.0.1", "2.0.2")));
    }

    #[test]
    fn a_graph_that_does_not_fit_is_refused_before_it_is_drawn() {
        let error = run(&Args::parse_from(["graph", "--rmat", "26", "--rates"])).unwrap_err();
        let start =
            "a graph of 67108864 nodes and 536870912 edges does not fit; choose a smaller one: buffer ";
        assert!(format!("{error:#}").starts_with(start), "{error:#}");
    }

    /// The README shows `docs/graph.svg` as the result of its first command.
    #[test]
    fn the_picture_of_the_readme_is_current() {
        let drawn = std::env::temp_dir().join(format!("gpumem-readme-{}.svg", std::process::id()));
        run(&Args::parse_from(["graph".as_ref(), "--out".as_ref(), drawn.as_os_str()])).unwrap();
        let new = fs::read_to_string(&drawn).unwrap();
        fs::remove_file(drawn).unwrap();
        let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/graph.svg");
        let old = fs::read_to_string(old).unwrap();
        let same = old.lines().count() == new.lines().count()
            && old.lines().zip(new.lines()).all(|(old, new)| same(old, new));
        assert!(
            same,
            "docs/graph.svg is not what the command draws. Packages that come or go change it; draw it anew: \
             cargo run --release --example graph -- --out docs/graph.svg"
        );
    }
}
