//! `GraphDownload` and `GraphFrame`: the `async` buffers of a set on their way down, and arrived. The ticket is the runtime's, for
//! this frame.

use super::{Context, Part, docs};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

/// The methods of the manager that start a download of the set.
pub(super) fn start(cx: &Context<'_>) -> TokenStream {
    let Context { root, core, vis, generics, .. } = cx;
    let (download, frame, args) = (&cx.model.names.download, &cx.model.names.frame, generics.args(None));
    let names: Vec<_> = cx.async_parts().map(|part| &part.buffer.accessor).collect();
    if names.is_empty() {
        return missing(cx);
    }
    let taken = list(cx);
    let docs = docs::lines([
        format!(
            "Starts to copy {taken} to the host, and returns at once: work may be queued while the copies run."
        ),
        String::new(),
        "What arrives is what the buffers hold when the work queued so far has run, all of them at that one point.".to_owned(),
        String::new(),
        format!(
            "The ticket is waited for, `gpu.start_download()?.wait()?`, or awaited, `gpu.start_download()?.await?`; both give a \
             [`{frame}`]."
        ),
        String::new(),
        "# Errors".to_owned(),
        String::new(),
        "If the slots of a buffer are all in use (`SlotsBusy`), or there is no pinned memory for the copies: then none was started.".to_owned(),
    ]);
    let docs_wait = docs::lines([
        "[`start_download`](Self::start_download) that waits until every buffer has a free slot.",
        "",
        "It keeps the calling thread meanwhile, and holds no slot. Tickets and frames that nobody lets go of it waits for for ever. A \
         task of an executor awaits [`start_download_when_free`](Self::start_download_when_free) instead.",
        "",
        "# Errors",
        "",
        "If there is no pinned memory for the copies: then none was started. If it would wait inside a host kernel.",
    ]);
    let docs_free = docs::lines([
        "[`start_download`](Self::start_download) for a task: awaits a free slot of every buffer, and then starts.",
        "",
        "The future borrows the set until then, and may be dropped at any time.",
        "",
        "# Errors",
        "",
        "If there is no pinned memory for the copies: then none was started. If it would wait inside a host kernel.",
    ]);
    quote! {
        #docs
        #vis fn start_download(&self) -> #root::Result<#download #args> {
            self.__set.start_downloads(&[#(self.#names.__raw()),*])
        }

        #docs_wait
        #vis fn start_download_wait(&self) -> #root::Result<#download #args> {
            self.__set.start_downloads_wait(&[#(self.#names.__raw()),*])
        }

        #docs_free
        #vis fn start_download_when_free(
            &self,
        ) -> impl #core::future::Future<Output = #root::Result<#download #args>> + #core::marker::Send + '_ {
            self.__set.start_downloads_when_free([#(self.#names.__raw()),*])
        }
    }
}

/// What stands for `start_download` where no buffer is `async`: calling it is an error that says what to add. Nothing is known of
/// what it would give, so that what is done with that is no further mistake. The bound never holds; `for` keeps the compiler from
/// saying so where nobody asks.
fn missing(cx: &Context<'_>) -> TokenStream {
    let Context { root, private, core, vis, .. } = cx;
    let any = &cx.model.names.any;
    let methods = ["start_download", "start_download_wait", "start_download_when_free"]
        .map(|name| format_ident!("{name}"));
    quote! {
        #(
            #[doc(hidden)]
            #vis fn #methods<__Download>(&self) -> #root::Result<__Download>
            where
                for<#any> #root::Blocking: #private::AsyncSet,
            {
                #core::unreachable!()
            }
        )*
    }
}

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let parts: Vec<_> = cx.async_parts().collect();
    if parts.is_empty() {
        return TokenStream::new();
    }
    let ticket = ticket(cx);
    let frame = frame(cx, &parts);
    quote!(#ticket #frame)
}

/// What is held while the copies run.
fn ticket(cx: &Context<'_>) -> TokenStream {
    let Context { root, vis, generics, lints, deprecated, .. } = cx;
    let names = &cx.model.names;
    let (download, frame) = (&names.download, &names.frame);
    let (alias, args) = (generics.alias(), generics.args(None));
    let page = docs::lines([
        format!(
            "A download of a [`{manager}`] that is under way, made by \
             [`start_download`]({manager}::start_download).",
            manager = names.manager
        ),
        String::new(),
        format!(
            "To wait for it, or to `.await` it, gives a [`{frame}`]. Dropping it is harmless: the copies end by themselves, and \
             nobody reads them."
        ),
    ]);
    quote! {
        #page
        #deprecated
        #lints
        #vis type #download #alias = #root::Downloads<#frame #args>;
    }
}

/// What the copies brought.
fn frame(cx: &Context<'_>, parts: &[&Part<'_>]) -> TokenStream {
    let Context { root, private, core, vis, backend, generics, lints, deprecated, .. } = cx;
    let names = &cx.model.names;
    let (frame, label) = (&names.frame, names.download.to_string());
    let (declare, bind, args, clause) =
        (generics.declare(None), generics.bind(), generics.args(None), generics.clause());
    let marker = cx.marker(cx.async_parts(), &[]);
    let (marker_field, marker_value) = (marker.field, marker.value);
    let fields: Vec<_> = parts.iter().map(|part| &part.buffer.accessor).collect();
    let (plain, import) = (parts.iter().map(|part| &part.plain), cx.import());
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
        #deprecated
        #lints
        #vis struct #frame #declare #clause {
            #(#fields: #root::DownloadGuard<#elements, #backend>,)*
            #marker_field
        }

        #lints
        impl #bind #frame #args #clause {
            #(#accessors)*
        }

        #[automatically_derived]
        #lints
        impl #bind #root::Frame for #frame #args #clause {
            type Backend = #backend;

            const TICKET: &'static #core::primitive::str = #label;

            fn __arrive(__parts: &mut #private::Arrived<'_, #backend>) -> #root::Result<Self> {
                #import
                #core::result::Result::Ok(Self { #(#fields: #plain::arrive(__parts)?,)* #marker_value })
            }
        }

        #debug
    }
}

/// `` `positions` and `velocities` ``.
fn list(cx: &Context<'_>) -> String {
    let names: Vec<&str> = cx.async_parts().map(|part| part.field.name.as_str()).collect();
    crate::parse::list(&names)
}
