//! Where mistakes are collected, so that a struct's mistakes are all reported in one go.

use crate::parse::Place;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use std::fmt::Display;

/// Collects errors; expansion goes on after each of them.
#[must_use = "errors that nobody turns into tokens are lost"]
#[derive(Default)]
pub(crate) struct Sink {
    errors: Vec<syn::Error>,
    unknown: Vec<(Ident, &'static Place)>,
}

impl Sink {
    /// Reports `message` at `tokens`, from the first of them to the last.
    pub(crate) fn at(&mut self, tokens: &dyn ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Reports `message` at one place.
    pub(crate) fn at_span(&mut self, span: Span, message: impl Display) {
        self.push(syn::Error::new(span, message));
    }

    /// Takes over an error that was made elsewhere.
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.errors.push(error);
    }

    /// Has an editor offer the keys of `place` where `key` is being typed.
    pub(crate) fn complete(&mut self, key: &Ident, place: &'static Place) {
        self.unknown.push((key.clone(), place));
    }

    /// The messages so far, for tests.
    #[cfg(test)]
    pub(crate) fn messages(&self) -> Vec<String> {
        self.errors.iter().map(ToString::to_string).collect()
    }

    /// One `compile_error!` a mistake, and what an editor completes half-typed keys from.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let mut tokens: TokenStream = self.errors.iter().map(syn::Error::to_compile_error).collect();
        tokens.extend(self.unknown.iter().map(|(key, place)| completion(key, place)));
        tokens
    }
}

/// An import of `key`, under the key's own span, from a module of all that could stand there. An editor that completes a word
/// in an attribute looks where that word ends up in the expansion, and offers what fits there. The compiler never sees it:
/// only rust-analyzer sets this `cfg`.
fn completion(key: &Ident, place: &Place) -> TokenStream {
    let items = place.keys.iter().map(|candidate| {
        // `async` and `crate` are keys, and no names of items: what is inserted is the name that is shown.
        let name = match candidate.name {
            "async" => Ident::new_raw("async", Span::call_site()),
            "crate" => return TokenStream::new(),
            name => Ident::new(name, Span::call_site()),
        };
        let example = format!(" `{}`", candidate.example);
        quote!(#[doc = #example] pub fn #name() {})
    });
    quote! {
        #[allow(unexpected_cfgs)]
        const _: () = {
            #[cfg(rust_analyzer)]
            {
                mod keys { #(#items)* }
                use keys::#key as _;
            }
        };
    }
}
