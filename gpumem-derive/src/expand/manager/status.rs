//! The state of the whole set: `stats`, `reset_peak`, `device`, `check_leaks` and `close`.

use crate::expand::context::Context;
use proc_macro2::TokenStream;
use quote::quote;

pub(super) const METHODS: [&str; 5] = ["stats", "reset_peak", "device", "check_leaks", "close"];

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let Context { root, core, vis, backend, .. } = cx;
    let names = cx.accessors();
    quote! {
        /// Lengths, capacities and bytes, peaks and transfers, per buffer and in total. Its text is a table.
        #vis fn stats(&self) -> #root::SetStats {
            self.__set.stats(&self.__raw())
        }

        /// Makes the peaks of the set and of its buffers what they hold now.
        #vis fn reset_peak(&self) {
            self.__set.reset_peak(&self.__raw());
        }

        /// The device that the buffers are on.
        #[inline]
        #vis fn device(&self) -> &#root::Device<#backend> {
            self.__set.device()
        }

        /// Checks that no buffer of the set is alive outside the set.
        ///
        /// # Errors
        ///
        /// If there is such a buffer: the error lists it, with the place in the code that made it.
        #vis fn check_leaks(&self) -> #root::Result<()> {
            self.__set.check_leaks(&self.__raw())
        }

        /// Waits for the work that uses the buffers, and gives all their memory back.
        ///
        /// # Errors
        ///
        /// If a buffer of the set is alive outside the set: the error lists it. If the device has failed.
        #vis fn close(self) -> #root::Result<()> {
            self.__set.close(#core::convert::Into::into([#(self.#names.__into_raw()),*]))
        }
    }
}
