//! Snapshots of the output for six typical structs. In `snapshots/`, `NAME.rs` is the struct and
//! `NAME.expanded.rs` is the output, pretty-printed. Only the snapshot `documented` has the documentation.
//!
//! `BLESS=1 cargo test -p gpumem-derive snapshots` writes them again. Read the difference before you commit
//! it.

use std::fs;
use std::path::Path;

const NAMES: [&str; 6] = ["documented", "graph", "generic", "tuned", "host_only", "mistakes"];

#[test]
fn expansions_are_as_in_the_snapshots() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots");
    let mut changed = Vec::new();
    for name in NAMES {
        let source = fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
        let mut text = super::pretty(&source);
        if name != "documented" {
            let code = text.lines().filter(|line| !line.trim_start().starts_with("///"));
            text = code.flat_map(|line| [line, "\n"]).collect();
        }
        let path = folder.join(format!("{name}.expanded.rs"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, text).unwrap();
        } else if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            changed.push(name);
        }
    }
    assert!(
        changed.is_empty(),
        "the expansions of {changed:?} differ from gpumem-derive/snapshots: run `BLESS=1 cargo test -p gpumem-derive \
         snapshots`, and look at what `git diff` shows"
    );
}
