//! Writes the module, with `Kernels<B>`.

use super::check::{Checked, CheckedKernel, Slot};
use super::docs;
use super::parse::{Kernel, Kind, Module, Options, Param};
use crate::syntax::as_generated;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

pub(super) fn expand(
    options: &Options,
    module: &Module,
    kernels: &[Kernel],
    checked: &Checked,
) -> TokenStream {
    let Module { attrs, vis, name, inner, .. } = module;
    let (items, root) = (module.items(), &options.root);
    let private = quote!(#root::__private);
    let core = quote!(#root::__private::core);
    let source = source(options, module, kernels, checked, &private);
    let docs = docs::of_kernels(options, kernels, checked);
    let methods = kernels
        .iter()
        .zip(&checked.kernels)
        .enumerate()
        .map(|(index, (kernel, checked))| method(index, kernel, checked, root, &private));
    let assertions = checked.kernels.iter().map(|kernel| &kernel.assertions);
    quote! {
        #(#attrs)*
        #vis mod #name {
            #(#inner)*
            #items

            #source

            #docs
            pub struct Kernels<B: #root::KernelBackend = #root::Host>(#private::KernelSet<B>);

            impl<B: #root::KernelBackend> Kernels<B> {
                /// Loads the kernels onto a device. They keep it open no longer than a module does.
                ///
                /// # Errors
                ///
                /// `BackendUnavailable` if the driver cannot compile the PTX, with its message;
                /// `KernelRefused` for a kernel that the device does not have.
                #[track_caller]
                pub fn load(device: &#root::Device<B>) -> #root::Result<Self> {
                    #core::result::Result::map(#private::KernelSet::load(device, &__SOURCE), Self)
                }

                #(#methods)*
            }

            #[automatically_derived]
            impl<B: #root::KernelBackend> #core::fmt::Debug for Kernels<B> {
                fn fmt(&self, __f: &mut #core::fmt::Formatter<'_>) -> #core::fmt::Result {
                    #core::fmt::Debug::fmt(&self.0, __f)
                }
            }

            #(#assertions)*
        }
    }
}

/// The constant that the runtime loads the kernels from.
fn source(
    options: &Options,
    module: &Module,
    kernels: &[Kernel],
    checked: &Checked,
    private: &TokenStream,
) -> TokenStream {
    let label = module.name.to_string();
    let entries = kernels.iter().zip(&checked.kernels).map(|(kernel, checked)| {
        let (name, has_body) = (kernel.name.to_string(), kernel.has_body);
        let slots = checked.slots.iter().map(|slot| match *slot {
            Slot::Slice(slice) => quote!(#private::Slot::Slice(#slice)),
            Slot::Length(slice, 64) => quote!(#private::Slot::Length64(#slice)),
            Slot::Length(slice, _) => quote!(#private::Slot::Length32(#slice)),
            Slot::Value(value) => quote!(#private::Slot::Value(#value)),
        });
        let block = match checked.block {
            Some([x, y, z]) => quote!(#private::core::option::Option::Some((#x, #y, #z))),
            None => quote!(#private::core::option::Option::None),
        };
        quote!(#private::Entry { name: #name, has_body: #has_body, block: #block, slots: &[#(#slots),*] })
    });
    let entries = quote!(&[#(#entries),*]);
    let made = match &options.ptx {
        None => quote!(#private::Source::host(#label, #entries)),
        Some(ptx) => {
            // After a mistake in the path, the compiler would report it once more.
            let path = &ptx.path;
            let text =
                if checked.has_read { quote!(#private::core::include_str!(#path)) } else { quote!("") };
            // The word is the user's, so the lint `unsafe_code` reports it there.
            let unsafe_token = &ptx.unsafe_token;
            quote!(#unsafe_token { #private::Source::ptx(#label, #text, #entries) })
        }
    };
    quote!(static __SOURCE: #private::Source = #made;)
}

fn method(
    index: usize,
    kernel: &Kernel,
    checked: &CheckedKernel,
    root: &TokenStream,
    private: &TokenStream,
) -> TokenStream {
    let Kernel { name, params, .. } = kernel;
    let vis = as_generated(kernel.vis.to_token_stream(), None);
    let docs: TokenStream = kernel
        .attrs
        .iter()
        .filter(|attr| ["doc", "deprecated", "cfg"].iter().any(|name| attr.path().is_ident(name)))
        .map(ToTokens::to_token_stream)
        .collect();
    let more = docs::of_method(kernel, checked);
    let types = params.iter().map(|param| parameter_type(param, kernel.is_broken, root, private));
    let names: Vec<_> = params.iter().map(|param| &param.name).collect();
    let body =
        if kernel.is_broken { quote!(#private::core::unreachable!()) } else { body(index, kernel, private) };
    quote! {
        #docs
        #more
        #[track_caller]
        #[allow(clippy::too_many_arguments, unused_variables)]
        #vis fn #name(
            &self,
            __launch: impl #root::IntoLaunch<B>,
            #(#names: #types),*
        ) -> #root::Result<()> {
            #body
        }
    }
}

fn parameter_type(param: &Param, is_broken: bool, root: &TokenStream, private: &TokenStream) -> TokenStream {
    let Param { ty, kind, .. } = param;
    let (span, element) = (ty.span(), param.element());
    match kind {
        _ if is_broken => quote!(impl #private::core::marker::Sized),
        Kind::Slice { mutable: true } => quote_spanned!(span=> impl #root::KernelSliceMut<#element, B>),
        Kind::Slice { mutable: false } => quote_spanned!(span=> impl #root::KernelSlice<#element, B>),
        Kind::Value => ty.to_token_stream(),
    }
}

fn body(index: usize, kernel: &Kernel, private: &TokenStream) -> TokenStream {
    let Kernel { name, params, .. } = kernel;
    let is_slice = |param: &&Param| matches!(param.kind, Kind::Slice { .. });
    let slices: Vec<_> = params.iter().filter(is_slice).map(|param| &param.name).collect();
    let values: Vec<_> = params.iter().filter(|param| !is_slice(param)).collect();
    let values = values.iter().map(|param| {
        let name = &param.name;
        quote_spanned!(param.ty.span()=> #private::Value::of(&#name))
    });
    let names = params.iter().map(|param| &param.name);
    let call = if kernel.has_body {
        quote!(move |(#(#slices,)*)| self::#name(#(#names),*))
    } else {
        quote!(|_| #private::core::unreachable!())
    };
    let checks = kernel.requires.iter().map(|condition| {
        quote! {
            let __holds = {
                #(let #slices = #private::Length::of(&#slices);)*
                #condition
            };
            if !__holds {
                return #private::core::result::Result::Err(self.0.refused(#index, #private::core::stringify!(#condition)));
            }
        }
    });
    quote! {
        #(#checks)*
        self.0.launch(#index, &__launch, (#(#slices,)*), &[#(#values),*], #call)
    }
}
