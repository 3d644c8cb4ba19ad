//! `GraphBuffersMut`: all buffers, borrowed mutably at once.

use super::{Context, Marker, docs};
use proc_macro2::TokenStream;
use quote::quote;

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let Context { vis, generics, lints, deprecated, .. } = cx;
    let names = &cx.model.names;
    let (split, lifetime) = (&names.split, &names.lifetime);
    let page = docs::lines([format!(
        "Every buffer of a [`{manager}`], borrowed mutably at once by [`split_mut`]({manager}::split_mut).",
        manager = names.manager
    )]);
    let (declare, clause) = (generics.declare(Some(lifetime)), generics.clause());
    let fields = cx.buffers.iter().map(|part| {
        let (name, ty, deprecated) = (&part.buffer.accessor, &part.ty, &part.deprecated);
        let docs = docs::with_facts(part, "");
        quote!(#docs #deprecated #vis #name: &#lifetime mut #ty,)
    });
    let marker = marker(cx).field;
    let shown = cx.shown(cx.buffers.iter(), |name| quote!(self.#name));
    let debug = cx.debug(split, &generics.args(Some(quote!('_))), &shown);
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

/// Where there are no buffers, nothing would use the lifetime and the backend.
pub(super) fn marker(cx: &Context<'_>) -> Marker {
    let (lifetime, backend, core) = (&cx.model.names.lifetime, cx.backend, &cx.core);
    let extra = if cx.buffers.is_empty() {
        vec![quote!(&#lifetime ()), quote!(#core::marker::PhantomData<#backend>)]
    } else {
        Vec::new()
    };
    cx.marker(cx.buffers.iter(), &extra)
}
