//! The accessors of the buffers, and `split_mut`.

use crate::expand::context::{Context, Part};
use crate::expand::docs;
use crate::expand::split;
use proc_macro2::TokenStream;
use quote::quote;

pub(super) const METHODS: [&str; 1] = ["split_mut"];

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let vis = &cx.vis;
    let name = &cx.model.names.split;
    let names = cx.accessors();
    let marker = split::marker(cx).value;
    let args = cx.params.args(Some(quote!('_)));
    let accessors = cx.buffers.iter().map(accessor);
    quote! {
        #(#accessors)*

        /// Borrows all buffers mutably at once, for a kernel or a call that takes several of them. (Two
        /// accessors in one call would borrow the whole set twice, which the compiler refuses: E0499 and
        /// E0502.)
        #[inline]
        #vis fn split_mut(&mut self) -> #name #args {
            #name { #(#names: &mut self.#names,)* #marker }
        }
    }
}

/// The two accessors of a buffer.
fn accessor(part: &Part<'_>) -> TokenStream {
    let Part { vis, ty, deprecated, .. } = part;
    let (name, name_mut) = (&part.buffer.accessor, &part.buffer.accessor_mut);
    let docs = docs::with_facts(part, "");
    let docs_mut = docs::with_facts(
        part,
        "Borrowed mutably, and the set with it: [`split_mut`](Self::split_mut) borrows several buffers at once. ",
    );
    quote! {
        #docs
        #deprecated
        #[inline]
        #vis fn #name(&self) -> &#ty {
            &self.#name
        }

        #docs_mut
        #deprecated
        #[inline]
        #vis fn #name_mut(&mut self) -> &mut #ty {
            &mut self.#name
        }
    }
}
