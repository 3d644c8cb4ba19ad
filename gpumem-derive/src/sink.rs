//! Collects the mistakes of a struct or a module, so that the compiler reports all of them in one build.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use std::fmt::Display;

/// Collects errors. The expansion goes on after each of them.
#[must_use = "the compiler reports no error that is not turned into tokens"]
#[derive(Default)]
pub(crate) struct Sink {
    errors: Vec<syn::Error>,
    /// Errors of an item that a `#[cfg]` may remove.
    gated: TokenStream,
    /// Items that only editors read.
    completions: TokenStream,
}

impl Sink {
    /// Reports `message` at `tokens`, underlined from the first of them to the last.
    pub(crate) fn at(&mut self, tokens: &dyn ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Reports `message` at one span.
    pub(crate) fn at_span(&mut self, span: Span, message: impl Display) {
        self.push(syn::Error::new(span, message));
    }

    /// Adds an error that another function has made.
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.errors.push(error);
    }

    /// Adds the errors of something that the attributes `gate` may remove, and the errors with it.
    pub(crate) fn append(&mut self, other: Sink, gate: &TokenStream) {
        if gate.is_empty() {
            self.errors.extend(other.errors);
        } else if !other.errors.is_empty() {
            let errors = other.into_tokens();
            self.gated.extend(quote!(#gate const _: () = { #errors };));
        }
    }

    /// Adds items that help an editor to complete a half-typed key. They follow the errors in the output.
    pub(crate) fn complete(&mut self, items: TokenStream) {
        self.completions.extend(items);
    }

    /// The messages so far, for tests.
    #[cfg(test)]
    pub(crate) fn messages(&self) -> Vec<String> {
        self.errors.iter().map(ToString::to_string).collect()
    }

    /// One `compile_error!` per mistake, and the items for editors.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let mut tokens: TokenStream = self.errors.iter().map(syn::Error::to_compile_error).collect();
        tokens.extend(self.gated);
        tokens.extend(self.completions);
        tokens
    }
}
