//! The struct's own side: `impl GpuBuffers`, its constants, and what can be known of them while compiling.

use super::{Context, Part, located};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let Context { root, private, core, backend, generics, allow, .. } = cx;
    let (name, label, manager) = (&cx.model.input.ident, &cx.model.name, &cx.model.names.manager);
    let (_, struct_args, _) = cx.model.input.generics.split_for_impl();
    let (bind, args, clause) = (generics.bind_struct(), generics.args(None), generics.clause());
    let specs = cx.buffers.iter().map(|part| spec(cx, part));
    let marker = cx.marker(cx.buffers.iter(), &[]).value;
    let uploads = cx.buffers.iter().enumerate().map(|(index, part)| {
        let (accessor, ident) = (&part.buffer.accessor, part.field.ident);
        let (plain, index) = (&part.plain, Literal::usize_unsuffixed(index));
        // A field whose `Vec` is another type than the standard one is told so at its type.
        let data = quote_spanned!(located_at(part.field.ty.span())=> &self.#ident);
        quote!(#accessor: #plain::make_from(&set, Self::BUFFERS[#index], #data)?,)
    });
    let import = cx.import();
    let checks = cx.buffers.iter().filter_map(|part| limit_check(cx, part));
    quote! {
        #[automatically_derived]
        #allow
        impl #bind #root::GpuBuffers for #name #struct_args #clause {
            type Manager<#backend: #root::Backend> = #manager #args;

            const BUFFERS: &'static [#root::BufferSpec] = &[#(#specs),*];

            #[track_caller]
            fn upload<#backend: #root::Backend>(
                &self,
                device: &#root::Device<#backend>,
            ) -> #root::Result<Self::Manager<#backend>> {
                #import
                let set = #private::Set::new(device, #label);
                #core::result::Result::Ok(#manager { #(#uploads)* #marker __set: set })
            }
        }

        #(#checks)*
    }
}

/// `BufferSpec::new("positions").element::<[f32; 2]>().growth(1.3)`: what is not said is left to the runtime.
fn spec(cx: &Context<'_>, part: &Part<'_>) -> TokenStream {
    let (root, buffer, name) = (cx.root, part.buffer, &part.field.name);
    let element = buffer.element;
    let growth = part.field.settings.growth.as_ref().and_then(|growth| growth.value).map(|factor| {
        let factor = Literal::f64_unsuffixed(factor);
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
    let mode = buffer.asynchronous.then(|| quote!(.asynchronous()));
    quote!(#root::BufferSpec::new(#name).element::<#element>() #growth #max #min #mode)
}

/// A `max` that has no room for one element is refused as soon as the compiler knows the size of the element. The derive
/// knows those of numbers and arrays, and has judged them.
fn limit_check(cx: &Context<'_>, part: &Part<'_>) -> Option<TokenStream> {
    let buffer = part.buffer;
    let max = part.field.settings.max.as_ref()?;
    let limit = buffer.max.as_ref().filter(|_| !buffer.generic && buffer.element_size.is_none())?;
    let message = format!(
        "`max` of `{}` is {}, less than one element, a `{}`",
        part.field.name, limit.text, buffer.element_text
    );
    let element = buffer.element;
    let bytes = Literal::u64_unsuffixed(limit.bytes);
    // All of it stands at the value, so that the compiler points there and nowhere else.
    let core = located(cx.core.clone(), Some(max.tokens.span()));
    let span = located_at(max.tokens.span());
    Some(quote_spanned! {span=>
        const _: () = #core::assert!(#core::mem::size_of::<#element>() as #core::primitive::u64 <= #bytes, #message);
    })
}

fn located_at(span: Span) -> Span {
    Span::call_site().located_at(span)
}
