//! Mistakes, and what the compiler says of them: each file under `ui/` fails to compile with the message beside it.
//!
//! A folder is a family of mistakes: how attributes are written (`syntax`, `half_typed`), which keys there are (`keys`,
//! `struct_keys`), what they are given (`growth`, `sizes`, `options`, `names`, `presets`, `config`), what the derive stands on
//! (`shape`, `fields`, `elements`), what is done with the manager (`usage`), and
//! what only the feature `cuda` has (`without_cuda`).
//!
//! `TRYBUILD=overwrite cargo test -p gpumem-tests --test ui` writes the messages anew; read each as a user would who made
//! the mistake.

use std::process::Command;

/// The release whose messages are written down. Others word theirs differently, so there is nothing to compare with.
const TOOLCHAIN: &str = "1.95.0";

#[test]
fn mistakes_are_explained() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version =
        Command::new(&rustc).arg("--version").output().expect("the compiler that built this test runs");
    let version = String::from_utf8_lossy(&version.stdout);
    if version.split(' ').nth(1) != Some(TOOLCHAIN) {
        println!("skipped: the messages are those of rustc {TOOLCHAIN}, and this is {}", version.trim());
        return;
    }
    let cases = trybuild::TestCases::new();
    for family in std::fs::read_dir("ui").expect("the families of mistakes are there") {
        let family = family.expect("a folder can be read").path();
        // With the feature `cuda`, those are no mistakes.
        if !(cfg!(feature = "cuda") && family.ends_with("without_cuda")) {
            cases.compile_fail(family.join("*.rs"));
        }
    }
}
