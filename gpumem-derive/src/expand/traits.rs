//! The struct's own side: `impl GpuBuffers`, its constants, and what can be known of them while compiling.

use super::{Context, Part, located};
use crate::model::value;
use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let Context { root, core, backend, generics, lints, .. } = cx;
    let (name, manager) = (cx.model.struct_name(), &cx.model.names.manager);
    let (_, struct_args, _) = cx.model.input.generics.split_for_impl();
    let (bind, args, clause) = (generics.bind_struct(), generics.args(None), generics.clause());
    let specs = cx.buffers.iter().map(|part| spec(cx, part));
    let plain = cx.buffers.iter().map(|part| &part.plain);
    // A field whose `Vec` is another type than the standard one is told so at its type.
    let data = cx.buffers.iter().map(|part| {
        let ident = located(part.field.ident.to_token_stream(), None);
        quote_spanned!(located_at(part.field.ty.span())=> &self.#ident)
    });
    let import = cx.import();
    let set = new_set(cx);
    let body = cx.body(quote! {
        #import
        let __set = #set;
        let __made = __set.make_from(Self::BUFFERS, [#(#plain::bytes(#data)),*])?;
        #core::result::Result::Ok(#manager::__from_raw(__set, __made))
    });
    let mut checks: TokenStream = cx.buffers.iter().filter_map(|part| size_check(cx, part)).collect();
    checks.extend(cx.buffers.iter().filter_map(|part| limit_check(cx, part)));
    checks.extend(cx.buffers.iter().filter_map(|part| config_check(cx, part)));
    checks.extend(thread_check(cx));
    quote! {
        #[automatically_derived]
        #lints
        impl #bind #root::GpuBuffers for #name #struct_args #clause {
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

        #checks
    }
}

/// The set without its buffers, on `device`.
pub(super) fn new_set(cx: &Context<'_>) -> TokenStream {
    let (private, settings) = (&cx.private, &cx.model.settings);
    let label = value(settings.label.as_ref()).unwrap_or(&cx.model.name);
    match value(settings.limit.as_ref()) {
        Some(limit) => {
            let bytes = Literal::u64_unsuffixed(limit.bytes);
            quote!(#private::Set::limited(__device, #label, #bytes))
        }
        None => quote!(#private::Set::new(__device, #label)),
    }
}

/// `BufferSpec::new("positions").element::<[f32; 2]>().growth(1.3)`: what is not said is left to the runtime, or to the
/// user's constant.
fn spec(cx: &Context<'_>, part: &Part<'_>) -> TokenStream {
    let (root, buffer, name) = (cx.root, part.buffer, &part.field.name);
    let element = &buffer.element;
    let base = buffer
        .config
        .as_ref()
        .map_or_else(|| quote!(#root::BufferSpec::new(#name)), |config| constant(cx, part, config));
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
    // A constant has said it, or the assertion below fails.
    let mode = (buffer.asynchronous && buffer.config.is_none()).then(|| quote!(.asynchronous()));
    let slots = buffer.slots.map(|slots| {
        let slots = Literal::u8_unsuffixed(slots);
        quote!(.slots(#slots))
    });
    let snapshot = buffer.snapshot.then(|| quote!(.snapshot()));
    let stable = match (buffer.stable, &buffer.config) {
        (Some(true), _) => quote!(.stable()),
        // Where there is no constant, there is nothing to take back.
        (Some(false), Some(_)) => quote!(.__movable()),
        _ => TokenStream::new(),
    };
    quote!(#base.element::<#element>() #growth #max #min #mode #slots #snapshot #stable)
}

/// The user's constant, under the buffer's name. Wherever it is asked for, one that is no `BufferSpec` is the same error at the
/// same place, which the compiler prints once.
fn constant(cx: &Context<'_>, part: &Part<'_>, config: &TokenStream) -> TokenStream {
    let (root, name) = (cx.root, &part.field.name);
    quote!(#root::BufferSpec::named(#config, #name))
}

/// The type of a buffer says whether it is async, so that a constant may not say otherwise.
fn config_check(cx: &Context<'_>, part: &Part<'_>) -> Option<TokenStream> {
    let (config, lints) = (part.buffer.config.as_ref()?, &cx.lints);
    let text = crate::text::of(config);
    let (not, message) = if part.buffer.asynchronous {
        let message = format!(
            "`{text}` is for blocking downloads: remove `async` beside `config = {text}`, or add `.asynchronous()` to the constant"
        );
        (None, message)
    } else {
        let message = format!(
            "`{text}` is for async downloads: write `async` beside `config = {text}`, which makes the buffer's type that of an async one"
        );
        (Some(quote!(!)), message)
    };
    let constant = constant(cx, part, config);
    let place = config.span();
    // As in `limit_check`, the compiler is to point at the path and nowhere else.
    let core = located(cx.core.clone(), Some(place));
    let span = located_at(place);
    Some(quote_spanned! {span=>
        #lints
        const _: () = #core::assert!(#not #constant.is_async(), "{}", #message);
    })
}

/// An element without a size is refused as soon as the compiler knows that; `check` has refused those that say so themselves.
/// Where a parameter decides, the runtime asserts it.
fn size_check(cx: &Context<'_>, part: &Part<'_>) -> Option<TokenStream> {
    let Context { core, lints, .. } = cx;
    let buffer = part.buffer;
    if buffer.generic || buffer.stands_in || buffer.element_size.is_some() {
        return None;
    }
    let (name, text) = (&part.field.name, &buffer.element_text);
    let message =
        format!("an element must have a size: a `{text}` has none, so `{name}` would hold no bytes");
    let element = &buffer.element;
    let place = buffer.written.span();
    // As in `limit_check`, the compiler is to point at the element and nowhere else.
    let core = located(core.clone(), Some(place));
    let span = located_at(place);
    Some(quote_spanned! {span=>
        #lints
        const _: () = #core::assert!(#core::mem::size_of::<#element>() != 0, "{}", #message);
    })
}

/// A `max` that has no room for one element is refused as soon as the compiler knows the size of the element. The derive
/// knows those of numbers and arrays, and has judged them.
fn limit_check(cx: &Context<'_>, part: &Part<'_>) -> Option<TokenStream> {
    let buffer = part.buffer;
    let limit = buffer
        .max
        .as_ref()
        .filter(|_| !buffer.generic && !buffer.stands_in && buffer.element_size.is_none())?;
    let message = format!(
        "`max` of `{}` is {}, less than one element, a `{}`",
        part.field.name, limit.text, buffer.element_text
    );
    let element = &buffer.element;
    let bytes = Literal::u64_unsuffixed(limit.bytes);
    let place = limit.at.span();
    // All of it stands at the value, so that the compiler points there and nowhere else.
    let core = located(cx.core.clone(), Some(place));
    let span = located_at(place);
    let lints = &cx.lints;
    Some(quote_spanned! {span=>
        #lints
        const _: () = #core::assert!(#core::mem::size_of::<#element>() as #core::primitive::u64 <= #bytes, "{}", #message);
    })
}

/// The manager goes to other threads, whatever its elements and its backend are.
fn thread_check(cx: &Context<'_>) -> TokenStream {
    let Context { core, generics, lints, .. } = cx;
    let manager = &cx.model.names.manager;
    let (bind, args, clause) = (generics.bind(), generics.args(None), generics.clause());
    quote! {
        const _: () = {
            trait __AnyThread: #core::marker::Send + #core::marker::Sync {}
            #lints
            impl #bind __AnyThread for #manager #args #clause {}
        };
    }
}

fn located_at(span: Span) -> Span {
    Span::call_site().located_at(span)
}
