//! What several generated items need: paths, visibility, lints.

use super::check::core;
use super::options::Options;
use super::signature::Kernel;
use crate::syntax::{as_generated, free, identifiers};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Meta, Visibility};

/// The fragments that several items need.
pub(super) struct Context<'a> {
    pub(super) root: &'a TokenStream,
    /// `gpumem::__private`
    pub(super) private: TokenStream,
    pub(super) core: TokenStream,
    pub(super) vis: TokenStream,
    /// The type parameter for the backend. It differs from every identifier in the kernels.
    pub(super) backend: Ident,
    /// Whether `#[cfg]` may remove a kernel. Then the compiler counts the others, and not the macro.
    pub(super) is_gated: bool,
}

impl<'a> Context<'a> {
    pub(super) fn new(options: &'a Options, kernels: &[Kernel]) -> Self {
        let root = &options.root;
        let mut taken = identifiers(root.clone());
        for Kernel { params, requires, .. } in kernels {
            taken.extend(params.iter().flat_map(|param| identifiers(param.ty.to_token_stream())));
            taken.extend(requires.iter().flat_map(|condition| identifiers(condition.clone())));
        }
        Self {
            root,
            private: quote!(#root::__private),
            core: core(options),
            vis: widest(kernels),
            backend: Ident::new(&free("B", &taken), Span::call_site()),
            is_gated: kernels.iter().any(|kernel| !kernel.gate.is_empty()),
        }
    }

    /// The number of a kernel in the table of entries.
    pub(super) fn number(&self, index: usize, kernel: &Kernel) -> TokenStream {
        let (core, name) = (&self.core, generated(&kernel.name));
        if self.is_gated { quote!(__Kernel::#name as #core::primitive::usize) } else { quote!(#index) }
    }
}

/// An identifier as generated code, at its place.
pub(super) fn generated(name: &Ident) -> TokenStream {
    as_generated(name.to_token_stream(), None)
}

/// The visibility of the generated items: that of the kernels, if it is the same for all.
fn widest(kernels: &[Kernel]) -> TokenStream {
    let mut all = kernels.iter().map(|kernel| &kernel.vis);
    let is_public = |vis: &Visibility| matches!(vis, Visibility::Public(_));
    match all.next() {
        Some(first) if !all.clone().chain([first]).any(is_public) => {
            let text = first.to_token_stream().to_string();
            if all.all(|vis| vis.to_token_stream().to_string() == text) {
                as_generated(first.to_token_stream(), None)
            } else {
                quote!(pub(crate))
            }
        }
        _ => quote!(pub),
    }
}

/// The lints that the attributes of an item allow. An `expect` becomes an `allow`: the item fulfils the
/// expectation, and the copies of its tokens need the permission only.
pub(super) fn lints(attrs: &[Attribute]) -> TokenStream {
    let mut lints = TokenStream::new();
    if attrs.iter().any(|attr| attr.path().is_ident("deprecated")) {
        // The method, which is deprecated too, calls the function.
        lints.extend(quote!(#[allow(deprecated)]));
    }
    for attr in attrs {
        if let Meta::List(list) = &attr.meta
            && ["allow", "expect"].iter().any(|level| list.path.is_ident(level))
        {
            let allowed = &list.tokens;
            lints.extend(quote!(#[allow(#allowed)]));
        }
    }
    lints
}
