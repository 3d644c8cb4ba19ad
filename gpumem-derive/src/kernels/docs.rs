//! The documentation of the generated items.

use super::check::{Checked, CheckedKernel, ParamOrigin};
use super::options::{Options, Ptx};
use super::params::{self, Param};
use super::signature::Kernel;
use crate::text;
use proc_macro2::TokenStream;
use quote::quote;

/// The lines of `text` as documentation. `/// text` has a space before the text, which rustdoc removes.
fn lines(text: &str) -> Vec<String> {
    let line = |line: &str| if line.is_empty() { String::new() } else { format!(" {line}") };
    text.lines().map(line).collect()
}

fn names<'k>(kernels: impl Iterator<Item = &'k String>) -> String {
    text::quoted_list(&kernels.map(String::as_str).collect::<Vec<_>>())
}

/// The documentation of the module, after the user's own: each kernel as Rust and as PTX has it.
pub(super) fn of_module(options: &Options, kernels: &[Kernel], checked: &Checked) -> TokenStream {
    let Some(ptx) = &options.ptx else { return TokenStream::new() };
    let mut doc = format!("\n# Kernels\n\n`Kernels` launches them. {}\n\n", origin(ptx, checked));
    if checked.compiled_for.is_some() && !kernels.is_empty() {
        doc += "| kernel | parameter | in the PTX |\n| --- | --- | --- |\n";
        kernels.iter().zip(&checked.kernels).for_each(|(kernel, checked)| doc += &rows(kernel, checked));
    }
    if !checked.undeclared.is_empty() {
        doc += &format!(
            "\nThe PTX has kernels that are not declared here: {}.\n",
            names(checked.undeclared.iter())
        );
    }
    let lines = lines(&doc);
    quote!(#(#![doc = #lines])*)
}

/// The rows of a kernel: one per parameter.
fn rows(kernel: &Kernel, checked: &CheckedKernel) -> String {
    let mut name = format!("`{}`", kernel.name);
    let mut rows = String::new();
    // A `|` ends a cell of the table, even inside code.
    let cell = |text: &str| text.replace('|', "\\|");
    for (index, param) in params::declared(&kernel.params).iter().enumerate() {
        let in_ptx = described(kernel, checked, &kernel.params[index]);
        rows += &format!("| {name} | `{}` | {} |\n", cell(param), cell(&in_ptx));
        name.clear();
    }
    if rows.is_empty() { format!("| {name} | – | – |\n") } else { rows }
}

/// A parameter as the PTX has it, with its length.
fn described(kernel: &Kernel, checked: &CheckedKernel, param: &Param) -> String {
    // The number of the slice or of the value.
    let mut before = kernel.params.iter().take_while(|other| !std::ptr::eq(*other, param));
    let number = before.by_ref().filter(|other| other.is_slice() == param.is_slice()).count();
    let is_of = |origin: &ParamOrigin| match *origin {
        ParamOrigin::Slice(slice) | ParamOrigin::Length(slice, _) => param.is_slice() && slice == number,
        ParamOrigin::Value(value) => !param.is_slice() && value == number,
    };
    let parts = checked.origins.iter().zip(&checked.described).filter(|(origin, _)| is_of(origin));
    parts.map(|(_, described)| described.as_str()).collect::<Vec<_>>().join("; ")
}

/// The origin of kernels with PTX.
fn origin(ptx: &Ptx, checked: &Checked) -> String {
    let compiled = checked.compiled_for.as_ref().map_or_else(String::new, |version| format!(" ({version})"));
    format!(
        "On a card they are those of `{}`{compiled}; on the host, the functions of this module.",
        text::of(&ptx.written).trim_matches('"')
    )
}

/// The documentation of `Kernels`.
pub(super) fn of_kernels(options: &Options, kernels: &[Kernel], checked: &Checked) -> TokenStream {
    let origin = options
        .ptx
        .as_ref()
        .map_or_else(|| "They run on the host: they have no PTX.".to_owned(), |ptx| origin(ptx, checked));
    let mut doc = format!("The kernels of this module on a device: a method launches each.\n\n{origin}\n");
    let without_body: Vec<_> =
        kernels.iter().filter(|kernel| !kernel.has_body).map(Kernel::plain_name).collect();
    if !without_body.is_empty() {
        doc += &format!(
            "\nWithout a body, so on a card alone: {}. On the host, `load` is an error.\n",
            names(without_body.iter())
        );
    }
    let lines = lines(&doc);
    quote!(#(#[doc = #lines])*)
}

/// The limits of the PTX for the size of a block.
fn block(checked: &CheckedKernel) -> String {
    let threads =
        |count: String| if count == "1" { "1 thread".to_owned() } else { format!("{count} threads") };
    match (checked.block, checked.max_threads) {
        (Some([x, 1, 1]), _) => format!(" A block has {}.", threads(x.to_string())),
        (Some([x, y, z]), _) => format!(" A block has {x} × {y} × {z} threads."),
        (None, Some(most)) => format!(" A block has at most {}.", threads(most.to_string())),
        (None, None) => String::new(),
    }
}

/// The documentation of a method, after that of the function.
pub(super) fn of_method(kernel: &Kernel, checked: &CheckedKernel) -> TokenStream {
    let params = params::declared(&kernel.params);
    let mut doc = format!("\nLaunches `fn {}({})`.", kernel.name, params.join(", "));
    if !checked.described.is_empty() {
        doc += &format!(" In the PTX its parameters are: {}.", checked.described.join("; "));
    }
    doc += &block(checked);
    doc.push('\n');
    if kernel.slices().next().is_some() {
        doc += "\nA slice takes `&buffer` or a view, a mutable slice `&mut buffer`, a mutable view or `&mut bound`.\n";
    }
    for condition in &kernel.requires {
        doc += &format!("\nRequires `{condition}`.\n");
    }
    doc += "\n# Errors\n\n`KernelRefused` for a size that the device or the kernel cannot have";
    doc += if kernel.requires.is_empty() { "" } else { ", or if the condition does not hold" };
    doc += "; `DifferentDevices` for a buffer of another device; `DeviceFailed`. Nothing is queued then.\n";
    let lines = lines(&doc);
    quote!(#(#[doc = #lines])*)
}
