//! The pages that explain name tests: each of them is there.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// All Rust files below a folder.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn the_guide_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let guide = fs::read_to_string(root.join("gpumem/src/guide.rs")).unwrap();
    let mut files = Vec::new();
    sources(&root.join("tests/tests"), &mut files);
    sources(&root.join("gpumem/src"), &mut files);
    let functions: HashSet<&str> = files
        .iter()
        .flat_map(|file| file.split("fn ").skip(1))
        .filter_map(|rest| rest.split(['(', '<']).next())
        .collect();
    let mut named = 0;
    for word in guide.split('`').skip(1).step_by(2) {
        let in_words = |word: &str| word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
        if word.ends_with(".rs") && word.contains('/') {
            assert!(root.join(word).exists(), "`{word}` is no file");
        } else if in_words(word) && word.matches('_').count() >= 2 {
            assert!(functions.contains(word), "`{word}` is no test");
            named += 1;
        }
    }
    assert!(named > 50, "{named} names were found: is the guide still written like this?");
}
