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
        "Starts to copy {buffers} to the host, and returns at once. More work can be queued while the copies run.\n\
         \n\
         The frame shows all buffers at one point: after the work that was queued before this call.\n\
         \n\
         `gpu.start_download()?.wait()?` waits for the copies, and `gpu.start_download()?.await?` awaits them. Both \
         return a [`{frame}`].\n\
         \n\
         # Errors\n\
         \n\
         If a buffer has no free slot (`SlotsBusy`), or there is no pinned memory for the copies. Then no copy was \
         started."
    ))
}

fn docs_of_wait() -> TokenStream {
    docs::of_text(
        "Like [`start_download`](Self::start_download), but first waits until every buffer has a free slot.\n\
         \n\
         The call blocks the thread, and holds no slot while it waits. It waits forever if the program never drops the \
         tickets and frames that have the slots. A task of an executor awaits \
         [`start_download_when_free`](Self::start_download_when_free) instead.\n\
         \n\
         # Errors\n\
         \n\
         If there is no pinned memory for the copies: then no copy was started. If the call would wait inside a host \
         kernel.",
    )
}

fn docs_of_when_free() -> TokenStream {
    docs::of_text(
        "Like [`start_download`](Self::start_download), for a task: awaits a free slot of every buffer, and then starts.\n\
         \n\
         The future borrows the set until then. It can be dropped at any time.\n\
         \n\
         # Errors\n\
         \n\
         If there is no pinned memory for the copies: then no copy was started. If the call would wait inside a host \
         kernel.",
    )
}
