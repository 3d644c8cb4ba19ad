//! `impl AnySet` and `impl BufferSet` for the manager: the methods for code that is generic over sets.

use super::context::Context;
use proc_macro2::TokenStream;
use quote::quote;

/// The two impls. Most methods call the manager's own one of the same name: a path finds that before the
/// trait's.
pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let (any, typed) = (any_set(cx), buffer_set(cx));
    quote!(#any #typed)
}

fn any_set(cx: &Context<'_>) -> TokenStream {
    let Context { root, private, core, params, lints, .. } = cx;
    let manager = &cx.model.names.manager;
    let (impl_params, args, clause) = (params.impl_params(), params.args(None), params.where_clause());
    quote! {
        #[automatically_derived]
        #lints
        impl #impl_params #root::AnySet for #manager #args #clause {
            fn label(&self) -> &#core::primitive::str {
                self.__set.label()
            }

            fn stats(&self) -> #root::SetStats {
                Self::stats(self)
            }

            fn lengths_by_name(&self) -> #private::Vec<(&#core::primitive::str, #core::primitive::usize)> {
                self.__set.lengths_by_name(&self.__raw())
            }

            fn check_leaks(&self) -> #root::Result<()> {
                Self::check_leaks(self)
            }
        }
    }
}

fn buffer_set(cx: &Context<'_>) -> TokenStream {
    let Context { root, backend, params, lints, .. } = cx;
    let (manager, lengths, source) = (&cx.model.names.manager, &cx.model.names.lengths, cx.model.self_type());
    let (impl_params, args, clause) = (params.impl_params(), params.args(None), params.where_clause());
    quote! {
        #[automatically_derived]
        #lints
        impl #impl_params #root::BufferSet<#backend> for #manager #args #clause {
            type Source = #source;
            type Lengths = #lengths;

            fn would_fit(__device: &#root::Device<#backend>, __capacity: #lengths) -> #root::Result<()> {
                Self::would_fit(__device, __capacity)
            }

            fn device(&self) -> &#root::Device<#backend> {
                Self::device(self)
            }

            fn lengths(&self) -> #lengths {
                Self::lengths(self)
            }

            fn upload_from(&mut self, __data: &#source) -> #root::Result<()> {
                Self::upload_from(self, __data)
            }

            fn download_into(&self, __data: &mut #source) -> #root::Result<()> {
                Self::download_into(self, __data)
            }

            fn close(self) -> #root::Result<()> {
                Self::close(self)
            }
        }
    }
}
