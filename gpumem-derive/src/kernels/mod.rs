//! `#[kernels]`: kernels that are declared once, for the host and for a card.
//!
//! ```text
//! options     the attribute: the PTX, and how it takes slices
//! parse       the module: which functions are kernels
//! signature   a kernel; its parameters, in params
//! check       the kernels against the entries of the PTX: the origin of each parameter, and mistakes
//! context     what several generated items need
//! header      the kernels as CUDA C++
//! expand      the module as it was, and `Kernels<B>` with a method per kernel
//! ```
//!
//! The macro reads the PTX when it runs. The output has an `include_str!` of the same file: with it the
//! compiler runs the macro again after the file has changed, and the program has the text.

mod assertions;
mod check;
mod context;
mod docs;
mod expand;
mod header;
mod options;
mod params;
mod parse;
mod signature;
#[cfg(test)]
mod tests;

use crate::sink::Sink;
use proc_macro2::{Span, TokenStream};
use std::path::PathBuf;

/// The macro. `folder_of` gives the folder of the file that a span is in, if the compiler tells it. While a
/// header is written (`writes_header`), the macro reads no PTX.
pub(crate) fn kernels(
    options: TokenStream,
    module: TokenStream,
    folder_of: &dyn Fn(Span) -> Option<PathBuf>,
    writes_header: bool,
) -> TokenStream {
    let mut sink = Sink::default();
    let module = match syn::parse2::<parse::Module>(module.clone()) {
        Ok(module) => module,
        Err(error) => {
            // The item as it is, so that code that uses it has no further errors.
            let mut output = error.to_compile_error();
            output.extend(module);
            return output;
        }
    };
    let options = options::Options { writes_header, ..options::Options::read(options, &mut sink) };
    let (module, kernels) = module.into_kernels(&mut sink);
    let checked = check::check(&options, &kernels, folder_of, &mut sink);
    expand::expand(&options, &module, &kernels, &checked, sink)
}

/// Whether a header is being written: the build was started with the variable.
pub(crate) fn writes_header() -> bool {
    std::env::var_os(header::VARIABLE).is_some()
}

/// The folder of the file that a span is in. Editors do not tell it.
pub(crate) fn folder_of(span: Span) -> Option<PathBuf> {
    let mut folder = span.unwrap().local_file()?;
    folder.pop();
    // The path of a file can be relative to the folder that the compiler runs in.
    Some(std::env::current_dir().ok()?.join(folder))
}
