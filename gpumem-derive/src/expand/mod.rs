//! From the model to code. The code holds no logic: it ties the struct's fields to calls of the runtime.

mod docs;
mod download;
mod generics;
mod lens;
mod manager;
mod split;
mod traits;

use crate::model::{Buffer, Field, Model};
use generics::Generics;
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};

/// All that the derive generates for a struct.
pub(crate) fn expand(model: &Model<'_>) -> TokenStream {
    let cx = Context::new(model);
    let mut output = manager::expand(&cx);
    output.extend(split::expand(&cx));
    output.extend(lens::expand(&cx));
    output.extend(download::expand(&cx));
    output.extend(traits::expand(&cx));
    output
}

/// The model with the fragments that every part of the output needs. Each path starts from the crate's root, so that
/// nothing depends on what is in scope where the struct stands.
struct Context<'a> {
    model: &'a Model<'a>,
    /// The path of `gpumem`.
    root: &'a TokenStream,
    /// `gpumem::__private`.
    private: TokenStream,
    /// `core`, by way of the runtime.
    core: TokenStream,
    vis: &'a syn::Visibility,
    backend: &'a Ident,
    generics: Generics,
    buffers: Vec<Part<'a>>,
    /// `#[allow(deprecated)]`, if a field is.
    allow: TokenStream,
}

/// A buffer with the fragments that come up again and again.
struct Part<'a> {
    field: &'a Field<'a>,
    buffer: &'a Buffer<'a>,
    /// `Buffer<T, B, Mode>`.
    ty: TokenStream,
    /// The mode as a type.
    mode: TokenStream,
    /// The field's own documentation, or a line that stands for it.
    docs: TokenStream,
    /// `#[deprecated]`, if the field is.
    deprecated: TokenStream,
}

impl<'a> Context<'a> {
    fn new(model: &'a Model<'a>) -> Self {
        let root = &model.root;
        let backend = &model.names.backend;
        let buffers: Vec<Part<'_>> =
            model.buffers().map(|(field, buffer)| Part::new(field, buffer, root, backend)).collect();
        let deprecated = buffers.iter().any(|part| !part.deprecated.is_empty());
        Context {
            model,
            root,
            private: quote!(#root::__private),
            core: quote!(#root::__private::core),
            vis: &model.input.vis,
            backend,
            generics: Generics::new(model),
            buffers,
            allow: if deprecated { quote!(#[allow(deprecated)]) } else { TokenStream::new() },
        }
    }

    /// The parts whose buffers are `async`.
    fn async_parts(&self) -> impl Iterator<Item = &Part<'a>> {
        self.buffers.iter().filter(|part| part.buffer.asynchronous)
    }

    /// The accessors of all buffers, which are also the names of the fields in everything generated.
    fn accessors(&self) -> Vec<&'a Ident> {
        self.buffers.iter().map(|part| &part.buffer.accessor).collect()
    }

    /// A field that uses the parameters which none of `parts` uses; without one, the struct would not compile.
    fn marker<'p>(&self, parts: impl Iterator<Item = &'p Part<'a>>, extra: &[TokenStream]) -> Marker
    where
        'a: 'p,
    {
        let mut unused =
            self.generics.unused(parts.map(|part| part.buffer.element.to_token_stream()), &self.core);
        unused.extend(extra.iter().cloned());
        if unused.is_empty() {
            return Marker::default();
        }
        let core = &self.core;
        // A function that returns them: it takes nothing from `Send` and `Sync`, and it may be unsized.
        let ty = quote!(#core::marker::PhantomData<fn() -> (#(#unused,)*)>);
        Marker { field: quote!(__marker: #ty,), value: quote!(__marker: #core::marker::PhantomData,) }
    }
}

/// A field for unused parameters, in a declaration and in an expression.
#[derive(Default)]
struct Marker {
    field: TokenStream,
    value: TokenStream,
}

impl<'a> Part<'a> {
    fn new(field: &'a Field<'a>, buffer: &'a Buffer<'a>, root: &TokenStream, backend: &Ident) -> Self {
        let element = buffer.element;
        // A blocking buffer leaves its mode out, as a reader of the documentation would.
        let named_mode = if buffer.asynchronous { quote!(, #root::Async) } else { TokenStream::new() };
        let deprecated = field.attrs_named("deprecated");
        Part {
            ty: quote!(#root::Buffer<#element, #backend #named_mode>),
            mode: if buffer.asynchronous { quote!(#root::Async) } else { quote!(#root::Blocking) },
            docs: docs::of_field(field),
            deprecated: quote!(#(#deprecated)*),
            field,
            buffer,
        }
    }
}

#[cfg(test)]
mod tests;
