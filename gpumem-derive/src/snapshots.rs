//! Snapshots of the output. In `snapshots/`, `NAME.rs` is the user's code and `NAME.expanded.rs` is the
//! output, pretty-printed.
//!
//! `BLESS=1 cargo test -p gpumem-derive snapshots` writes them again. Read the difference before you commit
//! it.

use proc_macro2::TokenStream;
use std::fs;
use std::path::Path;

/// The folder of the snapshots, from the package's own.
pub(crate) const FOLDER: &str = "snapshots";

/// Compares the output for each source with its snapshot. The outputs are shown without documentation, but
/// for that of `documented`.
pub(crate) fn compare(names: &[&str], documented: &str, expand: impl Fn(&str) -> TokenStream) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let mut changed = Vec::new();
    for name in names {
        let source = fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
        let mut text = prettyplease::unparse(&syn::parse2(expand(&source)).unwrap());
        if *name != documented {
            let is_doc = |line: &&str| ["///", "//!"].iter().any(|doc| line.trim_start().starts_with(doc));
            text = text.lines().filter(|line| !is_doc(line)).flat_map(|line| [line, "\n"]).collect();
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
