//! `GraphDownload` and `GraphFrame`: the `async` buffers of a set on their way down, and arrived.

use super::{Context, Part, docs};
use proc_macro2::TokenStream;
use quote::quote;

/// The method of the manager that starts a download of the set.
pub(super) fn start(cx: &Context<'_>) -> TokenStream {
    let Context { root, core, vis, generics, .. } = cx;
    let (download, args) = (&cx.model.names.download, generics.args(None));
    let names: Vec<_> = cx.async_parts().map(|part| &part.buffer.accessor).collect();
    if names.is_empty() {
        return missing(cx);
    }
    let marker = cx.marker(cx.async_parts(), &[]).value;
    let (plain, import) = (cx.async_parts().map(|part| &part.plain), cx.import());
    let taken = list(cx);
    let docs = docs::lines([
        format!(
            "Starts to copy {taken} to the host, and returns at once: work may be queued while the copies run."
        ),
        String::new(),
        "What arrives is what the buffers hold when the work queued so far has run.".to_owned(),
        String::new(),
        "# Errors".to_owned(),
        String::new(),
        "If the slots of a buffer are all in use, or there is no pinned memory for the copy.".to_owned(),
    ]);
    quote! {
        #docs
        #vis fn start_download(&self) -> #root::Result<#download #args> {
            #import
            #core::result::Result::Ok(#download { #(#names: #plain::start_fetch(&self.#names)?,)* #marker })
        }
    }
}

/// What stands for `start_download` where no buffer is `async`: calling it is an error that says what to add. Nothing is known of
/// what it would give, so that what is done with that is no further mistake. The bound never holds; `for` keeps the compiler from
/// saying so where nobody asks.
fn missing(cx: &Context<'_>) -> TokenStream {
    let Context { root, private, core, vis, .. } = cx;
    let any = &cx.model.names.any;
    quote! {
        #[doc(hidden)]
        #vis fn start_download<__Download>(&self) -> #root::Result<__Download>
        where
            for<#any> #root::Blocking: #private::AsyncSet,
        {
            #core::unreachable!()
        }
    }
}

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let parts: Vec<_> = cx.async_parts().collect();
    if parts.is_empty() {
        return TokenStream::new();
    }
    let ticket = ticket(cx, &parts);
    let frame = frame(cx, &parts);
    quote!(#ticket #frame)
}

/// What is held while the copies run.
fn ticket(cx: &Context<'_>, parts: &[&Part<'_>]) -> TokenStream {
    let Context { root, core, vis, backend, generics, allow, .. } = cx;
    let names = &cx.model.names;
    let (download, frame) = (&names.download, &names.frame);
    let (declare, bind, args, clause) =
        (generics.declare(None), generics.bind(), generics.args(None), generics.clause());
    let marker = cx.marker(cx.async_parts(), &[]);
    let (marker_field, marker_value) = (marker.field, marker.value);
    let fields: Vec<_> = parts.iter().map(|part| &part.buffer.accessor).collect();
    let elements = parts.iter().map(|part| &part.buffer.element);
    let ready = match fields.as_slice() {
        [only] => quote!(self.#only.is_ready()),
        _ => quote!(#core::result::Result::Ok(#(self.#fields.is_ready()?)&&*)),
    };
    let page = docs::lines([
        format!(
            "A download of a [`{manager}`] that is under way, made by \
             [`start_download`]({manager}::start_download).",
            manager = names.manager
        ),
        String::new(),
        "Dropping it is harmless: the copies end by themselves, and nobody reads them.".to_owned(),
    ]);
    let shown = cx.shown(cx.async_parts(), |name| quote!(self.#name));
    let debug = cx.debug(download, &args, &shown);
    quote! {
        #page
        #vis struct #download #declare #clause {
            #(#fields: #root::Download<#elements, #backend>,)*
            #marker_field
        }

        #allow
        impl #bind #download #args #clause {
            /// Whether every copy has ended, so that [`wait`](Self::wait) will not wait.
            ///
            /// # Errors
            ///
            /// If the device failed.
            #vis fn is_ready(&self) -> #root::Result<#core::primitive::bool> {
                #ready
            }

            /// Waits for the copies and gives the elements that arrived.
            ///
            /// # Errors
            ///
            /// If the device failed, or a buffer gave its downloads up.
            #vis fn wait(self) -> #root::Result<#frame #args> {
                #core::result::Result::Ok(#frame { #(#fields: self.#fields.wait()?,)* #marker_value })
            }
        }

        #debug
    }
}

/// What the copies brought.
fn frame(cx: &Context<'_>, parts: &[&Part<'_>]) -> TokenStream {
    let Context { root, vis, backend, generics, allow, .. } = cx;
    let names = &cx.model.names;
    let frame = &names.frame;
    let (declare, bind, args, clause) =
        (generics.declare(None), generics.bind(), generics.args(None), generics.clause());
    let marker = cx.marker(cx.async_parts(), &[]).field;
    let fields = parts.iter().map(|part| &part.buffer.accessor);
    let elements = parts.iter().map(|part| &part.buffer.element);
    let page = docs::lines([
        format!(
            "What a download of a [`{manager}`] brought: {list}, read in the pinned memory that the device wrote.",
            manager = names.manager,
            list = list(cx)
        ),
        String::new(),
        "Dropping it frees that memory for the next download.".to_owned(),
    ]);
    let accessors = parts.iter().map(|part| {
        let (name, element, deprecated) = (&part.buffer.accessor, &part.buffer.element, &part.deprecated);
        let docs = docs::with_facts(part, "");
        quote! {
            #docs
            #deprecated
            #[inline]
            #vis fn #name(&self) -> &[#element] {
                &self.#name
            }
        }
    });
    // The elements may have no `Debug`, and may be many: how many they are is what is shown.
    let shown = cx.shown(cx.async_parts(), |name| quote!(self.#name().len()));
    let debug = cx.debug(frame, &args, &shown);
    quote! {
        #page
        #vis struct #frame #declare #clause {
            #(#fields: #root::DownloadGuard<#elements, #backend>,)*
            #marker
        }

        #allow
        impl #bind #frame #args #clause {
            #(#accessors)*
        }

        #debug
    }
}

/// `` `positions` and `velocities` ``.
fn list(cx: &Context<'_>) -> String {
    let names: Vec<&str> = cx.async_parts().map(|part| part.field.name.as_str()).collect();
    crate::parse::list(&names)
}
