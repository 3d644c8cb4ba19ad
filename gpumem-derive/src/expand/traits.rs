//! `impl GpuBuffers` for the user's struct: the type of its manager, the settings of its buffers, and
//! `upload`.

use super::context::{Context, Part, user_ident};
use crate::parse::settings::given;
use crate::syntax::generated_at;
use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let Context { root, core, backend, params, lints, .. } = cx;
    let (name, manager) = (cx.model.struct_name(), &cx.model.names.manager);
    let (_, struct_args, _) = cx.model.input.generics.split_for_impl();
    let impl_params = params.impl_params_of_struct();
    let (args, clause) = (params.args(None), params.where_clause());
    let specs = cx.buffers.iter().map(|part| spec(cx, part));
    let plain = cx.buffers.iter().map(|part| &part.plain);
    // If a field's `Vec` is not the one of the standard library, the error is at the field's type.
    let data = cx.buffers.iter().map(|part| {
        let ident = user_ident(part.field);
        quote_spanned!(generated_at(part.field.ty.span())=> &self.#ident)
    });
    let import = cx.import();
    let set = new_set(cx);
    let body = cx.body(quote! {
        #import
        let __set = #set;
        let __made = __set.make_from(Self::BUFFERS, [#(#plain::bytes(#data)),*])?;
        #core::result::Result::Ok(#manager::__from_raw(__set, __made))
    });
    quote! {
        #[automatically_derived]
        #lints
        impl #impl_params #root::GpuBuffers for #name #struct_args #clause {
            type Manager<#backend: #root::Backend> = #manager #args;

            const BUFFERS: &'static [#root::BufferSpec] = &[#(#specs),*];

            #[track_caller]
            fn upload<#backend: #root::Backend>(
                &self,
                __device: &#root::Device<#backend>,
            ) -> #root::Result<Self::Manager<#backend>> {
                #body
            }
        }
    }
}

/// The expression of a set without buffers, on `__device`.
pub(super) fn new_set(cx: &Context<'_>) -> TokenStream {
    let (private, settings) = (&cx.private, &cx.model.settings);
    let label = given(settings.label.as_ref()).unwrap_or(&cx.model.name);
    match given(settings.limit.as_ref()) {
        Some(limit) => {
            let bytes = Literal::u64_unsuffixed(limit.bytes);
            quote!(#private::Set::limited(__device, &#label, #bytes))
        }
        None => quote!(#private::Set::new(__device, &#label)),
    }
}

/// `BufferSpec::new("positions").element::<[f32; 2]>().growth(1.3)`. The runtime or the user's constant gives
/// the other settings.
fn spec(cx: &Context<'_>, part: &Part<'_>) -> TokenStream {
    let (root, buffer, name) = (cx.root, part.buffer, &part.field.name);
    let element = &buffer.element;
    let base = match &buffer.config {
        Some(config) => constant(cx, part, config),
        None => quote!(#root::BufferSpec::new(#name)),
    };
    let growth = buffer.growth_is_given.then(|| {
        let factor = Literal::f64_unsuffixed(buffer.growth);
        quote!(.growth(#factor))
    });
    let max = buffer.max.as_ref().map(|max| {
        let bytes = Literal::u64_unsuffixed(max.bytes);
        quote!(.max(#bytes))
    });
    let min = buffer.min.as_ref().map(|min| {
        let bytes = Literal::u64_unsuffixed(min.bytes);
        quote!(.min(#bytes))
    });
    // A constant has this setting already. `assertions` checks that.
    let mode = (buffer.asynchronous && buffer.config.is_none()).then(|| quote!(.asynchronous()));
    let slots = buffer.slots.map(|slots| {
        let slots = Literal::u8_unsuffixed(slots);
        quote!(.slots(#slots))
    });
    let snapshot = buffer.snapshot.then(|| quote!(.snapshot()));
    let stable = match (buffer.stable, &buffer.config) {
        (Some(true), _) => quote!(.stable()),
        // `stable = false` overrides a constant only: a new `BufferSpec` is not stable.
        (Some(false), Some(_)) => quote!(.__movable()),
        _ => TokenStream::new(),
    };
    quote!(#base.element::<#element>() #growth #max #min #mode #slots #snapshot #stable)
}

/// The user's constant, with the name of the buffer. If it is no `BufferSpec`, each use is the same error at
/// the same tokens, and the compiler prints that once.
pub(super) fn constant(cx: &Context<'_>, part: &Part<'_>, config: &TokenStream) -> TokenStream {
    let (root, name) = (cx.root, &part.field.name);
    quote!(#root::BufferSpec::__named(#config, #name))
}
