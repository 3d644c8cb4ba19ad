//! `GraphLens`: one `usize` per buffer.

use super::context::Context;
use super::docs;
use proc_macro2::TokenStream;
use quote::quote;

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let Context { core, vis, deprecated, .. } = cx;
    let (lens, manager) = (&cx.model.names.lens, &cx.model.names.manager);
    let page = docs::of_text(&format!(
        "One number per buffer of [`{manager}`]: lengths, capacities, or numbers of additional elements.\n\
         \n\
         With `..Default::default()`, the other buffers get zero."
    ));
    let fields = cx.buffers.iter().map(|part| {
        let (name, deprecated) = (&part.buffer.accessor, &part.deprecated);
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
        #vis struct #lens {
            #(#fields)*
        }
    }
}
