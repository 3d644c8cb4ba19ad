//! The documentation of what is generated.

use super::check::{Checked, CheckedKernel};
use super::parse::{Kernel, Kind, Options};
use crate::text;
use proc_macro2::TokenStream;
use quote::quote;

/// The lines of `text` as documentation.
fn lines(text: &str) -> TokenStream {
    text.lines().map(|line| quote!(#[doc = #line])).collect()
}

/// The documentation of `Kernels`.
pub(super) fn of_kernels(options: &Options, kernels: &[Kernel], checked: &Checked) -> TokenStream {
    let origin = options.ptx.as_ref().map_or_else(
        || " They run on the host.".to_owned(),
        |ptx| {
            let path = ptx.path.value();
            let compiled =
                checked.compiled_for.as_ref().map_or_else(String::new, |for_| format!(" ({for_})"));
            format!(
                " On a card they are those of `{path}`{compiled}; on the host, the functions of this module."
            )
        },
    );
    let mut doc = format!(" The kernels of this module on a device: a method launches each.\n\n{origin}\n");
    let without_body: Vec<_> =
        kernels.iter().filter(|kernel| !kernel.has_body).map(|k| k.name.to_string()).collect();
    if !without_body.is_empty() {
        let names: Vec<_> = without_body.iter().map(String::as_str).collect();
        doc += &format!("\n Without a body, so on a card alone: {}.\n", text::quoted_list(&names));
    }
    if !checked.undeclared.is_empty() {
        let names: Vec<_> = checked.undeclared.iter().map(String::as_str).collect();
        doc +=
            &format!("\n The PTX has kernels that are not declared here: {}.\n", text::quoted_list(&names));
    }
    lines(&doc)
}

/// The documentation of a method, after that of the function.
pub(super) fn of_method(kernel: &Kernel, checked: &CheckedKernel) -> TokenStream {
    let params: Vec<_> =
        kernel.params.iter().map(|param| format!("{}: {}", param.name, text::of(&param.ty))).collect();
    let mut doc = format!("\n Launches `fn {}({})`.", kernel.name, params.join(", "));
    if !checked.described.is_empty() {
        doc += &format!(" In the PTX its parameters are: {}.", checked.described.join("; "));
    }
    if let Some(most) = checked.max_threads {
        doc += &format!(" A block has at most {most} threads.");
    }
    doc.push('\n');
    if kernel.params.iter().any(|param| matches!(param.kind, Kind::Slice { .. })) {
        doc += "\n A slice takes `&buffer` or a view, a mutable slice `&mut buffer`, a mutable view or `&mut bound`.\n";
    }
    for condition in &kernel.requires {
        doc += &format!("\n Requires `{condition}`.\n");
    }
    doc += "\n # Errors\n\n `KernelRefused` for a size that the device or the kernel cannot have";
    doc += if kernel.requires.is_empty() { "" } else { ", or if the condition does not hold" };
    doc += "; `DifferentDevices` for a buffer of another device; `DeviceFailed`. Nothing is queued then.\n";
    lines(&doc)
}
