//! Mistakes, and the messages of the compiler: each file under `ui/` fails to compile with the message beside
//! it.
//!
//! A folder is a family of mistakes: in the syntax of attributes (`syntax`, `half_typed`), in the keys
//! (`keys`, `struct_keys`), in their values (`growth`, `sizes`, `options`, `names`, `presets`, `config`), in
//! the item that the derive is on (`shape`, `fields`, `elements`), in the use of the manager (`usage`), in
//! modules of kernels and their PTX (`kernels`), in the use of buffers by name (`named`), and without the
//! feature `cuda` (`without_cuda`).
//!
//! `TRYBUILD=overwrite cargo test -p gpumem-tests --test ui` writes the messages anew. Read each of them as a
//! user with that mistake would.

use std::process::Command;

/// The compiler release whose messages are stored. Other releases word theirs differently, so there is
/// nothing to compare.
const TOOLCHAIN: &str = "1.95.0";

/// The compiler shows lines of the standard library if it finds the sources (rustup's component `rust-src`).
/// So a message that shows any would be another one on other machines. (Without the sources, some of these
/// messages name no file of the library. A run with the component finds those.)
#[test]
fn no_message_depends_on_the_sources_of_the_standard_library() {
    let mut messages = 0;
    for family in std::fs::read_dir("ui").expect("the families of mistakes are there") {
        for file in family.expect("a folder can be read").path().read_dir().expect("a family is a folder") {
            let path = file.expect("a folder can be read").path();
            if path.extension().is_some_and(|extension| extension == "stderr") {
                let text = std::fs::read_to_string(&path).expect("a message is text");
                assert!(!text.contains("$RUST/"), "{}: write the case in another way", path.display());
                messages += 1;
            }
        }
    }
    assert!(messages > 100, "{messages} messages: are they still in `ui/FAMILY/CASE.stderr`?");
}

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
        // With the feature `cuda`, these are no mistakes.
        if !(cfg!(feature = "cuda") && family.ends_with("without_cuda")) {
            cases.compile_fail(family.join("*.rs"));
        }
    }
}
