//! Random structs, compiled as a crate of a user. For the valid ones the compiler prints nothing. Each
//! mistake in the others is one error at its line.
//!
//! `GPUMEM_RANDOM=5000 GPUMEM_SEED=7 cargo test -p gpumem-tests --test crates random` makes more of them, and
//! others.

use super::generator::{COMMON, Random, valid};
use super::mistakes::{Phase, Planted};
use super::{cargo, copy_lock, target};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// The number of structs of each kind if the environment sets none. They take some seconds to compile.
const COUNT: u64 = 200;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Writes a crate of one file.
pub(super) fn write(name: &str, source: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("random").join(name);
    fs::create_dir_all(folder.join("src")).expect("the target folder can be written");
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gpumem");
    let manifest = format!(
        "[workspace]\n[package]\nname = \"random-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n\
         bytemuck = {{ version = \"1.25\", features = [\"derive\"] }}\ngpumem = {{ path = {runtime:?} }}\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest).expect("as above");
    fs::write(folder.join("src/lib.rs"), source).expect("as above");
    copy_lock(&folder);
    folder
}

pub(super) fn check(folder: &Path) -> Output {
    let target = target();
    cargo(folder, &["check", "--quiet", "--offline", "--message-format=short", "--target-dir", &target])
}

#[test]
fn random_structs_compile_without_a_word() {
    let seed = number("GPUMEM_SEED", 1);
    let mut random = Random::new(seed);
    let mut source = "//! Random.\n#![deny(warnings, missing_docs, unreachable_pub)]\n".to_owned();
    source.push_str(COMMON);
    for index in 0..number("GPUMEM_RANDOM", COUNT) {
        source.push_str(&valid(usize::try_from(index).expect("few enough"), &mut random));
    }
    let folder = write("valid", &source);
    let output = check(&folder);
    let said = String::from_utf8_lossy(&output.stderr);
    let first: Vec<&str> = said.lines().take(20).collect();
    assert!(
        output.status.success() && said.is_empty(),
        "seed {seed}, in {}:\n{}",
        folder.join("src/lib.rs").display(),
        first.join("\n")
    );
}

/// The errors that the compiler printed, by line.
fn errors(said: &str) -> BTreeMap<usize, Vec<&str>> {
    let mut errors: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for line in said.lines().filter(|line| line.contains(": error") || line.contains(": warning")) {
        let place = line.strip_prefix("src/lib.rs:").and_then(|place| place.split(':').next());
        errors.entry(place.and_then(|place| place.parse().ok()).unwrap_or(0)).or_default().push(line);
    }
    errors
}

#[test]
fn every_planted_mistake_is_one_error_in_its_place() {
    let seed = number("GPUMEM_SEED", 1);
    let count = number("GPUMEM_RANDOM", COUNT);
    let mut random = Random::new(seed);
    for (phase, share) in [(Phase::Derive, 1), (Phase::Names, 8), (Phase::Types, 4), (Phase::Constants, 8)] {
        let mut planted = Planted::new();
        for index in 0..count / share {
            planted.plant(usize::try_from(index).expect("few enough"), phase, &mut random);
        }
        let folder = write(&format!("{phase:?}").to_lowercase(), &planted.source);
        let output = check(&folder);
        let said = String::from_utf8_lossy(&output.stderr);
        let mut found = errors(&said);
        let mut wrong = Vec::new();
        for line in &planted.lines {
            match found.remove(line).unwrap_or_default().as_slice() {
                [_] => {}
                [] => {
                    let text = planted.source.lines().nth(line - 1).unwrap_or_default();
                    wrong.push(format!("src/lib.rs:{line}: `{text}` is no error"));
                }
                several => wrong.extend(several.iter().map(|error| format!("one of several: {error}"))),
            }
        }
        wrong.extend(
            found.into_values().flatten().map(|error| format!("at a line without a mistake: {error}")),
        );
        wrong.truncate(20);
        assert!(
            wrong.is_empty(),
            "seed {seed}, {} mistakes of the phase {phase:?} in {}:\n{}",
            planted.lines.len(),
            folder.display(),
            wrong.join("\n")
        );
    }
}
