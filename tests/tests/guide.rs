//! The texts about the code are true: the tests that pages name exist, `SAFETY` comments name their rules,
//! and every file is on the map.

use gpumem_tests::workspace::{read, root, sources};
use std::collections::HashSet;

#[test]
fn the_guide_names_tests_that_exist() {
    let guide = read("gpumem/guide/downloads.md");
    let files = [sources("tests/tests"), sources("gpumem/src")].concat();
    let functions: HashSet<&str> = files
        .iter()
        .flat_map(|(_, file)| file.split("fn ").skip(1))
        .filter_map(|rest| rest.split(['(', '<']).next())
        .collect();
    let mut named = 0;
    for word in guide.split('`').skip(1).step_by(2) {
        let in_words = |word: &str| word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
        if word.ends_with(".rs") && word.contains('/') {
            assert!(root().join(word).exists(), "`{word}` is no file");
        } else if in_words(word) && word.matches('_').count() >= 2 {
            assert!(functions.contains(word), "`{word}` is no test");
            named += 1;
        }
    }
    assert!(named > 50, "{named} names were found: is the guide still written like this?");
}

/// The contracts that a `SAFETY` comment can name if it rests on no rule, as `ARCHITECTURE.md` says.
const CONTRACTS: [&str; 3] = ["Rust's contract", "the driver's contract", "the system's contract"];

/// The text of a comment whose lines have this prefix, and the line of code after it.
fn comment<'a>(lines: &[&'a str], first: usize, prefix: &str) -> (String, &'a str) {
    let is_end = |line: &str| {
        let rest = line.trim_start().strip_prefix(prefix);
        rest.is_none_or(|rest| {
            rest.starts_with(['/', '!']) || rest.starts_with(" SAFETY:") || rest.starts_with(" # ")
        })
    };
    let count = 1 + lines[first + 1..].iter().take_while(|line| !is_end(line)).count();
    let words = |line: &&str| line.trim_start().trim_start_matches(prefix).trim().to_owned();
    let text: Vec<String> = lines[first..first + count].iter().map(words).collect();
    let is_code = |line: &&&str| !line.trim_start().starts_with(['/', '#']);
    (text.join(" "), lines[first + count..].iter().find(is_code).copied().unwrap_or_default())
}

/// The numbers that follow "rule" or "rules": `rules 1, 2 and 5`.
fn rules(text: &str) -> Vec<usize> {
    let mut numbers = Vec::new();
    let mut in_list = false;
    for word in text.split([' ', ',', '(', ')', '.', ';', ':']).filter(|word| !word.is_empty()) {
        match word.parse() {
            Ok(number) if in_list => numbers.push(number),
            _ => in_list = word == "rule" || word == "rules" || in_list && word == "and",
        }
    }
    numbers
}

#[test]
fn every_safety_comment_names_what_it_rests_on() {
    let architecture = read("ARCHITECTURE.md");
    let count = (1..).take_while(|rule| architecture.contains(&format!("\n{rule}. **"))).count();
    assert_eq!(count, 8, "the rules of soundness are a numbered list in ARCHITECTURE.md");
    for contract in CONTRACTS {
        assert!(architecture.contains(&format!("`({contract})`")), "{contract} is not explained");
    }
    let (mut comments, mut nameless) = (0, Vec::new());
    for (path, text) in &sources("gpumem/src") {
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let line = line.trim_start();
            let (prefix, section) = match line {
                _ if line.starts_with("// SAFETY:") => ("//", false),
                "/// # Safety" => ("///", true),
                _ => continue,
            };
            let (text, code) = comment(&lines, index, prefix);
            // Sections that users read do not number the rules, and a function that does nothing needs none.
            if section && (code.trim_start().starts_with("pub unsafe fn") || text.contains("None: ")) {
                continue;
            }
            comments += 1;
            let rules = rules(&text);
            let named = !rules.is_empty() || CONTRACTS.iter().any(|contract| text.contains(contract));
            if !named || rules.iter().any(|rule| !(1..=count).contains(rule)) {
                nameless.push(format!("{}:{}: {text}", path.display(), index + 1));
            }
        }
    }
    assert!(nameless.is_empty(), "these rest on no rule that there is:\n{}", nameless.join("\n"));
    assert!(comments > 200, "{comments} comments were found: are they still written like this?");
}

/// Each file of the runtime and of the derive has a row in a table of `ARCHITECTURE.md`, and each row names a
/// file.
#[test]
fn every_file_is_on_the_map() {
    let architecture = read("ARCHITECTURE.md");
    let mut rows = HashSet::new();
    for line in architecture.lines().filter(|line| line.starts_with("| `gpumem") && line.contains(".rs` |")) {
        let names = line.split('|').nth(1).unwrap_or_default();
        for name in names.split('`').skip(1).step_by(2) {
            assert!(rows.insert(name), "`{name}` stands there twice");
            assert!(root().join(name).exists(), "`{name}` is no file");
        }
    }
    for (path, _) in [sources("gpumem/src"), sources("gpumem-derive/src")].concat() {
        let path = path.to_str().unwrap();
        assert!(rows.contains(path), "`{path}` is on no map");
    }
}

/// The most columns of a comment line with prose.
const COLUMNS: usize = 110;

/// The comment lines that are too wide. Tables, links and code blocks (diagrams too) may be wider.
fn wide_comments(folder: &str) -> Vec<String> {
    let (mut wide, mut lines) = (Vec::new(), 0);
    for (path, text) in &sources(folder) {
        let mut in_block = false;
        for (index, line) in text.lines().enumerate() {
            let Some(comment) = line.trim_start().strip_prefix("//") else {
                in_block = false;
                continue;
            };
            let comment = comment.trim_start_matches(['/', '!']).trim_start();
            in_block ^= comment.starts_with("```");
            lines += 1;
            let is_prose = !in_block && !comment.starts_with('|') && !comment.contains("://");
            if is_prose && line.chars().count() > COLUMNS {
                wide.push(format!("{}:{}: {line}", path.display(), index + 1));
            }
        }
    }
    assert!(lines > 20, "{lines} lines of comments in {folder}: are they still written like this?");
    wide
}

/// All crates, but for the programs of the compile-fail tests, whose messages quote them.
#[test]
fn comments_are_narrow() {
    let folders = [
        "gpumem/src",
        "gpumem/benches",
        "gpumem-derive/src",
        "tests/src",
        "tests/tests",
        "tests/benches",
        "examples",
        "xtask/src",
    ];
    let wide: Vec<_> = folders.into_iter().flat_map(wide_comments).collect();
    assert!(wide.is_empty(), "these have more than {COLUMNS} columns:\n{}", wide.join("\n"));
}

/// The names of the public types: those that `lib.rs` re-exports, and those of the public modules.
fn public_types() -> HashSet<String> {
    let face = read("gpumem/src/lib.rs");
    let face = face.split("pub mod __private").next().unwrap_or_default().to_owned();
    let faces = [face, read("gpumem/src/named/mod.rs"), read("gpumem/src/testing/mod.rs")];
    let exports = |face: &String| {
        let lists = face.split("pub use ").skip(1).filter_map(|rest| rest.split(';').next());
        lists
            .flat_map(|list| list.split(|c: char| !c.is_alphanumeric()))
            .map(String::from)
            .collect::<Vec<_>>()
    };
    faces.iter().flat_map(exports).filter(|word| word.starts_with(char::is_uppercase)).collect()
}

/// The type of an `impl` block without a trait: `Buffer` for
/// `impl<T: Element, M: Mode> Buffer<T, Host, M> {`.
fn implemented(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("impl").filter(|rest| !rest.contains(" for "))?;
    let mut depth = 0;
    let start = rest.find(|letter| {
        depth += i32::from(letter == '<') - i32::from(letter == '>');
        depth == 0 && letter == ' '
    })?;
    rest[start..].trim_start().split(|letter: char| !letter.is_alphanumeric()).next()
}

/// The public methods of a file, each with whether its documentation has an example.
fn methods(text: &str, types: &HashSet<String>) -> Vec<(String, bool)> {
    let (mut found, mut of, mut docs) = (Vec::new(), None, String::new());
    for line in text.lines() {
        if line.starts_with("impl") {
            of = implemented(line).filter(|name| types.contains(*name));
        }
        let code = line.trim_start();
        if code.starts_with("///") || code.starts_with("#[") {
            docs.push_str(code);
            docs.push('\n');
            continue;
        }
        let declared = line.strip_prefix("    pub ").and_then(|rest| {
            let (before, rest) = rest.split_once("fn ")?;
            let is_method =
                before.split_whitespace().all(|word| ["const", "unsafe", "async"].contains(&word));
            rest.split(['(', '<']).next().filter(|_| is_method)
        });
        if let (Some(of), Some(name)) = (of, declared)
            && !docs.contains("#[doc(hidden)]")
        {
            found.push((format!("{of}::{name}"), has_example(&docs)));
        }
        docs.clear();
    }
    found
}

/// Whether these lines have a code block that is compiled. The first line of an example that needs a feature
/// is there twice, once for the crate without the feature.
fn has_example(docs: &str) -> bool {
    let fences = docs.lines().filter(|line| !line.contains("cfg_attr(not("));
    let openings = fences.filter_map(|line| line.split_once("```")).step_by(2);
    let mut kinds = openings.map(|(_, kind)| kind.trim_end_matches([']', ')', '"']));
    kinds.any(|kind| matches!(kind, "" | "no_run" | "should_panic"))
}

#[test]
fn every_public_method_has_an_example() {
    let types = public_types();
    let (mut all, mut without) = (0, Vec::new());
    for (path, text) in &sources("gpumem/src") {
        for (name, has_example) in methods(text, &types) {
            all += 1;
            if !has_example {
                without.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(all > 180, "{all} methods were found: are they still written like this?");
    assert!(without.is_empty(), "these public methods have no example:\n{}", without.join("\n"));
}
