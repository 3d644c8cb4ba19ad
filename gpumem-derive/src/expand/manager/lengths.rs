//! The methods about one length per buffer.

use crate::expand::context::Context;
use proc_macro2::TokenStream;
use quote::quote;

pub(super) const METHODS: [&str; 9] = [
    "lengths",
    "capacities",
    "reserve",
    "reserve_to",
    "resize",
    "truncate",
    "swap_remove",
    "clear",
    "shrink_to_fit",
];

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let (read, grow, shorten) = (read(cx), grow(cx), shorten(cx));
    quote!(#read #grow #shorten)
}

/// The methods that read lengths.
fn read(cx: &Context<'_>) -> TokenStream {
    let vis = &cx.vis;
    let lengths = &cx.model.names.lengths;
    let (names, locals) = (cx.accessors(), cx.locals());
    quote! {
        /// The number of elements in each buffer.
        #vis fn lengths(&self) -> #lengths {
            let [#(#locals),*] = self.__set.lengths(self.__raw());
            #lengths { #(#names: #locals),* }
        }

        /// The number of elements that each buffer has room for.
        #vis fn capacities(&self) -> #lengths {
            let [#(#locals),*] = self.__set.capacities(self.__raw());
            #lengths { #(#names: #locals),* }
        }
    }
}

/// The methods that make room and elements.
fn grow(cx: &Context<'_>) -> TokenStream {
    let Context { root, vis, .. } = cx;
    let lengths = &cx.model.names.lengths;
    let names = cx.accessors();
    quote! {
        /// Makes room for `additional` more elements in each buffer: in all buffers, or in none.
        ///
        /// # Errors
        ///
        /// If a limit would be exceeded, or the device does not have the memory for all buffers.
        #vis fn reserve(&mut self, __additional: #lengths) -> #root::Result<()> {
            let (__set, mut __buffers) = self.__raw_mut();
            __set.reserve(&mut __buffers, &[#(__additional.#names),*])
        }

        /// Makes room for `capacities` elements in all in each buffer: in all buffers, or in none. A capacity
        /// that is larger stays.
        ///
        /// # Errors
        ///
        /// If a limit would be exceeded, or the device does not have the memory for all buffers.
        #vis fn reserve_to(&mut self, __capacities: #lengths) -> #root::Result<()> {
            let (__set, mut __buffers) = self.__raw_mut();
            __set.reserve_to(&mut __buffers, &[#(__capacities.#names),*])
        }

        /// Sets the length of each buffer: of all buffers, or of none. New elements are zero.
        ///
        /// # Errors
        ///
        /// If a limit would be exceeded, or the device does not have the memory for all buffers.
        #vis fn resize(&mut self, __lens: #lengths) -> #root::Result<()> {
            let (__set, mut __buffers) = self.__raw_mut();
            __set.resize(&mut __buffers, &[#(__lens.#names),*])
        }
    }
}

/// The methods that remove elements and memory.
fn shorten(cx: &Context<'_>) -> TokenStream {
    let Context { root, core, vis, .. } = cx;
    let lengths = &cx.model.names.lengths;
    let names = cx.accessors();
    quote! {
        /// Shortens each buffer that has more elements than its number in `lengths`. The buffers keep their
        /// memory.
        #vis fn truncate(&mut self, __lengths: #lengths) {
            let (__set, mut __buffers) = self.__raw_mut();
            __set.truncate(&mut __buffers, &[#(__lengths.#names),*]);
        }

        /// Removes the element at `index` from each buffer, on the device. The last element of the buffer
        /// takes its place.
        ///
        /// # Errors
        ///
        /// If a buffer has no such element: then no buffer has changed. If the device fails.
        #vis fn swap_remove(&mut self, __index: #core::primitive::usize) -> #root::Result<()> {
            let (__set, mut __buffers) = self.__raw_mut();
            __set.swap_remove(&mut __buffers, __index)
        }

        /// Removes all elements of every buffer. The buffers keep their memory.
        #vis fn clear(&mut self) {
            let (__set, mut __buffers) = self.__raw_mut();
            __set.clear(&mut __buffers);
        }

        /// Gives back the memory that no element uses.
        ///
        /// # Errors
        ///
        /// If the device fails, or does not have the smaller memory in addition to the larger. Then the
        /// buffers after the one that failed keep their memory.
        #vis fn shrink_to_fit(&mut self) -> #root::Result<()> {
            let (__set, mut __buffers) = self.__raw_mut();
            __set.shrink_to_fit(&mut __buffers)
        }
    }
}
