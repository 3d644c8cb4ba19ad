//! The macros of `gpumem`: the derive of managers, and typed kernels.
//!
//! Depend on `gpumem`, which re-exports it: the generated code calls the runtime of the same version.

mod check;
mod expand;
mod kernels;
mod model;
mod nearest;
mod own_type;
mod parse;
mod ptx;
mod sink;
mod size;
#[cfg(test)]
mod snapshots;
mod syntax;
mod text;

use proc_macro2::TokenStream;

#[doc = include_str!("../pages/gpu_buffers.md")]
#[proc_macro_derive(GpuBuffers, attributes(buffer, buffers))]
pub fn gpu_buffers(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive(input.into()).into()
}

#[doc = include_str!("../pages/kernels.md")]
#[proc_macro_attribute]
pub fn kernels(options: proc_macro::TokenStream, module: proc_macro::TokenStream) -> proc_macro::TokenStream {
    kernels::kernels(options.into(), module.into(), &kernels::folder_of, kernels::writes_header()).into()
}

/// The derive on tokens of `proc_macro2`, which tests can construct.
fn derive(input: TokenStream) -> TokenStream {
    let mut input: syn::DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    own_type::replace_self(&mut input);
    let mut sink = sink::Sink::default();
    let mut model = model::Model::read(&input, &mut sink);
    check::check(&mut model, &mut sink);
    // After a mistake the manager is there too, so that the code that uses it has no further errors.
    let mut output = expand::expand(&model);
    output.extend(sink.into_tokens());
    output
}
