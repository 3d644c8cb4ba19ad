//! The output: three snapshots, and its documentation.

use super::{expand, module, pretty};
use crate::snapshots::compare;

/// `kernels_values` has the documentation.
#[test]
fn expansions_are_as_in_the_snapshots() {
    compare(&["kernels_host", "kernels_values", "kernels_lengths"], "kernels_values", expand);
}

#[test]
fn the_documentation_says_where_kernels_run() {
    let output = pretty(&module("", "pub fn a(b: &mut [[f32; 2]], c: u8) {}"));
    for part in [
        "/// They run on the host: they have no PTX.",
        "/// Launches `fn a(b: &mut [[f32; 2]], c: u8)`.",
        "/// A slice takes `&buffer` or a view",
    ] {
        assert!(output.contains(part), "{part}\n{output}");
    }
    for part in ["//!", "In the PTX", "Requires", "Without a body"] {
        assert!(!output.contains(part), "{part}\n{output}");
    }
    let options = "(unsafe(ptx = \"kernels.ptx\"), slices = \"pointer, length\")";
    let output = pretty(&module(options, "pub fn sum(b: &mut [f32], c: &[a::B], d: f32);"));
    for part in [
        "//! # Kernels",
        "//! `Kernels` launches them. On a card they are those of `kernels.ptx` (PTX 8.3, for sm_75);",
        "//! | `sum` | `b: &mut [f32]` | a 64-bit integer (a pointer may be passed as one); a 32-bit integer |",
        "//! |  | `c: &[a::B]` | a 64-bit pointer to global memory, aligned to 16; a 64-bit integer",
        "//! |  | `d: f32` | an `f32` |",
        "//! The PTX has kernels that are not declared here: `advance`, `count` and `scale`.",
        "/// Without a body, so on a card alone: `sum`. On the host, `load` is an error.",
    ] {
        assert!(output.contains(part), "{part}\n{output}");
    }
    assert!(!output.contains("A block has"), "{output}");
}

#[test]
fn the_documentation_has_the_size_of_a_block() {
    let ptx = "(unsafe(ptx = \"kernels.ptx\"))";
    let items = "pub fn count(a: &mut [u64]); pub fn advance(a: &[u8], b: &[u8], c: D, d: f32);";
    let output = pretty(&module(ptx, items));
    assert!(
        output.contains("A block has 1 thread.") && output.contains("A block has at most 128 threads."),
        "{output}"
    );
}

#[test]
fn a_long_list_of_parameters_is_allowed() {
    let allowed = |params: &str| {
        pretty(&module("", &format!("pub fn a({params}) {{}}"))).contains("too_many_arguments")
    };
    assert!(!allowed("a: u8, b: u8, c: u8, d: u8, e: u8"));
    assert!(allowed("a: u8, b: u8, c: u8, d: u8, e: u8, f: u8"));
}

#[test]
fn the_visibility_of_the_struct_is_that_of_its_kernels() {
    for (items, vis) in [
        ("pub fn a() {} pub(super) fn b() {}", "pub"),
        ("pub(super) fn a() {} pub(super) fn b() {}", "pub(super)"),
        ("pub(super) fn a() {} pub(crate) fn b() {}", "pub(crate)"),
        ("pub(in super::c) fn a() {}", "pub(in super::c)"),
        ("pub(self) fn a() {}", "pub(self)"),
    ] {
        let output = pretty(&module("", items));
        assert!(output.contains(&format!("    {vis} struct Kernels<")), "{output}");
        assert!(output.contains(&format!("    {vis} fn load(")), "{output}");
    }
}
