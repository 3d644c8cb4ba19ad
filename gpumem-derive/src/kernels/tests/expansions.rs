//! The output: three snapshots, and its documentation.

use super::{expand, module, pretty};
use crate::snapshots::compare;
use proc_macro2::{Group, TokenStream, TokenTree};
use quote::quote;

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

/// The tokens without the one of this number, counted through all groups.
fn without(tokens: TokenStream, number: &mut usize) -> TokenStream {
    let mut left = TokenStream::new();
    for token in tokens {
        let is_it = *number == 0;
        *number = number.wrapping_sub(1);
        match token {
            _ if is_it => {}
            TokenTree::Group(group) => {
                let inner = without(group.stream(), number);
                left.extend([TokenTree::Group(Group::new(group.delimiter(), inner))]);
            }
            token => left.extend([token]),
        }
    }
    left
}

/// While a user types, any token may be missing.
#[test]
fn the_struct_is_there_whichever_token_is_missing() {
    let options = "unsafe(ptx = \"kernels.ptx\"), slices = \"pointer\", crate = a::gpumem";
    let items = "use super::Step; #[requires(a.len() == b.len())] #[cfg(c)] pub fn advance(a: &mut [[f32; 2]], b: &[[f32; 2]], \
                 mut step: Step<{ 1 }>, d: f32) where u8: Copy { f() } fn f() -> Row<{ N }> {} pub(in super::e) fn count(g: &mut [u64]);";
    let mut broken = 0;
    for number in 0..200 {
        let items = without(items.parse().unwrap(), &mut number.clone());
        let options = without(options.parse().unwrap(), &mut number.clone());
        let both: [(TokenStream, TokenStream); 2] = [
            (
                options,
                quote!(
                    mod m {
                        pub fn tick() {}
                    }
                ),
            ),
            (quote!(), quote!(mod m { #items })),
        ];
        for (options, module) in both {
            let shown = format!("#[kernels({options})] {module}");
            let output = super::super::kernels(options, module, &|_| None, false);
            let text = output.to_string();
            assert!(text.contains("struct Kernels <"), "{shown}\n{text}");
            broken += usize::from(!super::errors(output).is_empty());
        }
    }
    assert!(broken > 50, "{broken}");
}
