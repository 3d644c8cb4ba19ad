//! All checks of a change, on a machine without a GPU.
//!
//! No flag that reaches the compiler differs between the steps, so each step reuses the builds of the steps
//! before it.

use crate::cuda;
use crate::run::{Failure, Run, target};
use std::path::{Path, PathBuf};
use std::time::Instant;

type Step = (&'static str, fn() -> Result<(), Failure>);

const STEPS: [Step; 10] = [
    ("format", format),
    ("clippy", clippy),
    ("docs", docs),
    ("tests", || Run::cargo("test --locked --workspace").go()),
    ("cuda-without-driver", cuda_without_driver),
    ("cuda-on-threads", cuda_on_threads),
    ("cuda-without-virtual-memory", cuda_without_virtual_memory),
    ("examples", examples),
    ("exporters", exporters),
    ("packages", packages),
];

pub(crate) fn names() -> Vec<&'static str> {
    STEPS.iter().map(|(name, _)| *name).collect()
}

/// Runs the steps with these names, or all.
pub(crate) fn run(wanted: &[String]) -> Result<(), Failure> {
    if let Some(unknown) = wanted.iter().find(|name| !names().contains(&name.as_str())) {
        return Err(Failure(format!("there is no step `{unknown}`; there are: {}", names().join(", "))));
    }
    let (began, mut times) = (Instant::now(), Vec::new());
    for (name, step) in STEPS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name))
    {
        println!("\n== {name}");
        let start = Instant::now();
        step().map_err(|Failure(why)| format!("{name} (after {} s): {why}", began.elapsed().as_secs()))?;
        times.push(format!("{:5} s  {name}", start.elapsed().as_secs()));
    }
    println!("\nall passed in {} s:\n{}", began.elapsed().as_secs(), times.join("\n"));
    Ok(())
}

/// A command of cargo that sees the stand-in for the driver. All commands that build `cust` use it: cargo
/// builds `cust` again whenever `CUDA_LIBRARY_PATH` changes.
fn cargo(line: &str) -> Result<Run, Failure> {
    Ok(Run::cargo(line).env("CUDA_LIBRARY_PATH", cuda::stand_in()?))
}

fn format() -> Result<(), Failure> {
    Run::cargo("fmt --all --check").go()?;
    Run::cargo("fmt --check --manifest-path examples/metrics/Cargo.toml").go()?;
    Run::cargo("fmt --check --manifest-path examples/tracing/Cargo.toml").go()
}

fn clippy() -> Result<(), Failure> {
    cargo("clippy --locked --workspace --all-targets -- -D warnings")?.go()?;
    cargo("clippy --locked -p gpumem --no-default-features -- -D warnings")?.go()?;
    Run::cargo(&format!("clippy {} -- -D warnings", cuda::WITHOUT_CUST)).go()?;
    cargo("clippy --locked --workspace --all-targets --all-features -- -D warnings")?.go()
}

fn docs() -> Result<(), Failure> {
    for features in ["", "--all-features"] {
        let line = format!("doc --locked --workspace --no-deps {features}");
        cargo(&line)?.env("RUSTDOCFLAGS", "-D warnings").go()?;
    }
    Ok(())
}

/// A program with the feature `cuda` starts without a driver. The examples of the documentation compile
/// without `cust`. Then the tests that look for a card run on the stand-in, find none and say so. No other
/// step sees the stand-in at run time. Those of the examples do not: the whole examples would be built again
/// for the few of them.
fn cuda_without_driver() -> Result<(), Failure> {
    cuda::one_program_for_any_machine()?;
    Run::cargo(&format!("test {} --doc", cuda::WITHOUT_CUST)).go()?;
    let lib = cuda::stand_in()?.join("lib64");
    for tests in ["--lib", "--test card --test contexts", "--test suite cuda"] {
        cargo(&format!("test --locked --workspace --features cuda {tests}"))?.libraries(&lib).go()?;
    }
    Ok(())
}

/// Runs tests on the driver made of threads, so that the code for CUDA is tested without a card.
fn on_threads(line: &str, lacks: &[&str]) -> Result<(), Failure> {
    let mut run = cargo(&format!("test --locked --workspace --features cuda {line}"))?
        .env("GPUMEM_REQUIRE_CUDA", "1")
        .libraries(&cuda::fake_driver()?);
    for lack in lacks {
        run = run.env(lack, "1");
    }
    run.go()
}

/// The runtime's own tests run twice: without `cust`, where only the runtime loads the driver, and with it.
fn cuda_on_threads() -> Result<(), Failure> {
    Run::cargo(&format!("test {} --lib", cuda::WITHOUT_CUST))
        .env("GPUMEM_REQUIRE_CUDA", "1")
        .libraries(&cuda::fake_driver()?)
        .go()?;
    on_threads("--lib --test card --test contexts", &[])?;
    on_threads("--test suite cuda", &[])
}

/// As on a card without virtual memory, and as on a card that also lacks stream-ordered memory, with a driver
/// that copies nothing in batches.
fn cuda_without_virtual_memory() -> Result<(), Failure> {
    on_threads("--test suite cuda", &["FAKE_CUDA_NO_VMM"])?;
    let lacks = ["FAKE_CUDA_NO_VMM", "FAKE_CUDA_NO_POOLS", "FAKE_CUDA_NO_BATCHES"];
    on_threads("--test suite cuda -- --skip waits_for_no_kernel", &lacks)
}

fn examples() -> Result<(), Failure> {
    let pictures = ["graph.svg", "graph.png", "stream.png", "stream.svg"];
    for picture in pictures {
        let _ = std::fs::remove_file(picture);
    }
    Run::cargo("run --locked --release --example graph").go()?;
    // Not for release, which would build the renderer for a minute longer.
    Run::cargo("test --locked -p gpumem-example-graph --features png,watch --example graph").go()?;
    Run::cargo(
        "run --locked -p gpumem-example-graph --example graph --features png,watch -- --out graph.png",
    )
    .go()?;
    Run::cargo("run --locked --release --example stream -- --frames 24 --stars 100000").go()?;
    let lidar = target().join("lidar");
    Run::cargo("run --locked --example lidar -- --points 30000 --size 400 --out").arguments([&lidar]).go()?;
    let is_drawn = |picture: &&str| std::fs::metadata(picture).is_ok_and(|file| file.len() > 0);
    match pictures.iter().find(|picture| !is_drawn(picture)) {
        Some(missing) => Err(Failure(format!("an example wrote no {missing}"))),
        None => Ok(()),
    }
}

/// The examples with exporters of metrics and of traces, each a workspace of its own.
fn exporters() -> Result<(), Failure> {
    exporter("--manifest-path examples/metrics/Cargo.toml")?;
    let tracing = "--manifest-path examples/tracing/Cargo.toml";
    if has_clang() {
        return exporter(&format!("{tracing} --features nvtx"));
    }
    println!("   skipped: the example for NVTX, since its crate is built with clang, which is not there");
    exporter(tracing)
}

/// Clippy's own compiler builds the tests, so that the crates of an exporter are not built twice.
fn exporter(place: &str) -> Result<(), Failure> {
    Run::cargo(&format!("test --locked {place} --target-dir"))
        .arguments([target().join("exporters")])
        .env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver")
        .env("RUSTFLAGS", "-D warnings")
        .go()
}

/// Whether there is a `clang` or `clang-16` and so on, or `LIBCLANG_PATH` names its library.
fn has_clang() -> bool {
    let is_clang = |name: &str| {
        let version = name.strip_prefix("clang").and_then(|rest| rest.strip_prefix('-'));
        name == "clang" || version.is_some_and(|version| version.parse::<u32>().is_ok())
    };
    let has_it = |folder: PathBuf| {
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        files.into_iter().any(|file| file.file_name().to_str().is_some_and(is_clang))
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::var_os("LIBCLANG_PATH").is_some() || std::env::split_paths(&path).any(has_it)
}

/// To build the packed `gpumem`, cargo puts the packed `gpumem-derive` into a local registry. Cargo assumes
/// that a package of a registry never changes once it is unpacked or built, so the derive of an earlier run
/// is removed first.
fn packages() -> Result<(), Failure> {
    let built = target().join("packages");
    let _ = std::fs::remove_dir_all(&built);
    for registry in std::fs::read_dir(cuda::cargo_home().join("registry/src"))?.flatten() {
        if registry.file_name().to_string_lossy().starts_with('-') {
            forget_derive(&registry.path())?;
        }
    }
    cargo("package --locked --allow-dirty --all-features -p gpumem-derive -p gpumem --target-dir")?
        .arguments([&built])
        .go()
}

fn forget_derive(registry: &Path) -> Result<(), Failure> {
    for package in std::fs::read_dir(registry)?.flatten() {
        if package.file_name().to_string_lossy().starts_with("gpumem-derive-") {
            std::fs::remove_dir_all(package.path())?;
        }
    }
    Ok(())
}
