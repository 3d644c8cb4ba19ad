//! Writes the module, with `Kernels<B>`.

use super::assertions;
use super::check::{Checked, CheckedKernel, File, ParamOrigin};
use super::context::{Context, generated, lints};
use super::docs;
use super::header;
use super::options::Options;
use super::params::{Kind, Param};
use super::parse::Module;
use super::signature::Kernel;
use crate::sink::Sink;
use crate::syntax::{as_generated, variables};
use proc_macro2::{Delimiter, Group, Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

pub(super) fn expand(
    options: &Options,
    module: &Module,
    kernels: &[Kernel],
    checked: &Checked,
    sink: Sink,
) -> TokenStream {
    let cx = Context::new(options, kernels);
    let Module { attrs, vis, name, inner, items, .. } = module;
    let docs = docs::of_module(options, kernels, checked);
    let source = source(&cx, options, module, kernels, checked);
    let numbers = cx.is_gated.then(|| numbers(kernels));
    let set = set(&cx, kernels, checked, &docs::of_kernels(options, kernels, checked));
    let header = header::header(&cx, options.lengths, module, kernels);
    let assertions = assertions(&cx, kernels, checked);
    // In the module, so that its own `#[cfg]` holds for them.
    let errors = sink.into_tokens();
    quote! {
        #(#attrs)*
        #vis mod #name {
            #(#inner)*
            #docs
            #items
            #source
            #numbers
            #set
            #header
            #assertions
            #errors
        }
    }
}

/// The constant that the runtime loads the kernels from.
fn source(
    cx: &Context<'_>,
    options: &Options,
    module: &Module,
    kernels: &[Kernel],
    checked: &Checked,
) -> TokenStream {
    let (private, core) = (&cx.private, &cx.core);
    let label = module.plain_name();
    let entries = kernels.iter().zip(&checked.kernels).map(|(kernel, checked)| entry(cx, kernel, checked));
    let entries = quote!(&[#(#entries),*]);
    let Some(ptx) = &options.ptx else {
        return quote!(static __SOURCE: #private::Source = #private::Source::host(#label, #entries););
    };
    let variable = header::VARIABLE;
    // With it the compiler runs the macro again after the variable has changed.
    let tracked =
        quote!(const _: #core::option::Option<&#core::primitive::str> = #core::option_env!(#variable););
    let Some(unsafe_token) = ptx.unsafe_token.as_ref().filter(|_| !options.writes_header) else {
        return quote!(static __SOURCE: #private::Source = #private::Source::host(#label, #entries); #tracked);
    };
    let path = match &checked.file {
        File::Unknown => Some(ptx.written.clone()),
        // The file that was compared, wherever `include_str!` would look for the path.
        File::Read(path) => path.to_str().map(ToTokens::to_token_stream).or(Some(ptx.written.clone())),
        // The compiler would report it once more.
        File::Broken => None,
    };
    let text = path.map_or_else(|| quote!(""), |path| quote!(#core::include_str!(#path)));
    let variables = &ptx.variables;
    // The word and the braces are the user's, so the lint `unsafe_code` reports them.
    let mut block = Group::new(Delimiter::Brace, quote!(#private::Source::ptx(#label, #text, #entries)));
    block.set_span(unsafe_token.span);
    quote! {
        static __SOURCE: #private::Source = #unsafe_token #block;
        #(const _: &#core::primitive::str = #core::env!(#variables);)*
        #tracked
    }
}

fn text_of(name: &Ident) -> String {
    syn::ext::IdentExt::unraw(name).to_string()
}

/// A row of the table.
fn entry(cx: &Context<'_>, kernel: &Kernel, checked: &CheckedKernel) -> TokenStream {
    let (private, core, gate) = (&cx.private, &cx.core, &kernel.gate);
    let (name, has_body) = (kernel.plain_name(), kernel.has_body);
    let origins = checked.origins.iter().map(|origin| match *origin {
        ParamOrigin::Slice(slice) => quote!(#private::ParamOrigin::Slice(#slice)),
        ParamOrigin::Length(slice, 64) => quote!(#private::ParamOrigin::Length64(#slice)),
        ParamOrigin::Length(slice, _) => quote!(#private::ParamOrigin::Length32(#slice)),
        ParamOrigin::Value(value) => quote!(#private::ParamOrigin::Value(#value)),
    });
    let block = match checked.block {
        Some([x, y, z]) => quote!(#core::option::Option::Some((#x, #y, #z))),
        None => quote!(#core::option::Option::None),
    };
    quote!(#gate #private::Entry { name: #name, has_body: #has_body, block: #block, origins: &[#(#origins),*] })
}

/// The numbers of the kernels in the table, for modules in which `#[cfg]` may remove some.
fn numbers(kernels: &[Kernel]) -> TokenStream {
    let variants = kernels.iter().map(|kernel| {
        let (gate, name) = (&kernel.gate, generated(&kernel.name));
        quote!(#gate #name)
    });
    quote! {
        #[allow(non_camel_case_types)]
        enum __Kernel { #(#variants),* }
    }
}

/// The struct with its methods.
fn set(cx: &Context<'_>, kernels: &[Kernel], checked: &Checked, docs: &TokenStream) -> TokenStream {
    let Context { root, private, core, backend, vis, .. } = cx;
    let methods = kernels
        .iter()
        .zip(&checked.kernels)
        .enumerate()
        .map(|(index, (kernel, checked))| method(cx, index, kernel, checked));
    quote! {
        #docs
        #vis struct Kernels<#backend: #root::KernelBackend = #root::Host>(#private::KernelSet<#backend>);

        impl<#backend: #root::KernelBackend> Kernels<#backend> {
            /// Loads the kernels onto a device. They keep it open no longer than a module does.
            ///
            /// # Errors
            ///
            /// `BackendUnavailable` if the driver cannot compile the PTX, with its message;
            /// `KernelRefused` for a kernel that the device does not have.
            #[track_caller]
            #vis fn load(__device: &#root::Device<#backend>) -> #root::Result<Self> {
                #core::result::Result::map(#private::KernelSet::load(__device, &__SOURCE), Self)
            }

            #(#methods)*
        }

        #[automatically_derived]
        impl<#backend: #root::KernelBackend> #core::fmt::Debug for Kernels<#backend> {
            fn fmt(&self, __f: &mut #core::fmt::Formatter<'_>) -> #core::fmt::Result {
                #core::fmt::Debug::fmt(&self.0, __f)
            }
        }
    }
}

fn assertions(cx: &Context<'_>, kernels: &[Kernel], checked: &Checked) -> TokenStream {
    let mut output = TokenStream::new();
    for (kernel, CheckedKernel { assertions, .. }) in kernels.iter().zip(&checked.kernels) {
        let (gate, lints) = (&kernel.gate, lints(&kernel.attrs));
        for (index, param) in kernel.params.iter().enumerate().filter(|_| !kernel.is_broken) {
            let assertions = assertions.get(index).cloned().unwrap_or_default();
            let item = assertions::of_parameter(param, &assertions, &cx.private);
            if !item.is_empty() {
                output.extend(quote!(#gate #lints #item));
            }
        }
    }
    let calls = checked.kernels.iter().flat_map(|kernel| &kernel.assertions);
    if calls.into_iter().any(|assertions| !assertions.is_empty()) {
        output.extend(assertions::function(&cx.core));
    }
    output
}

fn method(cx: &Context<'_>, index: usize, kernel: &Kernel, checked: &CheckedKernel) -> TokenStream {
    let (root, backend) = (cx.root, &cx.backend);
    let (name, vis) = (generated(&kernel.name), as_generated(kernel.vis.to_token_stream(), None));
    let is_copied = |name| ["doc", "deprecated"].iter().any(|copied| name == *copied);
    let attrs = kernel.attrs.iter().filter(|attr| attr.path().get_ident().is_some_and(is_copied));
    let (gate, lints, more) = (&kernel.gate, lints(&kernel.attrs), docs::of_method(kernel, checked));
    let params = kernel.params.iter().map(|param| {
        let (name, ty) = (generated(&param.name), parameter_type(cx, param, kernel.is_broken));
        quote!(#name: #ty)
    });
    let core = &cx.core;
    // The kernel has as many as the PTX has; the receiver and the launch are two more.
    let is_long = kernel.params.len() > 5;
    let many = is_long.then(|| quote!(#[allow(clippy::too_many_arguments)]));
    let body = if kernel.is_broken { quote!(#core::unreachable!()) } else { body(cx, index, kernel) };
    quote! {
        #gate
        #(#attrs)*
        #more
        #lints
        #many
        #[track_caller]
        #vis fn #name(&self, __launch: impl #root::IntoLaunch<#backend>, #(#params),*) -> #root::Result<()> {
            #body
        }
    }
}

fn parameter_type(cx: &Context<'_>, param: &Param, is_broken: bool) -> TokenStream {
    let (root, core, backend) = (cx.root, &cx.core, &cx.backend);
    let (span, element) = (param.ty.span(), param.element());
    match param.kind {
        // Whatever is passed, the mistake is in the declaration.
        _ if is_broken => quote!(impl #core::marker::Sized),
        Kind::Slice { mutable: true } => {
            quote_spanned!(span=> impl #root::KernelSliceMut<#element, #backend>)
        }
        Kind::Slice { mutable: false } => quote_spanned!(span=> impl #root::KernelSlice<#element, #backend>),
        Kind::Value => param.ty.to_token_stream(),
    }
}

fn body(cx: &Context<'_>, index: usize, kernel: &Kernel) -> TokenStream {
    let (private, core) = (&cx.private, &cx.core);
    let (function, number) = (generated(&kernel.name), cx.number(index, kernel));
    let slices: Vec<_> = kernel.slices().map(|param| generated(&param.name)).collect();
    let values = kernel.params.iter().filter(|param| !param.is_slice()).map(|param| {
        let (name, ty) = (generated(&param.name), &param.ty);
        quote!(#private::Value::of::<#ty>(&#name))
    });
    let names = kernel.params.iter().map(|param| generated(&param.name));
    let call = if kernel.has_body {
        quote!(move |(#(#slices,)*)| self::#function(#(#names),*))
    } else {
        quote!(|_| #core::unreachable!())
    };
    let checks = kernel.requires.iter().map(|condition| check(cx, &number, kernel, condition));
    quote! {
        #(#checks)*
        self.0.launch(#number, &__launch, (#(#slices,)*), &[#(#values),*], #call)
    }
}

/// The check of a condition.
fn check(cx: &Context<'_>, number: &TokenStream, kernel: &Kernel, condition: &TokenStream) -> TokenStream {
    let (private, core) = (&cx.private, &cx.core);
    let named = variables(condition.clone());
    // The parameters under the user's own identifiers, so that messages point at the condition.
    let params = kernel.params.iter().filter(|param| named.contains(&text_of(&param.name))).map(|param| {
        let (own, name) = (&param.name, generated(&param.name));
        let value = if param.is_slice() { quote!(#private::Length::of(&#name)) } else { name };
        quote!(let #own = #value;)
    });
    quote! {
        let __holds: #core::primitive::bool = {
            #(#params)*
            #condition
        };
        if !__holds {
            return #core::result::Result::Err(self.0.refused(#number, #core::stringify!(#condition)));
        }
    }
}
