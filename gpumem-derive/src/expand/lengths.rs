//! `GraphLengths`: one `usize` per buffer.

use super::context::{Context, Part};
use super::docs;
use proc_macro2::TokenStream;
use quote::quote;

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let Context { core, vis, deprecated, .. } = cx;
    let (lengths, manager) = (&cx.model.names.lengths, &cx.model.names.manager);
    let page = docs::of_text(&format!(
        "One number per buffer of [`{manager}`]: lengths, capacities, or numbers of additional elements.\n\
         \n\
         With `..Default::default()`, the other buffers get zero; [`all`](Self::all) gives each the same."
    ));
    let names = cx.accessors();
    let fields = cx.buffers.iter().map(|part| {
        let (Part { vis, deprecated, .. }, name) = (part, &part.buffer.accessor);
        let docs = docs::of_text(&format!("The number of elements of `{}`.", part.field.name));
        quote!(#docs #deprecated #vis #name: #core::primitive::usize,)
    });
    quote! {
        #page
        #deprecated
        #[derive(
            #core::clone::Clone,
            #core::marker::Copy,
            #core::fmt::Debug,
            #core::default::Default,
            #core::cmp::PartialEq,
            #core::cmp::Eq,
            #core::hash::Hash,
        )]
        #vis struct #lengths {
            #(#fields)*
        }

        impl #lengths {
            /// The same number for every buffer.
            #[inline]
            #vis const fn all(__number: #core::primitive::usize) -> Self {
                Self { #(#names: __number),* }
            }
        }
    }
}
