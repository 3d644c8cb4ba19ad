//! The manager: a struct of buffers, and its methods. Each file writes a group of methods, and lists their
//! names, which no accessor can have.

mod accessors;
mod construct;
mod lengths;
mod start;
mod status;
mod transfers;

use super::context::Context;
use super::docs;
use proc_macro2::TokenStream;
use quote::quote;

/// The private field and methods of the manager.
pub(super) const PRIVATE: [&str; 4] = ["__set", "__raw", "__raw_mut", "__from_raw"];

/// The names of the manager's public methods, without the accessors of the buffers.
pub(super) fn methods() -> impl Iterator<Item = &'static str> {
    let groups: [&[&str]; 6] = [
        &construct::METHODS,
        &accessors::METHODS,
        &lengths::METHODS,
        &transfers::METHODS,
        &start::METHODS,
        &status::METHODS,
    ];
    groups.into_iter().flatten().copied()
}

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let Context { private, vis, backend, params, lints, deprecated, .. } = cx;
    let manager = &cx.model.names.manager;
    let page = docs::manager(cx);
    let (declaration, impl_params) = (params.declaration(None), params.impl_params());
    let (args, clause) = (params.args(None), params.where_clause());
    let names = cx.accessors();
    let types = cx.buffers.iter().map(|part| &part.ty);
    let marker = cx.marker(cx.buffers.iter(), &[]).field;
    let methods = [
        construct::expand(cx),
        accessors::expand(cx),
        lengths::expand(cx),
        transfers::expand(cx),
        start::expand(cx),
        status::expand(cx),
    ];
    // The runtime writes it.
    let label = manager.to_string();
    let debug = cx.debug_impl(manager, &args, &quote!(self.__set.debug(__f, #label, &self.__raw())));
    quote! {
        #page
        #deprecated
        #lints
        #vis struct #manager #declaration #clause {
            __set: #private::Set<#backend>,
            #(#names: #types,)*
            #marker
        }

        #lints
        impl #impl_params #manager #args #clause {
            #(#methods)*
        }

        #debug
    }
}
