//! The commands of the project: `cargo xtask COMMAND`, without a tool to install.
//!
//! | command | purpose |
//! | --- | --- |
//! | `check [STEP]..` | runs the steps of CI: all, or those named |
//! | `fake-cuda` | builds the CUDA stand-in and the driver made of threads, and prints how to use them |
//! | `bless` | writes the snapshots of the derive, the messages of compile-fail cases and the headers of kernels anew |
//! | `bench NAME [ARGUMENT]..` | runs a benchmark: `memory`, `transfers` or `compile_time` |
//! | `ptx` | compiles the examples' kernels again; takes NVIDIA's compiler from the Python registry |
//! | `card` | builds the CUDA tests and benchmarks, and collects them in `.gpu/` for a machine with a card |

mod check;
mod cuda;
mod run;

use run::{Failure, Run, root};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = arguments.split_first().map_or(("help", &[][..]), |(first, rest)| (first, rest));
    if let Err(Failure(failure)) =
        std::env::set_current_dir(root()).map_err(Failure::from).and_then(|()| match command {
            "check" => check::run(rest),
            "fake-cuda" => fake_cuda(),
            "bless" => bless(),
            "bench" => bench(rest),
            "ptx" => cuda::ptx(),
            "card" => cuda::card(),
            "help" | "--help" | "-h" => help(),
            other => Err(Failure(format!("there is no command `{other}`; `cargo xtask help` lists them"))),
        })
    {
        eprintln!("xtask: {failure}");
        std::process::exit(1);
    }
}

fn help() -> Result<(), Failure> {
    let table = include_str!("main.rs").lines().filter_map(|line| line.strip_prefix("//! |"));
    for row in table.skip(2) {
        let mut cells = row.split(" | ").map(|cell| cell.trim().trim_end_matches(" |").replace('`', ""));
        println!("cargo xtask {:<28} {}", cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
    }
    println!("\nsteps of check: {}", check::names().join(", "));
    Ok(())
}

fn fake_cuda() -> Result<(), Failure> {
    let (stand_in, fake) = (cuda::stand_in()?, cuda::fake_driver()?);
    println!(
        "CUDA_LIBRARY_PATH={} cargo test --features cuda ..   builds without a toolkit",
        stand_in.display()
    );
    println!("GPUMEM_REQUIRE_CUDA=1 LD_LIBRARY_PATH={} ..          runs on threads", fake.display());
    Ok(())
}

fn bless() -> Result<(), Failure> {
    Run::cargo("test --locked -p gpumem-derive snapshots").env("BLESS", "1").go()?;
    Run::cargo("test --locked -p gpumem-tests --test ui").env("TRYBUILD", "overwrite").go()?;
    Run::cargo("test --locked -p gpumem-tests --test header current").env("GPUMEM_HEADER", "write").go()?;
    println!("read the difference before it is committed: git diff");
    Ok(())
}

fn bench(arguments: &[String]) -> Result<(), Failure> {
    let (name, rest) = arguments.split_first().ok_or("which one: memory, transfers or compile_time?")?;
    let package = if name == "compile_time" { "gpumem-tests" } else { "gpumem" };
    let line = format!("bench --locked -p {package} --bench {name}");
    // The arguments before `--` are for cargo (`--features cuda`), the others for the benchmark.
    Run::cargo(&line).arguments(rest).go()
}
