//! Writes the output. The output holds no logic: it connects the fields of the struct with functions of the
//! runtime.

mod assertions;
mod context;
mod docs;
mod download;
mod lengths;
mod manager;
mod params;
mod sets;
mod split;
mod traits;

use self::context::Context;
use crate::model::Model;
use proc_macro2::TokenStream;

/// Everything that the derive generates for a struct.
pub(crate) fn expand(model: &Model<'_>) -> TokenStream {
    let cx = Context::new(model);
    let mut output = manager::expand(&cx);
    output.extend(split::expand(&cx));
    output.extend(lengths::expand(&cx));
    output.extend(download::expand(&cx));
    output.extend(traits::expand(&cx));
    output.extend(sets::expand(&cx));
    output.extend(assertions::expand(&cx));
    output
}

/// The names of the manager's own public methods. No accessor can have one of them.
pub(crate) fn manager_methods() -> impl Iterator<Item = &'static str> {
    manager::methods()
}

/// The names of private methods and fields of generated items. No accessor can have one of them either.
pub(crate) fn private_names() -> impl Iterator<Item = &'static str> {
    manager::PRIVATE.into_iter().chain([context::MARKER])
}

#[cfg(test)]
mod tests;
