//! The code is built as `ARCHITECTURE.md` says: imports run downwards, and folders, files and functions are
//! small enough for a reader. Each check lists all violations, as `file:line: text`.

mod modules;
mod tokens;

use gpumem_tests::workspace::{read, sources};
use modules::{Crate, Reference};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The most Rust files of a folder.
const FILES: usize = 11;
/// The most lines of a file.
const LINES: usize = 550;
/// The most lines of a function.
const LINES_OF_A_FUNCTION: usize = 50;
/// The most words of the glossary.
const WORDS: usize = 20;

const SOURCES: [&str; 2] = ["gpumem/src", "gpumem-derive/src"];

fn none(mut violations: Vec<String>) {
    violations.dedup();
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

/// The rows of the first table after a heading of `ARCHITECTURE.md`, as cells.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = read("ARCHITECTURE.md");
    let section = text.split("\n## ").find(|section| section.lines().next() == Some(heading));
    let section = section.unwrap_or_else(|| panic!("ARCHITECTURE.md has no section `{heading}`"));
    let rows =
        section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.skip(2)
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// The layers of the runtime and their rows in the table, from the bottom up. A layer is a module, or a
/// module inside one: `backend/host`.
fn layers() -> BTreeMap<String, usize> {
    let mut layers = BTreeMap::new();
    for (row, cells) in table("Layers of the runtime").iter().enumerate() {
        for layer in cells[0].split('`').skip(1).step_by(2) {
            layers.insert(layer.trim_end_matches('/').to_owned(), row);
        }
    }
    assert!(layers.len() > 5, "the first column of the table names the layers: {layers:?}");
    layers
}

/// Whether a module is another one, or lies in it.
fn lies_in(module: &str, other: &str) -> bool {
    module.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The layer in which a module lies. If layers are nested, it is the one with the longest name.
fn layer<'a>(layers: &'a BTreeMap<String, usize>, module: &str) -> Option<(&'a str, usize)> {
    let around = layers.iter().filter(|(layer, _)| lies_in(module, layer));
    around.max_by_key(|(layer, _)| layer.len()).map(|(layer, row)| (layer.as_str(), *row))
}

/// The crate's root and the guide are above all layers: they show everything to users.
fn is_above_all_layers(file: &Path) -> bool {
    file == Path::new("gpumem/src/lib.rs") || file == Path::new("gpumem/src/guide.rs")
}

/// All references between the modules of a crate.
fn references(krate: &Crate) -> Vec<Reference> {
    let references = krate.references();
    assert!(references.len() > 3, "the files are no longer read as they are written");
    references
}

fn at(file: &Path, line: usize, what: &str) -> String {
    format!("{}:{line}: {what}", file.display())
}

#[test]
fn layers_name_only_layers_below_them() {
    let (layers, runtime) = (layers(), Crate::read("gpumem/src/lib.rs"));
    let mut violations = Vec::new();
    for (module, file) in runtime.names() {
        if !is_above_all_layers(file) && layer(&layers, module).is_none() {
            violations.push(at(file, 1, &format!("`{module}` lies in no layer of the table")));
        }
    }
    for Reference { from, to, file, line, path } in &references(&runtime) {
        let Some((from, row)) = layer(&layers, from) else { continue };
        let what = match layer(&layers, to) {
            Some((to, _)) if to == from => continue,
            Some((_, below)) if below < row => continue,
            Some((to, _)) => format!("`{from}` names `{to}`, which is not below it ({path})"),
            None => format!("`{from}` names what lies in no layer ({path})"),
        };
        violations.push(at(file, *line, &what));
    }
    none(violations);
}

/// In the list of all files, `mod.rs` comes after the other files of its folder, and tests are anywhere.
#[test]
fn files_of_the_derive_stand_after_those_that_they_import() {
    let (text, derive) = (read("ARCHITECTURE.md"), Crate::read("gpumem-derive/src/lib.rs"));
    let rows = text.lines().filter(|line| line.starts_with("| `gpumem-derive/src/"));
    let rows: Vec<&str> = rows.map(|line| line.split('|').nth(1).unwrap_or_default()).collect();
    let row = |file: &Path| rows.iter().position(|row| row.contains(&format!("`{}`", file.display())));
    let files: BTreeMap<&str, &Path> = derive.names().collect();
    let is_test = |module: &str| module.split('/').any(|part| part == "tests" || part == "snapshots");
    let mut violations = Vec::new();
    for Reference { from, to, file, line, path } in &references(&derive) {
        let Some(imported) = files.get(to.as_str()) else { continue };
        if !is_test(from) && row(imported) > row(file) {
            violations.push(at(file, *line, &format!("`{path}` stands later in ARCHITECTURE.md")));
        }
    }
    none(violations);
}

#[test]
fn the_pool_knows_no_transfers() {
    let mut violations = Vec::new();
    for Reference { from, to, file, line, path } in references(&Crate::read("gpumem/src/lib.rs")) {
        let above = ["memory/transfer", "memory/device_state"];
        if lies_in(&from, "memory/pool") && above.iter().any(|above| lies_in(&to, above)) {
            violations.push(at(&file, line, &format!("the pool names `{to}` ({path})")));
        }
    }
    none(violations);
}

/// Circles among sibling modules: one message per reference from a module to a sibling that leads back to it.
fn circles(krate: &Crate) -> Vec<String> {
    // By parent module: one reference per pair of its children.
    type Edges<'a> = BTreeMap<(&'a str, &'a str), &'a Reference>;
    let references = references(krate);
    let mut folders: BTreeMap<&str, Edges> = BTreeMap::new();
    for reference in &references {
        let (from, to) = (&reference.from, &reference.to);
        let parts = from.split('/').zip(to.split('/'));
        let common: usize = parts.take_while(|(one, other)| one == other).map(|(one, _)| one.len() + 1).sum();
        let (Some(one), Some(other)) = (from.get(common..), to.get(common..)) else { continue };
        let [one, other] = [one, other].map(|rest| rest.split('/').next().unwrap_or_default());
        if !one.is_empty() && !other.is_empty() {
            let folder = folders.entry(&from[..common]).or_default();
            folder.entry((one, other)).or_insert(reference);
        }
    }
    let mut found = Vec::new();
    for edges in folders.values() {
        let leads_to = |from: &str, to: &str| {
            let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(at) = open.pop() {
                let next = edges.keys().filter(|(from, _)| *from == at).map(|(_, to)| *to);
                open.extend(next.filter(|to| reached.insert(*to)));
            }
            reached.contains(to)
        };
        for ((one, other), Reference { file, line, path, .. }) in edges {
            if leads_to(other, one) {
                found.push(at(file, *line, &format!("`{one}` names `{other}`, and is named by it ({path})")));
            }
        }
    }
    found
}

#[test]
fn no_modules_of_the_runtime_and_the_derive_name_each_other() {
    let crates = ["gpumem/src/lib.rs", "gpumem-derive/src/lib.rs"];
    none(crates.iter().flat_map(|main| circles(&Crate::read(main))).collect());
}

#[test]
fn no_modules_of_benchmarks_examples_and_tests_name_each_other() {
    let crates = [
        "gpumem/benches/memory/main.rs",
        "gpumem/benches/transfers/main.rs",
        "examples/graph/main.rs",
        "examples/lidar/main.rs",
        "examples/stream/main.rs",
        "tests/tests/architecture/main.rs",
        "tests/tests/crates/main.rs",
        "tests/tests/derive/main.rs",
        "tests/tests/header/main.rs",
        "tests/tests/manager/main.rs",
        "tests/tests/regressions/main.rs",
        "tests/tests/suite/main.rs",
        "tests/tests/timeline/main.rs",
        "xtask/src/main.rs",
    ];
    none(crates.iter().flat_map(|main| circles(&Crate::read(main))).collect());
}

#[test]
fn folders_have_few_files() {
    let mut folders: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for (path, _) in SOURCES.iter().flat_map(sources) {
        *folders.entry(path.parent().expect("a file lies in a folder").into()).or_default() += 1;
    }
    let large = folders.iter().filter(|(_, files)| **files > FILES);
    none(large.map(|(folder, files)| at(folder, 1, &format!("{files} files, of at most {FILES}"))).collect());
}

#[test]
fn files_are_short() {
    let files = SOURCES.iter().flat_map(sources).map(|(path, text)| (path, text.lines().count()));
    let long = files.filter(|(_, lines)| *lines > LINES);
    none(
        long.map(|(path, lines)| at(&path, LINES + 1, &format!("{lines} lines, of at most {LINES}")))
            .collect(),
    );
}

/// The functions in these folders that are too long.
fn long_functions(folders: &[&str]) -> Vec<String> {
    let (mut violations, mut functions) = (Vec::new(), 0);
    for (path, text) in folders.iter().flat_map(sources) {
        for (name, first, last) in tokens::functions(&tokens::tokens(&text)) {
            let lines = last - first + 1;
            functions += 1;
            if lines > LINES_OF_A_FUNCTION {
                let what = format!("`{name}` has {lines} lines, of at most {LINES_OF_A_FUNCTION}");
                violations.push(at(&path, first, &what));
            }
        }
    }
    assert!(
        functions > 500,
        "{functions} functions were found: the files are no longer read as they are written"
    );
    violations
}

#[test]
fn functions_are_short() {
    none(long_functions(&SOURCES));
}

#[test]
fn functions_of_tests_benchmarks_and_examples_are_short() {
    none(long_functions(&[
        "gpumem/benches",
        "gpumem/tests",
        "examples",
        "tests/benches",
        "tests/src",
        "tests/tests",
        "xtask/src",
    ]));
}

#[test]
fn the_glossary_is_short() {
    let words: usize = table("Words").iter().map(|row| row[0].split(',').count()).sum();
    assert!((1..=WORDS).contains(&words), "{words} words, of at most {WORDS}");
}
