//! `start_download`, `start_download_when_free` and `frame_queue`.

use crate::expand::context::Context;
use crate::expand::docs;
use crate::expand::download;
use proc_macro2::TokenStream;
use quote::quote;

pub(super) const METHODS: [&str; 3] = ["start_download", "start_download_when_free", "frame_queue"];

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let names: Vec<_> = cx.async_parts().map(|part| &part.buffer.accessor).collect();
    if names.is_empty() {
        return without_async(cx);
    }
    let Context { root, vis, backend, params, .. } = cx;
    let (download, frame, args) = (&cx.model.names.download, &cx.model.names.frame, params.args(None));
    let (docs, docs_when_free, docs_queue) = (docs_of_start(cx), docs_of_when_free(), docs_of_queue(cx));
    quote! {
        #docs
        #[track_caller]
        #vis fn start_download(&self) -> #root::Result<#download #args> {
            self.__set.start_downloads(&[#(self.#names.__raw()),*])
        }

        #docs_when_free
        #[track_caller]
        #vis fn start_download_when_free(&self) -> #root::WhenFree<'_, #frame #args, #backend> {
            self.__set.start_downloads_when_free(&[#(self.#names.__raw()),*])
        }

        #docs_queue
        #vis fn frame_queue(&self) -> #root::FrameQueue<#frame #args, #backend> {
            self.__set.frame_queue(&[#(self.#names.__raw()),*])
        }
    }
}

/// The methods of a set without `async` buffers. Calling one is an error that tells the user to add `async`.
/// The type of the result is a parameter, so that code that uses the result is no further error. The bound
/// never holds, and because of `for<'any>` the compiler checks it at calls only.
fn without_async(cx: &Context<'_>) -> TokenStream {
    let Context { root, private, core, vis, .. } = cx;
    let any = &cx.model.names.any;
    let clause = quote!(where for<#any> #root::Blocking: #private::AsyncSet);
    quote! {
        #[doc(hidden)]
        #vis fn start_download<__Download>(&self) -> #root::Result<__Download> #clause {
            #core::unreachable!()
        }

        #[doc(hidden)]
        #vis fn start_download_when_free<__WhenFree>(&self) -> __WhenFree #clause {
            #core::unreachable!()
        }

        #[doc(hidden)]
        #vis fn frame_queue<__Queue>(&self) -> __Queue #clause {
            #core::unreachable!()
        }
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

fn docs_of_when_free() -> TokenStream {
    docs::of_text(
        "Like [`start_download`](Self::start_download), but first waits until every buffer has a free slot. The value that \
         it returns has `wait()`, which blocks the thread, and can be awaited, which does not. Both give the download.\n\
         \n\
         Until then it borrows the set, and holds no slot. It can be dropped at any time. If the program never drops the \
         downloads and frames that have the slots, the wait never ends.",
    )
}

fn docs_of_queue(cx: &Context<'_>) -> TokenStream {
    let manager = &cx.model.names.manager;
    docs::of_text(&format!(
        "A queue for downloads of a [`{manager}`], for as many as its buffers have slots: while one frame is read, the next \
         ones come down.\n\
         \n\
         `if let Some(frame) = frames.push(gpu.start_download()?)? {{ .. }}` adds a download, and returns the oldest \
         frame when the queue is full. `for frame in frames.drain() {{ .. }}` takes the rest at the end."
    ))
}
