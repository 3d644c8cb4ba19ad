//! Damaged text: it is read or refused, without a panic, and in time that is linear in its length.

use super::*;
use std::time::{Duration, Instant};

/// Random numbers: a linear congruential generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The high bits are the random ones.
        usize::try_from((self.0 >> 33) % end.max(1) as u64).unwrap()
    }
}

/// The texts that mutations insert.
const PIECES: [&str; 26] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ";",
    ",",
    "\"",
    "/*",
    "*/",
    "//",
    "#",
    ".",
    "%",
    "\0",
    "\n",
    "\u{feff}",
    "é",
    " ",
    ".entry f(",
    ".param .u64 .ptr ",
    ".align ",
    ".maxntid ",
    "99999999999999999999",
    ".version 1.0",
];

/// The beginnings of real files, and whole samples.
fn seeds() -> Vec<String> {
    let files = files::files().into_iter().map(|(_, text)| text.chars().take(3000).collect());
    samples::ALL.iter().map(|sample| (*sample).to_owned()).chain(files).collect()
}

/// Reads a file, and checks the conditions of each result. Returns whether the file is PTX.
fn check(file: &[u8]) -> bool {
    let lines = u32::try_from(file.iter().filter(|byte| **byte == b'\n').count()).unwrap() + 1;
    let shown = || String::from_utf8_lossy(file).into_owned();
    match text(file).and_then(read) {
        Ok(ptx) => {
            for entry in &ptx.entries {
                assert!((1..=lines).contains(&entry.line), "{}", shown());
                for param in &entry.params {
                    assert!(param.alignment().is_power_of_two(), "{}", shown());
                    assert!(param.size() > 0 && (entry.line..=lines).contains(&param.line), "{}", shown());
                    assert!(!param.to_string().is_empty());
                }
            }
            true
        }
        Err(error) => {
            assert!((1..=lines).contains(&error.line) && !error.message.is_empty(), "{error:?}: {}", shown());
            false
        }
    }
}

#[test]
fn every_beginning_of_a_file_is_handled() {
    for seed in seeds() {
        for end in 0..seed.len() {
            check(&seed.as_bytes()[..end]);
        }
    }
}

/// Changes a file at one place.
fn mutate(file: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(file.len());
    let end = (at + 1 + random.below(20)).min(file.len());
    match random.below(6) {
        0 => {
            file.drain(at..end);
        }
        1 => {
            let copy = file[at..end].to_vec();
            let to = random.below(file.len());
            file.splice(to..to, copy);
        }
        2 => file[at] ^= 1 << random.below(8),
        3 => file[at] = u8::try_from(random.below(256)).unwrap(),
        4 => file.truncate(at.max(40)),
        _ => {
            file.splice(at..at, PIECES[random.below(PIECES.len())].bytes());
        }
    }
}

#[test]
fn damaged_files_are_handled() {
    let (seeds, mut random) = (seeds(), Random(7));
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut file = seeds[random.below(seeds.len())].clone().into_bytes();
        for _ in 0..=random.below(4) {
            mutate(&mut file, &mut random);
        }
        match check(&file) {
            true => read += 1,
            false => refused += 1,
        }
    }
    // Both happen, so the mutations are neither too weak nor too strong.
    assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
}

#[test]
fn random_pieces_are_handled() {
    let mut random = Random(11);
    for _ in 0..20_000 {
        let pieces = (0..random.below(40)).map(|_| PIECES[random.below(PIECES.len())]);
        check(format!("{HEADER}{}", pieces.collect::<String>()).as_bytes());
    }
}

/// With time that is quadratic in the length, one of these texts would take many seconds.
#[test]
fn the_time_is_linear() {
    const BYTES: usize = 1 << 18;
    const MOST: Duration = Duration::from_secs(2);
    const MORE: [&str; 13] = [
        "{}",
        "()",
        "/**/",
        "\"\"",
        "a",
        "0",
        "\n",
        ".a ",
        "/* \" */",
        "{ // }\n}",
        ".entry f();",
        ".entry f(.param .u32 a, .param .u32 b);",
        ".func f() { ret; }\n",
    ];
    const STARTS: [&str; 7] =
        ["", ".entry f() {", ".entry f(", ".entry f(.param .u32 a[", ".entry f() .pragma ", "/*", "\""];
    let timed = |text: &str, name: &str| {
        let started = Instant::now();
        check(format!("{HEADER}{text}").as_bytes());
        assert!(started.elapsed() < MOST, "{name}: {:?}", started.elapsed());
    };
    for piece in PIECES.iter().chain(&MORE) {
        let many = piece.repeat(BYTES / piece.len());
        for start in STARTS {
            timed(&format!("{start}{many}"), &format!("{start}{piece}"));
        }
    }
    let kernels: String = (0..10_000).map(|n| format!(".entry f{n}(.param .u32 a) {{ ret; }}\n")).collect();
    timed(&kernels, "kernels");
}
