//! `GraphBuffersMut`: mutable borrows of all buffers at once.

use super::context::{Context, Marker, Part};
use super::docs;
use proc_macro2::TokenStream;
use quote::quote;

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let Context { vis, params, lints, deprecated, .. } = cx;
    let names = &cx.model.names;
    let (split, lifetime) = (&names.split, &names.lifetime);
    let page = docs::of_text(&format!(
        "Mutable borrows of all buffers of a [`{manager}`], returned by [`split_mut`]({manager}::split_mut).",
        manager = names.manager
    ));
    let (declare, clause) = (params.declaration(Some(lifetime)), params.where_clause());
    let fields = cx.buffers.iter().map(|part| {
        let (Part { vis, ty, deprecated, .. }, name) = (part, &part.buffer.accessor);
        let docs = docs::with_facts(part, "");
        quote!(#docs #deprecated #vis #name: &#lifetime mut #ty,)
    });
    let marker = marker(cx).field;
    let shown = cx.shown(cx.buffers.iter(), |name| quote!(self.#name));
    let debug = cx.debug(split, &params.args(Some(quote!('_))), &shown);
    quote! {
        #page
        #deprecated
        #lints
        #vis struct #split #declare #clause {
            #(#fields)*
            #marker
        }

        #debug
    }
}

/// The marker of the split. Without buffers it also uses the lifetime and the backend.
pub(super) fn marker(cx: &Context<'_>) -> Marker {
    let (lifetime, backend, core) = (&cx.model.names.lifetime, cx.backend, &cx.core);
    let extra = if cx.buffers.is_empty() {
        vec![quote!(&#lifetime ()), quote!(#core::marker::PhantomData<#backend>)]
    } else {
        Vec::new()
    };
    cx.marker(cx.buffers.iter(), &extra)
}
