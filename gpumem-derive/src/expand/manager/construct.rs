//! `new`, `with_capacity`, `would_fit`, and the private methods that convert between typed and untyped
//! buffers.

use crate::expand::context::Context;
use crate::expand::docs;
use crate::expand::traits::new_set;
use proc_macro2::{Literal, TokenStream};
use quote::quote;

pub(super) const METHODS: [&str; 3] = ["new", "with_capacity", "would_fit"];

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let Context { root, core, vis, backend, .. } = cx;
    let lengths = &cx.model.names.lengths;
    let (set, self_type, names) = (new_set(cx), cx.model.self_type(), cx.accessors());
    let new = docs::of_text(
        "Creates an empty set on `device`. It takes memory for the `min` of its buffers only.\n\
         \n\
         # Errors\n\
         \n\
         If the device does not have that memory.",
    );
    let with_capacity = docs::of_text(
        "Creates an empty set on `device`, with room for `capacity` elements in each buffer.\n\
         \n\
         # Errors\n\
         \n\
         If a limit would be exceeded, or the device does not have the memory for all buffers.",
    );
    let would_fit = would_fit(cx);
    let conversions = conversions(cx);
    quote! {
        #new
        #[track_caller]
        #vis fn new(__device: &#root::Device<#backend>) -> #root::Result<Self> {
            Self::with_capacity(__device, #core::default::Default::default())
        }

        #with_capacity
        #[track_caller]
        #vis fn with_capacity(__device: &#root::Device<#backend>, __capacity: #lengths) -> #root::Result<Self> {
            let __set = #set;
            let __made = __set.make(<#self_type as #root::GpuBuffers>::BUFFERS, [#(__capacity.#names),*])?;
            #core::result::Result::Ok(Self::__from_raw(__set, __made))
        }

        #would_fit

        #conversions
    }
}

fn would_fit(cx: &Context<'_>) -> TokenStream {
    let Context { root, vis, backend, .. } = cx;
    let lengths = &cx.model.names.lengths;
    let (set, self_type, names) = (new_set(cx), cx.model.self_type(), cx.accessors());
    let docs = docs::of_text(
        "Whether `with_capacity` would succeed now. Nothing is taken.\n\
         \n\
         # Errors\n\
         \n\
         Those of `with_capacity`: the limit of the buffer, of the set or of the device, or the memory of the driver, with the \
         figures.",
    );
    quote! {
        #docs
        #vis fn would_fit(__device: &#root::Device<#backend>, __capacity: #lengths) -> #root::Result<()> {
            let __set = #set;
            __set.would_fit(<#self_type as #root::GpuBuffers>::BUFFERS, [#(__capacity.#names),*])
        }
    }
}

/// `__from_raw`, `__raw` and `__raw_mut`. The runtime sees the buffers of a set as an array of untyped ones.
fn conversions(cx: &Context<'_>) -> TokenStream {
    let Context { private, backend, .. } = cx;
    let marker = cx.marker(cx.buffers.iter(), &[]).value;
    let (names, locals, import) = (cx.accessors(), cx.locals(), cx.import());
    let plain = cx.buffers.iter().map(|part| &part.plain);
    let count = Literal::usize_unsuffixed(names.len());
    quote! {
        fn __from_raw(
            __set: #private::Set<#backend>,
            [#(#locals),*]: [#private::RawOwned<#backend>; #count],
        ) -> Self {
            #import
            Self { #(#names: #plain::typed(#locals),)* #marker __set }
        }

        fn __raw(&self) -> [&#private::RawBuffer<#backend>; #count] {
            [#(self.#names.__raw()),*]
        }

        fn __raw_mut(&mut self) -> (&#private::Set<#backend>, [#private::RawMut<'_, #backend>; #count]) {
            (&self.__set, [#(self.#names.__raw_mut()),*])
        }
    }
}
