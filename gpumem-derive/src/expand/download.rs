//! `GraphDownload` and `GraphFrame`: a download of the `async` buffers in flight, and the downloaded
//! elements. The ticket is a type of the runtime, with this frame as its parameter.

use super::context::{Context, Part};
use super::docs;
use crate::text::quoted_list;
use proc_macro2::TokenStream;
use quote::quote;

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let parts: Vec<_> = cx.async_parts().collect();
    if parts.is_empty() {
        return TokenStream::new();
    }
    let ticket = ticket(cx);
    let frame = frame(cx, &parts);
    quote!(#ticket #frame)
}

/// `` `positions` and `velocities` ``: the `async` buffers.
pub(super) fn list(cx: &Context<'_>) -> String {
    let names: Vec<&str> = cx.async_parts().map(|part| part.field.name.as_str()).collect();
    quoted_list(&names)
}

/// The alias of the ticket.
fn ticket(cx: &Context<'_>) -> TokenStream {
    let Context { root, vis, backend, params, lints, deprecated, .. } = cx;
    let names = &cx.model.names;
    let (manager, download, frame) = (&names.manager, &names.download, &names.frame);
    let (alias, args) = (params.alias(), params.args(None));
    let page = docs::of_text(&format!(
        "A download of a [`{manager}`] in flight, returned by [`start_download`]({manager}::start_download).\n\
         \n\
         To wait for it, or to `.await` it, gives a [`{frame}`]. Dropping it is harmless: the copies end on their own, and \
         the memory that they fill is used again."
    ));
    quote! {
        #page
        #deprecated
        #lints
        #vis type #download #alias = #root::Ticket<#frame #args, #backend>;
    }
}

/// The struct of guards, and its impls.
fn frame(cx: &Context<'_>, parts: &[&Part<'_>]) -> TokenStream {
    let Context { vis, params, lints, deprecated, .. } = cx;
    let frame = &cx.model.names.frame;
    let (declaration, impl_params) = (params.declaration(None), params.impl_params());
    let (args, clause) = (params.args(None), params.where_clause());
    let marker = cx.marker(cx.async_parts(), &[]).field;
    let fields = parts.iter().map(|part| guard(cx, part));
    let page = docs::of_text(&format!(
        "The result of a download of a [`{manager}`]: the elements of {list}, in pinned memory.\n\
         \n\
         Its fields are the guards, and can be taken out. Dropping the frame, or the guards, frees that memory \
         for the next download.",
        manager = cx.model.names.manager,
        list = list(cx)
    ));
    let accessors = parts.iter().map(|part| accessor(part));
    let arrival = arrival(cx, parts);
    // The elements may not implement `Debug`, and there may be many of them, so the output shows their
    // number.
    let shown = cx.shown(cx.async_parts(), |name| quote!(self.#name().len()));
    let debug = cx.debug(frame, &args, &shown);
    quote! {
        #page
        #deprecated
        #lints
        #vis struct #frame #declaration #clause {
            #(#fields)*
            #marker
        }

        #lints
        impl #impl_params #frame #args #clause {
            #(#accessors)*
        }

        #arrival
        #debug
    }
}

/// The field with the guard of a buffer's downloaded elements.
fn guard(cx: &Context<'_>, part: &Part<'_>) -> TokenStream {
    let (Context { root, backend, .. }, Part { vis, deprecated, .. }) = (cx, part);
    let (name, element) = (&part.buffer.accessor, &part.buffer.element);
    let docs = docs::with_facts(part, "");
    quote!(#docs #deprecated #vis #name: #root::DownloadGuard<#element, #backend>,)
}

/// The accessor of a buffer's downloaded elements.
fn accessor(part: &Part<'_>) -> TokenStream {
    let Part { vis, deprecated, .. } = part;
    let (name, element) = (&part.buffer.accessor, &part.buffer.element);
    let docs = docs::with_facts(part, "");
    quote! {
        #docs
        #deprecated
        #[inline]
        #vis fn #name(&self) -> &[#element] {
            &self.#name
        }
    }
}

/// `impl Frame`, through which the runtime makes the frame when the copies have ended.
fn arrival(cx: &Context<'_>, parts: &[&Part<'_>]) -> TokenStream {
    let Context { root, private, core, backend, params, lints, .. } = cx;
    let frame = &cx.model.names.frame;
    let (impl_params, args, clause) = (params.impl_params(), params.args(None), params.where_clause());
    let marker = cx.marker(cx.async_parts(), &[]).value;
    let (fields, plain) =
        (parts.iter().map(|part| &part.buffer.accessor), parts.iter().map(|part| &part.plain));
    let import = cx.import();
    quote! {
        #[automatically_derived]
        #lints
        impl #impl_params #root::Frame<#backend> for #frame #args #clause {
            fn __arrive(__parts: &mut #private::Arrived<'_, #backend>) -> #root::Result<Self> {
                #import
                #core::result::Result::Ok(Self { #(#fields: #plain::arrive(__parts)?,)* #marker })
            }
        }
    }
}
