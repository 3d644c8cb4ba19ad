//! `start_download` and its two waiting forms.

use crate::expand::context::Context;
use crate::expand::docs;
use crate::expand::download;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

pub(super) const METHODS: [&str; 3] = ["start_download", "start_download_wait", "start_download_when_free"];

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let names: Vec<_> = cx.async_parts().map(|part| &part.buffer.accessor).collect();
    if names.is_empty() {
        return without_async(cx);
    }
    let Context { root, core, vis, params, .. } = cx;
    let (download, args) = (&cx.model.names.download, params.args(None));
    let (docs, docs_wait, docs_when_free) = (docs_of_start(cx), docs_of_wait(), docs_of_when_free());
    quote! {
        #docs
        #vis fn start_download(&self) -> #root::Result<#download #args> {
            self.__set.start_downloads(&[#(self.#names.__raw()),*])
        }

        #docs_wait
        #vis fn start_download_wait(&self) -> #root::Result<#download #args> {
            self.__set.start_downloads_wait(&[#(self.#names.__raw()),*])
        }

        #docs_when_free
        #vis fn start_download_when_free(
            &self,
        ) -> impl #core::future::Future<Output = #root::Result<#download #args>> + #core::marker::Send + '_ {
            self.__set.start_downloads_when_free([#(self.#names.__raw()),*])
        }
    }
}

/// The methods of a set without `async` buffers. Calling one is an error that tells the user to add `async`.
/// The type of the result is a parameter, so that code that uses the result is no further error. The bound
/// never holds, and because of `for<'any>` the compiler checks it at calls only.
fn without_async(cx: &Context<'_>) -> TokenStream {
    let Context { root, private, core, vis, .. } = cx;
    let any = &cx.model.names.any;
    let methods = METHODS.map(|name| format_ident!("{name}"));
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

fn docs_of_start(cx: &Context<'_>) -> TokenStream {
    let (buffers, frame) = (download::list(cx), &cx.model.names.frame);
    docs::of_text(&format!(
        "Starts to copy {buffers} to the host, and returns at once: work may be queued while the copies run.\n\
         \n\
         What arrives is what the buffers hold when the work queued so far has run, all of them at that one point.\n\
         \n\
         The ticket is waited for, `gpu.start_download()?.wait()?`, or awaited, `gpu.start_download()?.await?`; both give a \
         [`{frame}`].\n\
         \n\
         # Errors\n\
         \n\
         If the slots of a buffer are all in use (`SlotsBusy`), or there is no pinned memory for the copies: then none was started."
    ))
}

fn docs_of_wait() -> TokenStream {
    docs::of_text(
        "[`start_download`](Self::start_download) that waits until every buffer has a free slot.\n\
         \n\
         It keeps the calling thread meanwhile, and holds no slot. Tickets and frames that nobody lets go of it waits for for ever. A \
         task of an executor awaits [`start_download_when_free`](Self::start_download_when_free) instead.\n\
         \n\
         # Errors\n\
         \n\
         If there is no pinned memory for the copies: then none was started. If it would wait inside a host kernel.",
    )
}

fn docs_of_when_free() -> TokenStream {
    docs::of_text(
        "[`start_download`](Self::start_download) for a task: awaits a free slot of every buffer, and then starts.\n\
         \n\
         The future borrows the set until then, and may be dropped at any time.\n\
         \n\
         # Errors\n\
         \n\
         If there is no pinned memory for the copies: then none was started. If it would wait inside a host kernel.",
    )
}
