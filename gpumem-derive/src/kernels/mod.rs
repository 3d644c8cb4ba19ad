//! `#[kernels]`: kernels that are declared once, for the host and for a card.
//!
//! ```text
//! parse    the attribute and the module: which functions are kernels, and what each takes
//! check    the kernels against the entries of the PTX: the origin of each parameter, and mistakes
//! expand   the module as it was, and `Kernels<B>` with a method per kernel
//! ```
//!
//! The macro reads the PTX when it runs. The output has an `include_str!` of the file too: with it the
//! compiler runs the macro again after the file has changed, and the program has the text.

mod check;
mod docs;
mod expand;
mod parse;
#[cfg(test)]
mod tests;

use crate::sink::Sink;
use proc_macro2::TokenStream;
use std::path::{Path, PathBuf};

/// The macro. `folder` is that of the source file, if the compiler tells it: editors do not.
pub(crate) fn kernels(options: TokenStream, module: TokenStream, folder: Option<&Path>) -> TokenStream {
    let mut sink = Sink::default();
    let module = match syn::parse2::<parse::Module>(module.clone()) {
        Ok(module) => module,
        Err(error) => {
            // The module as it is, so that code that uses it has no further errors.
            let mut output = error.to_compile_error();
            output.extend(module);
            return output;
        }
    };
    let options = parse::Options::read(options, &mut sink);
    let (module, kernels) = module.into_kernels(&mut sink);
    let checked = check::check(&options, &kernels, folder, &mut sink);
    let mut output = expand::expand(&options, &module, &kernels, &checked);
    output.extend(sink.into_tokens());
    output
}

/// The folder of the file that the macro is called in.
pub(crate) fn folder_of_the_call() -> Option<PathBuf> {
    let file = proc_macro::Span::call_site().local_file()?;
    file.parent().map(Path::to_path_buf)
}
