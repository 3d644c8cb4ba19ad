//! CUDA without a card: a stand-in that programs are linked with, a driver made of threads that the tests run
//! on, and the programs for a machine that has a card.

use crate::run::{Failure, Run, root, target};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn cargo_home() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo");
    std::env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}

fn compiler() -> String {
    std::env::var("CC").unwrap_or_else(|_| "cc".into())
}

/// The folder for `CUDA_LIBRARY_PATH`. With it `cust` builds, and programs with `cust` start, on a machine
/// without a toolkit and a driver. The library has names only: every function answers that there is no
/// driver. A program that calls `cust` needs a `libcuda.so.1` to start, either the driver's or this one
/// (`lib64`).
pub(crate) fn stand_in() -> Result<PathBuf, Failure> {
    let folder = target().join("cuda-stub");
    let library = folder.join("lib64/libcuda.so");
    if library.exists() {
        return Ok(folder.canonicalize()?);
    }
    Run::cargo("fetch --locked").go()?;
    fs::create_dir_all(folder.join("lib64"))?;
    // The answer 3 is `CUDA_ERROR_NOT_INITIALIZED`.
    let answers: String = names()?.iter().map(|name| format!("int {name}(void) {{ return 3; }}\n")).collect();
    fs::write(folder.join("stub.c"), answers)?;
    link(&library, &[folder.join("stub.c")])?;
    fs::copy(&library, folder.join("lib64/libcuda.so.1"))?;
    Ok(folder.canonicalize()?)
}

/// Makes a driver's library of source or object files.
fn link(library: &Path, files: &[PathBuf]) -> Result<(), Failure> {
    Run::new(&compiler())
        .arguments(["-shared", "-fPIC", "-w", "-Wl,-soname,libcuda.so.1", "-o"])
        .arguments([library])
        .arguments(files)
        .arguments(["-lpthread"])
        .go()
}

/// The functions that `cust` declares, in the version of the lock file.
fn names() -> Result<BTreeSet<String>, Failure> {
    let sources = cargo_home().join("registry/src");
    let registries = fs::read_dir(&sources).map_err(|error| format!("{}: {error}", sources.display()))?;
    let declarations = registries
        .flatten()
        .map(|registry| registry.path().join("cust_raw-0.11.3/src/cuda.rs"))
        .find(|path| path.exists())
        .ok_or("the source of cust_raw 0.11.3 is not in cargo's registry; run `cargo fetch` first")?;
    let text = fs::read_to_string(declarations)?;
    let after = text.split("pub fn ").skip(1);
    let names = after.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next());
    Ok(names.flatten().filter(|name| name.starts_with("cu")).map(String::from).collect())
}

/// The folder for `LD_LIBRARY_PATH` with the driver of `tests/fake-cuda`. Functions that it lacks come from
/// the stand-in, as weak symbols.
pub(crate) fn fake_driver() -> Result<PathBuf, Failure> {
    let (stand_in, folder) = (stand_in()?, target().join("fake-cuda"));
    fs::create_dir_all(&folder)?;
    let answers = fs::read_to_string(stand_in.join("stub.c"))?;
    let rest = folder.join("rest.c");
    fs::write(&rest, answers.replace("int cu", "__attribute__((weak)) int cu"))?;
    let object = folder.join("driver.o");
    Run::new(&compiler())
        .arguments("-std=gnu11 -O1 -g -Wall -Wextra -Werror -Wno-unused-parameter -c -fPIC".split(' '))
        .arguments([&root().join("tests/fake-cuda/driver.c"), &PathBuf::from("-o"), &object])
        .go()?;
    link(&folder.join("libcuda.so.1"), &[object, rest])?;
    Ok(folder.canonicalize()?)
}

/// The folder for `LD_LIBRARY_PATH` with a driver that is too old: that of CUDA 10.2, without memory pools.
fn old_driver() -> Result<PathBuf, Failure> {
    let (stand_in, folder) = (stand_in()?, target().join("old-cuda"));
    fs::create_dir_all(&folder)?;
    let answers = fs::read_to_string(stand_in.join("stub.c"))?;
    let is_old = |line: &&str| !line.contains("cuMemPool") && !line.contains("cuDriverGetVersion");
    let mut source = answers.lines().filter(is_old).collect::<Vec<_>>().join("\n");
    source.push_str("\nint cuDriverGetVersion(int *version) { *version = 10020; return 0; }\n");
    let file = folder.join("driver.c");
    fs::write(&file, source)?;
    link(&folder.join("libcuda.so.1"), &[file])?;
    Ok(folder.canonicalize()?)
}

/// The packages with the feature `cuda` that do not turn `cust` on, as cargo's arguments. Commands that name
/// the same packages share what they build.
pub(crate) const WITHOUT_CUST: &str = "--locked -p gpumem -p gpumem-examples-small --features cuda";

/// Builds a program with the feature `cuda` and without `cust`, where nothing of CUDA is, and runs it:
/// without a driver, with one that is too old, and on threads.
pub(crate) fn one_program_for_any_machine() -> Result<(), Failure> {
    let line = format!("build {WITHOUT_CUST} --example any_machine --message-format=json-render-diagnostics");
    println!("   $ cargo {line}");
    let toolkit = ["CUDA_LIBRARY_PATH", "CUDA_PATH", "CUDA_ROOT", "CUDA_TOOLKIT_ROOT_DIR"];
    let messages = Run::cargo(&line).without(&toolkit).output()?;
    let program = messages.lines().find_map(|line| field(line, "executable")).ok_or("cargo built nothing")?;
    if Run::new("readelf -d").arguments([program]).output()?.contains("libcuda") {
        return Err(Failure(format!("{program} is linked with libcuda, and starts only where that is")));
    }
    let says = |parts: &[&str], run: Run| {
        let said = run.output()?;
        println!("{}", said.trim_end());
        let missing = parts.iter().find(|part| !said.contains(**part));
        missing.map_or(Ok(()), |part| Err(Failure(format!("{program} does not say \"{part}\""))))
    };
    if Path::new("/proc/driver/nvidia").exists() {
        println!("skipped: this machine has a driver");
    } else {
        let reason = "library libcuda.so.1 cannot be loaded (libcuda.so.1: cannot open";
        says(&[reason, "host (host) has [1, 2, 3, 4]"], Run::new(program).without(&["LD_LIBRARY_PATH"]))?;
    }
    let versions = "this driver is for CUDA up to 10.2, and the oldest that works is that of CUDA 11.2";
    let too_old = [versions, "it has no function `cuMemPoolCreate`", "host (host) has [1, 2, 3, 4]"];
    says(&too_old, Run::new(program).libraries(&old_driver()?))?;
    says(&["Threads as a card (cuda) has [1, 2, 3, 4]"], Run::new(program).libraries(&fake_driver()?))
}

/// NVIDIA's compiler from the Python registry, in its own folder. Needs Python.
fn nvcc() -> Result<PathBuf, Failure> {
    const PACKAGES: &str = "nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96";
    let venv = target().join("nvcc");
    let pip = venv.join("bin/pip");
    if !pip.exists() {
        Run::new("python3 -m venv").arguments([&venv]).go()?;
    }
    Run::new(&pip.display().to_string())
        .arguments(["install", "--quiet"])
        .arguments(PACKAGES.split(' '))
        .go()?;
    let found = Run::new("find").arguments([&venv]).arguments(["-path", "*/bin/nvcc"]).output()?;
    let first = found.lines().next().ok_or("the packages have no nvcc")?;
    Ok(PathBuf::from(first))
}

/// Compiles the examples' kernels for a virtual architecture. The driver compiles them for the card that it
/// finds, Turing or later.
pub(crate) fn ptx() -> Result<(), Failure> {
    let nvcc = nvcc()?.display().to_string();
    for example in ["graph", "lidar", "small", "stream"] {
        let folder = root().join("examples").join(example);
        Run::new(&nvcc)
            .arguments(["-ptx", "-O3", "-arch=compute_75", "-Werror", "all-warnings", "-o"])
            .arguments([folder.join("kernels.ptx"), folder.join("kernels.cu")])
            .go()?;
    }
    Ok(())
}

/// Builds the programs for a card, strips them, and collects them in `.gpu/`.
pub(crate) fn card() -> Result<(), Failure> {
    let folder = root().join(".gpu");
    fs::create_dir_all(&folder)?;
    let lines = [
        "test --locked --workspace --features cuda --no-run --message-format=json-render-diagnostics",
        "bench --locked -p gpumem --features cust --no-run --message-format=json-render-diagnostics",
    ];
    for line in lines {
        let messages = Run::cargo(line).env("CUDA_LIBRARY_PATH", stand_in()?).output()?;
        for program in messages.lines().filter_map(|line| field(line, "executable")) {
            // The file name of a program is the name of its target and a hash.
            let file = PathBuf::from(program);
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let name = name.rsplit_once('-').map_or(name.clone(), |(name, _)| name.into());
            let copy = folder.join(name);
            fs::copy(&file, &copy)?;
            Run::new("strip").arguments([&copy]).go()?;
        }
    }
    println!("all in {}", folder.display());
    Ok(())
}

/// The text of the field `name` in a message of cargo, if it has one.
fn field<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = message.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(text, _)| text)
}
