//! From the model to code. The code holds no logic: it ties the struct's fields to calls of the runtime.

mod docs;
mod download;
mod example;
mod generics;
mod lens;
mod manager;
mod split;
mod traits;

use crate::model::{Buffer, Field, Model, attrs_named};
use generics::Generics;
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
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
    /// The struct's visibility, as generated code: an item that starts with the user's own token counts as the user's, and
    /// lints would speak up about it.
    vis: TokenStream,
    backend: &'a Ident,
    generics: Generics,
    buffers: Vec<Part<'a>>,
    /// What the user allows in the struct, for the copies of its tokens. The output's own tokens need none: where they name
    /// what is deprecated, the compiler does not warn, since a derive wrote them.
    lints: TokenStream,
    /// `#[deprecated]`, if the struct is.
    deprecated: TokenStream,
}

/// A buffer with the fragments that come up again and again.
struct Part<'a> {
    field: &'a Field<'a>,
    buffer: &'a Buffer<'a>,
    /// `Buffer<T, B, Mode>`.
    ty: TokenStream,
    /// `<T as __PlainData>`, through which everything is called that asks something of `T`. One trait, named by the field's
    /// own tokens, makes one error of all the calls for an element that is not plain data: the compiler prints the same
    /// message at the same place once. `Context::import` brings the name into scope.
    plain: TokenStream,
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
        Context {
            model,
            root,
            private: quote!(#root::__private),
            core: quote!(#root::__private::core),
            vis: located(model.input.vis.to_token_stream(), None),
            backend,
            generics: Generics::new(model),
            buffers,
            lints: model.lints(),
            deprecated: attrs_named(&model.input.attrs, "deprecated"),
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

    /// What a function body starts with to call the functions of `Part::plain`: lines stay short, and the user's module is
    /// left as it was.
    fn import(&self) -> Option<TokenStream> {
        let private = &self.private;
        (!self.buffers.is_empty()).then(|| quote!(use #private::PlainData as __PlainData;))
    }

    /// `body`, which reads or writes values of the struct. Where the struct has a mistake, which has been reported, there is none:
    /// the function is there so that calls of it are no further mistakes.
    fn body(&self, body: TokenStream) -> TokenStream {
        let core = &self.core;
        if self.model.is_broken() { quote!(#core::unreachable!()) } else { body }
    }

    /// The names of `parts` with what `value` makes of their accessors.
    fn shown<'p>(
        &self,
        parts: impl Iterator<Item = &'p Part<'a>>,
        value: impl Fn(&Ident) -> TokenStream,
    ) -> Vec<(String, TokenStream)>
    where
        'a: 'p,
    {
        parts.map(|part| (part.field.name.clone(), value(&part.buffer.accessor))).collect()
    }

    /// `Debug` of a generated struct that has its own `args` and shows `fields`, each a name and a value.
    fn debug(&self, name: &Ident, args: &TokenStream, fields: &[(String, TokenStream)]) -> TokenStream {
        let (core, lints, label) = (&self.core, &self.lints, name.to_string());
        let (bind, clause) = (self.generics.bind(), self.generics.clause());
        let fields = fields.iter().map(|(name, value)| quote!((#name, &#value)));
        let private = &self.private;
        quote! {
            #[automatically_derived]
            #lints
            impl #bind #core::fmt::Debug for #name #args #clause {
                fn fmt(&self, __f: &mut #core::fmt::Formatter<'_>) -> #core::fmt::Result {
                    #private::debug(__f, #label, &[#(#fields),*])
                }
            }
        }
    }

    /// A field that uses the parameters, if none of `parts` uses one of them; without it, the struct would not compile. It names the
    /// user's struct, and so may assume what the compiler has found out of that, such as `T: 'a` where there is a `&'a T`.
    fn marker<'p>(&self, parts: impl Iterator<Item = &'p Part<'a>>, extra: &[TokenStream]) -> Marker
    where
        'a: 'p,
    {
        let (core, own) = (&self.core, self.model.self_type());
        let is_unused = self.generics.has_unused(parts.map(|part| part.buffer.element.clone()));
        let mut unused: Vec<_> =
            is_unused.then(|| quote!(#core::marker::PhantomData<#own>)).into_iter().collect();
        unused.extend(extra.iter().cloned());
        if unused.is_empty() {
            return Marker::default();
        }
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
        let element = &buffer.element;
        // A blocking buffer leaves its mode out, as a reader of the documentation would.
        let mode = if buffer.asynchronous { quote!(, #root::Async) } else { TokenStream::new() };
        Part {
            ty: quote!(#root::Buffer<#element, #backend #mode>),
            plain: quote!(<#element as __PlainData>),
            docs: docs::of_field(field),
            deprecated: attrs_named(field.attrs, "deprecated"),
            field,
            buffer,
        }
    }
}

/// The same tokens, resolved and linted as generated code, at `place` or where they stand.
fn located(tokens: TokenStream, place: Option<Span>) -> TokenStream {
    let respan = |mut token: TokenTree| {
        let span = Span::call_site().located_at(place.unwrap_or_else(|| token.span()));
        if let TokenTree::Group(group) = token {
            token = Group::new(group.delimiter(), located(group.stream(), place)).into();
        }
        token.set_span(span);
        token
    };
    tokens.into_iter().map(respan).collect()
}

#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod tests;
