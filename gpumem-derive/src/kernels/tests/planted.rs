//! Every kind of parameter against every kind in the PTX, in every place: each mismatch is one error, and
//! each match is none.

use super::checks::{compare, compare_in, folder};
use std::fmt::Write;
use std::fs;

/// A type in Rust, and the kinds of parameters in PTX that it may be.
const TYPES: [(&str, &[&str]); 12] = [
    ("&[u32]", &[".u64", ".s64", ".b64", ".u64 .ptr .align 1", ".u64 .ptr .global .align 4"]),
    (
        "&mut [[f32; 4]]",
        &[".u64", ".s64", ".b64", ".u64 .ptr .align 1", ".u64 .ptr .global .align 4", ALIGNED],
    ),
    ("u8", &[".u8", ".s8", ".b8"]),
    ("bool", &[".u8", ".s8", ".b8"]),
    ("i16", &[".u16", ".s16", ".b16"]),
    ("u32", &[".u32", ".s32", ".b32"]),
    ("i32", &[".u32", ".s32", ".b32"]),
    ("char", &[".u32", ".s32", ".b32"]),
    ("u64", &[".u64", ".s64", ".b64"]),
    ("isize", &[".u64", ".s64", ".b64"]),
    ("f32", &[".f32", ".b32"]),
    ("f64", &[".f64", ".b64"]),
];

const ALIGNED: &str = ".u64 .ptr .align 16";

/// Kinds that none of the types may be.
const OTHERS: [&str; 9] = [
    ".f16",
    ".bf16",
    ".b128",
    ".u32 .ptr",
    ".u64 .ptr .shared",
    ".u64 .ptr .const .align 4",
    ".align 4 .b8 []4",
    ".align 8 .b8 []8",
    ".align 8 .b8 []24",
];

/// All kinds in PTX.
fn kinds() -> Vec<&'static str> {
    let mut kinds: Vec<_> = TYPES.iter().flat_map(|(_, kinds)| kinds.iter().copied()).chain(OTHERS).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// `.param .u32 name` or, for `.b8 []24`, `.param .b8 name[24]`.
fn param(kind: &str, name: &str) -> String {
    match kind.split_once("[]") {
        Some((before, length)) => format!(".param {before}{name}[{length}]"),
        None => format!(".param {kind} {name}"),
    }
}

#[test]
fn every_planted_mismatch_is_found() {
    let (mut planted, mut fitting) = (0, 0);
    // A kernel per kind and place, all in one file.
    let (mut ptx, mut items, mut expected) = (String::new(), String::new(), Vec::new());
    for (ty, fits) in TYPES {
        for kind in kinds() {
            for place in 0..3 {
                let name = format!("k{}", planted + fitting);
                let mut params = [param(".f32", "a"), param(".u64", "b"), param(".u32", "c")];
                let mut types = ["f32", "&[u8]", "u32"];
                params[place] = param(kind, "x");
                types[place] = ty;
                writeln!(ptx, ".visible .entry {name}({}) {{ ret; }}", params.join(", ")).unwrap();
                let [a, b, c] = types;
                write!(items, "pub fn {name}(a: {a}, b: {b}, c: {c});").unwrap();
                if fits.contains(&kind) {
                    fitting += 1;
                } else {
                    planted += 1;
                    expected.push((
                        format!(
                            "parameter {} in the PTX, `x` in line {}, is ",
                            place + 1,
                            3 + planted + fitting
                        ),
                        ty,
                        kind,
                    ));
                }
            }
        }
    }
    let folder = folder("planted", format!(".version 8.3\n.target sm_75\n.address_size 64\n{ptx}"));
    let (_, messages) = compare_in(&folder, "", &items);
    fs::remove_dir_all(folder).unwrap();
    assert_eq!(messages.len(), expected.len());
    for (message, (place, ty, kind)) in messages.iter().zip(&expected) {
        assert!(message.contains(place), "{ty} for {kind}: {message}");
    }
    assert!(planted > 700 && fitting > 100, "{planted} planted, {fitting} fitting");
}

#[test]
fn every_planted_length_is_found() {
    for kind in kinds() {
        let params = format!("{}, {}, .param .f32 c", param(".u64", "a"), param(kind, "x"));
        let (_, messages) =
            compare("planted-length", ", slices = \"pointer, length\"", &params, "a: &[u8], c: f32");
        let fits = [".u32", ".s32", ".b32", ".u64", ".s64", ".b64"].contains(&kind);
        assert_eq!(messages.is_empty(), fits, "{kind}: {messages:?}");
    }
}

#[test]
fn every_missing_or_additional_parameter_is_found() {
    for (ours, theirs) in (0..5).flat_map(|ours| (0..5).map(move |theirs| (ours, theirs))) {
        let params: Vec<_> = (0..theirs).map(|index| format!(".param .f32 p{index}")).collect();
        let declared: Vec<_> = (0..ours).map(|index| format!("p{index}: f32")).collect();
        let (_, messages) = compare("planted-number", "", &params.join(", "), &declared.join(", "));
        assert_eq!(messages.len(), usize::from(ours != theirs), "{ours} and {theirs}: {messages:?}");
    }
}
