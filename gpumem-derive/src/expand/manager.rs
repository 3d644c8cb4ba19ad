//! The manager: a struct of buffers and the methods that work on all of them.

use super::{Context, docs, located};
use crate::model::{Field, Role, value};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, format_ident, quote};

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let Context { private, vis, backend, generics, lints, deprecated, .. } = cx;
    let manager = &cx.model.names.manager;
    let page = docs::manager(cx);
    let (declare, bind, args, clause) =
        (generics.declare(None), generics.bind(), generics.args(None), generics.clause());
    let names = cx.accessors();
    let types = cx.buffers.iter().map(|part| &part.ty);
    let marker = cx.marker(cx.buffers.iter(), &[]).field;
    let parts = [construct(cx), accessors(cx), lengths(cx), transfers(cx), end(cx)];
    let debug = debug(cx);
    quote! {
        #page
        #deprecated
        #lints
        #vis struct #manager #declare #clause {
            __set: #private::Set<#backend>,
            #(#names: #types,)*
            #marker
        }

        #lints
        impl #bind #manager #args #clause {
            #(#parts)*
        }

        #debug
    }
}

/// `new`, `with_capacity`.
fn construct(cx: &Context<'_>) -> TokenStream {
    let Context { root, private, core, vis, backend, .. } = cx;
    let lens = &cx.model.names.lens;
    let set = super::traits::new_set(cx);
    let marker = cx.marker(cx.buffers.iter(), &[]).value;
    let self_type = as_trait(cx);
    let names = cx.accessors();
    let made = locals(names.len());
    let plain = cx.buffers.iter().map(|part| &part.plain);
    let import = cx.import();
    let count = Literal::usize_unsuffixed(names.len());
    let new = docs::lines([
        "An empty set on `device`: it takes no more memory than the `min` of its buffers asks for.",
        "",
        "# Errors",
        "",
        "If the device has no room for that.",
    ]);
    let with_capacity = docs::lines([
        "An empty set on `device` with room for `capacity` elements in each buffer.",
        "",
        "# Errors",
        "",
        "If a buffer would pass its limit, or the device has no room for all of them.",
    ]);
    quote! {
        #new
        #[track_caller]
        #vis fn new(__device: &#root::Device<#backend>) -> #root::Result<Self> {
            Self::with_capacity(__device, #core::default::Default::default())
        }

        #with_capacity
        #[track_caller]
        #vis fn with_capacity(__device: &#root::Device<#backend>, __capacity: #lens) -> #root::Result<Self> {
            let __set = #set;
            let __made = __set.make(#self_type::BUFFERS, [#(__capacity.#names),*])?;
            #core::result::Result::Ok(Self::__from_raw(__set, __made))
        }

        fn __from_raw(
            __set: #private::Set<#backend>,
            [#(#made),*]: [#private::RawOwned<#backend>; #count],
        ) -> Self {
            #import
            Self { #(#names: #plain::typed(#made),)* #marker __set }
        }

        fn __raw(&self) -> [&#private::RawBuffer<#backend>; #count] {
            [#(self.#names.__raw()),*]
        }

        fn __raw_mut(&mut self) -> (&#private::Set<#backend>, [#private::RawMut<'_, #backend>; #count]) {
            (&self.__set, [#(self.#names.__raw_mut()),*])
        }
    }
}

/// The accessors of the fields, and `split_mut`.
fn accessors(cx: &Context<'_>) -> TokenStream {
    let Context { vis, .. } = cx;
    let split = &cx.model.names.split;
    let names = cx.accessors();
    let marker = super::split::marker(cx).value;
    let args = cx.generics.args(Some(quote!('_)));
    let fields = cx.buffers.iter().map(|part| {
        let (name, name_mut, ty) = (&part.buffer.accessor, &part.buffer.accessor_mut, &part.ty);
        let docs = docs::with_facts(part, "");
        let docs_mut = docs::with_facts(part, "Borrowed mutably. ");
        let deprecated = &part.deprecated;
        quote! {
            #docs
            #deprecated
            #[inline]
            #vis fn #name(&self) -> &#ty {
                &self.#name
            }

            #docs_mut
            #deprecated
            #[inline]
            #vis fn #name_mut(&mut self) -> &mut #ty {
                &mut self.#name
            }
        }
    });
    quote! {
        #(#fields)*

        /// Borrows every buffer mutably at once, for a kernel or a call that takes several of them.
        #[inline]
        #vis fn split_mut(&mut self) -> #split #args {
            #split { #(#names: &mut self.#names,)* #marker }
        }
    }
}

/// What deals in a length a buffer.
fn lengths(cx: &Context<'_>) -> TokenStream {
    let Context { root, vis, .. } = cx;
    let lens = &cx.model.names.lens;
    let names = cx.accessors();
    let each = locals(names.len());
    quote! {
        /// How many elements each buffer holds.
        #vis fn lens(&self) -> #lens {
            let [#(#each),*] = self.__set.lens(self.__raw());
            #lens { #(#names: #each),* }
        }

        /// How many elements each buffer has room for.
        #vis fn capacities(&self) -> #lens {
            let [#(#each),*] = self.__set.capacities(self.__raw());
            #lens { #(#names: #each),* }
        }

        /// Makes room for so many more elements in each buffer: in all of them, or in none.
        ///
        /// # Errors
        ///
        /// If a buffer would pass its limit, or the device has no room for all of them.
        #vis fn reserve(&mut self, __additional: #lens) -> #root::Result<()> {
            let (__set, mut __buffers) = self.__raw_mut();
            __set.reserve(&mut __buffers, &[#(__additional.#names),*])
        }

        /// Gives each buffer its new length, all of them or none; new elements are zero.
        ///
        /// # Errors
        ///
        /// If a buffer would pass its limit, or the device has no room for all of them.
        #vis fn resize(&mut self, __lens: #lens) -> #root::Result<()> {
            let (__set, mut __buffers) = self.__raw_mut();
            __set.resize(&mut __buffers, &[#(__lens.#names),*])
        }

        /// Takes all elements out of every buffer. The memory is kept.
        #vis fn clear(&mut self) {
            let (__set, mut __buffers) = self.__raw_mut();
            __set.clear(&mut __buffers);
        }

        /// Gives back the memory that no element uses.
        ///
        /// # Errors
        ///
        /// If the device has no room for the smaller memory beside the larger, or fails. Buffers that were not reached keep
        /// what they have.
        #vis fn shrink_to_fit(&mut self) -> #root::Result<()> {
            let (__set, mut __buffers) = self.__raw_mut();
            __set.shrink_to_fit(&mut __buffers)
        }
    }
}

/// Uploads and downloads of the whole set.
fn transfers(cx: &Context<'_>) -> TokenStream {
    let Context { root, vis, .. } = cx;
    let (self_type, name) = (cx.model.self_type(), &cx.model.name);
    let fields: Vec<_> = cx.buffers.iter().map(|part| own(part.field)).collect();
    let plain: Vec<_> = cx.buffers.iter().map(|part| &part.plain).collect();
    let import = cx.import();
    let kept = cx.model.fields.iter().any(|field| matches!(field.role, Role::Host));
    let upload_docs = docs::lines([
        format!("Replaces what every buffer holds with the fields of a [`{name}`]."),
        String::new(),
        "# Errors".to_owned(),
        String::new(),
        "If a buffer would pass its limit, or the device has no room for all of them: then none has changed. If the device \
         fails."
            .to_owned(),
    ]);
    let left_alone = if kept { " Fields that are no buffers are left alone." } else { "" };
    let into_docs = docs::lines([
        format!(
            "Waits for the device and copies every buffer into a [`{name}`], whose memory is reused.{left_alone}"
        ),
        String::new(),
        "# Errors".to_owned(),
        String::new(),
        "If the device fails. The field at which it did is empty, those behind it are as they were."
            .to_owned(),
    ]);
    let download = download(cx);
    let start = super::download::start(cx);
    let refill = cx.body(quote! {
        #import
        let (__set, mut __buffers) = self.__raw_mut();
        __set.refill(&mut __buffers, &[#(#plain::bytes(&__data.#fields)),*])
    });
    let fetch = cx.body(quote! {
        #import
        self.__set.fetch(&self.__raw(), &mut [#(#plain::target(&mut __data.#fields)),*])
    });
    quote! {
        #upload_docs
        #vis fn upload_from(&mut self, __data: &#self_type) -> #root::Result<()> {
            #refill
        }

        #download

        #into_docs
        #vis fn download_into(&self, __data: &mut #self_type) -> #root::Result<()> {
            #fetch
        }

        #start
    }
}

/// `download`, which must write a whole value of the struct down.
fn download(cx: &Context<'_>) -> TokenStream {
    let Context { root, private, core, vis, .. } = cx;
    let (self_type, name) = (cx.model.self_type(), &cx.model.name);
    let struct_name = cx.model.struct_name();
    let kept: Vec<_> = cx.model.fields.iter().filter(|field| matches!(field.role, Role::Host)).collect();
    let filled = if kept.is_empty() {
        String::new()
    } else {
        " Fields that are no buffers get their default.".to_owned()
    };
    let docs = docs::lines([
        format!("Waits for the device and copies every buffer into a new [`{name}`].{filled}"),
        String::new(),
        "# Errors".to_owned(),
        String::new(),
        "If the device fails.".to_owned(),
    ]);
    // The bound is on the method, and is asked where it is called; `for` keeps the compiler from asking earlier.
    let any = &cx.model.names.any;
    let lazy = kept.iter().filter(|field| !skips_with_default(field)).zip(0..);
    // Each bound has a number of its own: of two that are the same, the compiler could not choose.
    let bounds: Vec<_> = lazy
        .clone()
        .map(|(field, number)| {
            let (ty, number) = (field.ty, Literal::usize_unsuffixed(number));
            quote!(for<#any> #ty: #private::HostDefault<#number>)
        })
        .collect();
    let clause = (!bounds.is_empty()).then(|| quote!(where #(#bounds,)*));
    let values = cx.buffers.iter().map(|part| {
        let ident = own(part.field);
        quote!(#ident: #private::Vec::new(),)
    });
    let asked = kept.iter().filter(|field| skips_with_default(field)).map(|field| {
        let (ident, ty) = (own(field), field.ty);
        // The type's own tokens ask for the default, so that the compiler points at them where there is none.
        quote!(#ident: <#ty as #core::default::Default>::default(),)
    });
    let bound = lazy.map(|(field, number)| {
        let (ident, number) = (own(field), Literal::usize_unsuffixed(number));
        quote!(#ident: #private::HostDefault::<#number>::host_default(),)
    });
    let body = cx.body(quote! {
        let mut __data = #struct_name {
            #(#values)*
            #(#asked)*
            #(#bound)*
        };
        self.download_into(&mut __data)?;
        #core::result::Result::Ok(__data)
    });
    quote! {
        #docs
        #vis fn download(&self) -> #root::Result<#self_type> #clause {
            #body
        }
    }
}

/// The field's name in the user's struct, as generated code: where it is deprecated, that is said to the user's code alone.
fn own(field: &Field<'_>) -> TokenStream {
    located(field.ident.to_token_stream(), None)
}

/// A local for each buffer. It is not called as the buffer is: a constant or a parameter of that name may be in scope, and
/// a pattern would mean it.
fn locals(count: usize) -> Vec<Ident> {
    (0..count).map(|index| format_ident!("__{index}")).collect()
}

fn skips_with_default(field: &Field<'_>) -> bool {
    value(field.settings.skip.as_ref()).is_some_and(|skip| skip.default)
}

/// `stats`, `device`, `check_leaks`, `close`.
fn end(cx: &Context<'_>) -> TokenStream {
    let Context { root, core, vis, backend, .. } = cx;
    let names = cx.accessors();
    quote! {
        /// What the set holds: lengths, capacities and bytes, a buffer and in all.
        #vis fn stats(&self) -> #root::SetStats {
            self.__set.stats(&self.__raw())
        }

        /// The device that the buffers are on.
        #[inline]
        #vis fn device(&self) -> &#root::Device<#backend> {
            self.__set.device()
        }

        /// Checks that no buffer of the set is alive outside it.
        ///
        /// # Errors
        ///
        /// If one is: the error lists it, with the place that made it.
        #vis fn check_leaks(&self) -> #root::Result<()> {
            self.__set.check_leaks(&self.__raw())
        }

        /// Waits for the work that uses the buffers and gives all their memory back.
        ///
        /// # Errors
        ///
        /// If a buffer of the set is alive outside it: the error lists it. If the device failed.
        #vis fn close(self) -> #root::Result<()> {
            self.__set.close(#core::convert::Into::into([#(self.#names.__into_raw()),*]))
        }
    }
}

fn debug(cx: &Context<'_>) -> TokenStream {
    let Context { core, generics, lints, .. } = cx;
    let manager = &cx.model.names.manager;
    let label = manager.to_string();
    let (bind, args, clause) = (generics.bind(), generics.args(None), generics.clause());
    quote! {
        #[automatically_derived]
        #lints
        impl #bind #core::fmt::Debug for #manager #args #clause {
            fn fmt(&self, __f: &mut #core::fmt::Formatter<'_>) -> #core::fmt::Result {
                self.__set.debug(__f, #label, &self.__raw())
            }
        }
    }
}

/// The struct as an implementor of `GpuBuffers`, to name its constants.
fn as_trait(cx: &Context<'_>) -> TokenStream {
    let (root, self_type) = (cx.root, cx.model.self_type());
    quote!(<#self_type as #root::GpuBuffers>)
}
