//! The derive macro of `gpumem`.
//!
//! Depend on `gpumem`, which re-exports it: what is generated calls the runtime of the same version.

mod attrs;
mod check;
mod expand;
mod model;
mod nearest;
mod parse;
mod sink;
mod size;
mod text;

use proc_macro2::TokenStream;

/// Generates a manager of typed GPU buffers for a struct of `Vec`s.
#[proc_macro_derive(GpuBuffers, attributes(buffer, buffers))]
pub fn gpu_buffers(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive(input.into()).into()
}

/// The derive on the tokens of `proc_macro2`, which tests can make.
fn derive(input: TokenStream) -> TokenStream {
    let input: syn::DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut sink = sink::Sink::default();
    let mut model = model::Model::read(&input, &mut sink);
    check::check(&mut model, &mut sink);
    // The manager is written whatever was wrong, so that what uses it is not wrong as well.
    let mut output = expand::expand(&model);
    output.extend(sink.into_tokens());
    output
}
