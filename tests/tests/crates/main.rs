//! The generated code in crates of users: other names for `gpumem`, other editions, other preludes, strict
//! lints.
//!
//! The crates are in `tests/crates`, a separate workspace. Clippy checks each of them, and neither clippy nor
//! the compiler may print anything. If clippy is not installed, the compiler alone checks. `random` and
//! `kernels` write further crates.

mod generator;
mod kernels;
mod mistakes;
mod random;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crates")
}

fn cargo(folder: &Path, args: &[&str]) -> Output {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("cargo, which built this test, runs")
}

/// `clippy` if it is installed, `check` otherwise. Also copies the lock file of this workspace to the crates.
fn checker() -> &'static str {
    static CHECKER: OnceLock<&str> = OnceLock::new();
    CHECKER.get_or_init(|| {
        copy_lock(&folder());
        if cargo(&folder(), &["clippy", "--version"]).status.success() { "clippy" } else { "check" }
    })
}

/// Copies the lock file of this workspace to another one.
fn copy_lock(folder: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    std::fs::copy(from, folder.join("Cargo.lock")).expect("the folder of the crates can be written");
}

/// The target folder of all crates, so that each of them reuses the builds of the others.
fn target() -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crates");
    target.to_str().expect("the path of the workspace is UTF-8").to_owned()
}

/// Checks the crate `name` with its own settings only.
fn silent(name: &str) {
    let checker = checker();
    if checker == "check" {
        println!("clippy is not installed: only the compiler checks `{name}`");
    }
    let target = target();
    let mut args =
        vec![checker, "--quiet", "--offline", "--all-targets", "--target-dir", &target, "--package", name];
    if checker == "clippy" {
        args.push("--no-deps");
    }
    let output = cargo(&folder(), &args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "cargo {checker} of `{name}` says:\n{said}");
}

macro_rules! crates {
    ($($test:ident: $name:literal,)*) => { $(
        #[test]
        fn $test() {
            silent($name);
        }
    )* };
}

crates! {
    renamed_in_the_manifest: "renamed",
    handed_on_by_another_crate: "game",
    edition_2018: "edition-2018",
    edition_2021: "edition-2021",
    edition_2024: "edition-2024",
    without_a_prelude: "no-prelude",
    without_the_standard_library: "no-std",
    with_names_that_are_taken: "shadowed",
    under_strict_lints: "strict",
    of_what_is_deprecated: "deprecated",
    written_by_macros: "macros",
}
