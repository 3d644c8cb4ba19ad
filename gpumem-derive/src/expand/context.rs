//! The model, together with the fragments of code that several parts of the output need.

use super::params::Params;
use crate::model::{Buffer, Field, Model};
use crate::syntax::{as_generated, attrs_named};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};

/// The model with common fragments. Each path starts at the root of a crate, so the output does not depend on
/// the names in scope at the struct.
pub(super) struct Context<'a> {
    pub(super) model: &'a Model<'a>,
    /// The path of `gpumem`.
    pub(super) root: &'a TokenStream,
    /// `gpumem::__private`.
    pub(super) private: TokenStream,
    /// The crate `core`, through a re-export of the runtime.
    pub(super) core: TokenStream,
    /// The struct's visibility as generated code. An item that begins with a token of the user counts as the
    /// user's code, and lints would report it.
    pub(super) vis: TokenStream,
    pub(super) backend: &'a Ident,
    pub(super) params: Params,
    pub(super) buffers: Vec<Part<'a>>,
    /// The lints that the user allows in the struct, for the copies of the user's tokens. The output's own
    /// tokens need no such attribute: the compiler does not lint the tokens of a derive.
    pub(super) lints: TokenStream,
    /// `#[deprecated]`, if the struct has it.
    pub(super) deprecated: TokenStream,
}

/// A buffer with common fragments.
pub(super) struct Part<'a> {
    pub(super) field: &'a Field<'a>,
    pub(super) buffer: &'a Buffer<'a>,
    /// The field's visibility as generated code: that of its accessors, and of its fields in generated
    /// structs.
    pub(super) vis: TokenStream,
    /// `Buffer<T, B, Mode>`.
    pub(super) ty: TokenStream,
    /// `<T as __PlainData>`, the trait that has all functions about `T`. If an element is not plain data,
    /// each call through the trait is the same error at the same tokens, and the compiler prints that once.
    /// `Context::import` imports the trait.
    pub(super) plain: TokenStream,
    /// `#[deprecated]`, if the field has it.
    pub(super) deprecated: TokenStream,
}

/// The name of the field that uses otherwise unused parameters.
pub(super) const MARKER: &str = "__marker";

/// A field for unused parameters, as a declaration and as an expression. Both are empty if every parameter is
/// used.
#[derive(Default)]
pub(super) struct Marker {
    pub(super) field: TokenStream,
    pub(super) value: TokenStream,
}

impl<'a> Context<'a> {
    pub(super) fn new(model: &'a Model<'a>) -> Self {
        let root = &model.root;
        let backend = &model.names.backend;
        let buffers: Vec<Part<'_>> =
            model.buffers().map(|(field, buffer)| Part::new(field, buffer, root, backend)).collect();
        Context {
            model,
            root,
            private: quote!(#root::__private),
            core: quote!(#root::__private::core),
            vis: as_generated(model.input.vis.to_token_stream(), None),
            backend,
            params: Params::new(model),
            buffers,
            lints: model.lints(),
            deprecated: attrs_named(&model.input.attrs, "deprecated"),
        }
    }

    /// The buffers that are `async`.
    pub(super) fn async_parts(&self) -> impl Iterator<Item = &Part<'a>> {
        self.buffers.iter().filter(|part| part.buffer.asynchronous)
    }

    /// The accessors of all buffers. The fields of the generated structs have the same names.
    pub(super) fn accessors(&self) -> Vec<&'a Ident> {
        self.buffers.iter().map(|part| &part.buffer.accessor).collect()
    }

    /// A local variable for each buffer. A pattern with the name of the buffer itself would mean a constant
    /// of the user's, if one of that name is in scope.
    pub(super) fn locals(&self) -> Vec<Ident> {
        (0..self.buffers.len()).map(|index| format_ident!("__{index}")).collect()
    }

    /// The first statement of a function that calls `Part::plain`. An import inside the function keeps paths
    /// short, and adds no name to the user's module.
    pub(super) fn import(&self) -> Option<TokenStream> {
        let private = &self.private;
        (!self.buffers.is_empty()).then(|| quote!(use #private::PlainData as __PlainData;))
    }

    /// The body of a function that reads or constructs values of the struct. After a mistake in the struct it
    /// is `unreachable!()`: the function exists, so that calls of it are no further errors.
    pub(super) fn body(&self, body: TokenStream) -> TokenStream {
        let core = &self.core;
        if self.model.is_broken() { quote!(#core::unreachable!()) } else { body }
    }

    /// The name of each of `parts`, with the expression that `value` makes of its accessor.
    pub(super) fn shown<'p>(
        &self,
        parts: impl Iterator<Item = &'p Part<'a>>,
        value: impl Fn(&Ident) -> TokenStream,
    ) -> Vec<(String, TokenStream)>
    where
        'a: 'p,
    {
        parts.map(|part| (part.field.name.clone(), value(&part.buffer.accessor))).collect()
    }

    /// The `Debug` impl of a generated struct. `fields` are pairs of a name and a value.
    pub(super) fn debug(
        &self,
        name: &Ident,
        args: &TokenStream,
        fields: &[(String, TokenStream)],
    ) -> TokenStream {
        let (private, label) = (&self.private, name.to_string());
        let fields = fields.iter().map(|(name, value)| quote!((#name, &#value)));
        self.debug_impl(name, args, &quote!(#private::debug(__f, #label, &[#(#fields),*])))
    }

    /// The `Debug` impl of a generated struct, whose body writes to `__f`.
    pub(super) fn debug_impl(&self, name: &Ident, args: &TokenStream, body: &TokenStream) -> TokenStream {
        let (core, lints) = (&self.core, &self.lints);
        let (impl_params, clause) = (self.params.impl_params(), self.params.where_clause());
        quote! {
            #[automatically_derived]
            #lints
            impl #impl_params #core::fmt::Debug for #name #args #clause {
                fn fmt(&self, __f: &mut #core::fmt::Formatter<'_>) -> #core::fmt::Result {
                    #body
                }
            }
        }
    }

    /// A field that uses the parameters of the struct, if there is one that none of `parts` uses: without it,
    /// the generated struct would not compile. Its type names the user's struct, so the bounds that the
    /// compiler infers for that struct hold here too, such as `T: 'a` for a field `&'a T`.
    pub(super) fn marker<'p>(
        &self,
        parts: impl Iterator<Item = &'p Part<'a>>,
        extra: &[TokenStream],
    ) -> Marker
    where
        'a: 'p,
    {
        let (core, own) = (&self.core, self.model.self_type());
        let is_unused = self.params.has_unused(parts.map(|part| part.buffer.element.clone()));
        let mut unused: Vec<_> =
            is_unused.then(|| quote!(#core::marker::PhantomData<#own>)).into_iter().collect();
        unused.extend(extra.iter().cloned());
        if unused.is_empty() {
            return Marker::default();
        }
        // `fn() -> T` is `Send` and `Sync` for every `T`, and `T` may be unsized.
        let ty = quote!(#core::marker::PhantomData<fn() -> (#(#unused,)*)>);
        let name = format_ident!("{MARKER}");
        Marker { field: quote!(#name: #ty,), value: quote!(#name: #core::marker::PhantomData,) }
    }
}

impl<'a> Part<'a> {
    fn new(field: &'a Field<'a>, buffer: &'a Buffer<'a>, root: &TokenStream, backend: &Ident) -> Self {
        let element = &buffer.element;
        // `Blocking` is the default of the parameter. Documentation is shorter without it.
        let mode = if buffer.asynchronous { quote!(, #root::Async) } else { TokenStream::new() };
        Part {
            ty: quote!(#root::Buffer<#element, #backend #mode>),
            plain: quote!(<#element as __PlainData>),
            vis: as_generated(field.vis.to_token_stream(), None),
            deprecated: attrs_named(field.attrs, "deprecated"),
            field,
            buffer,
        }
    }
}

/// The field's name in the user's struct, as generated code. If the field is deprecated, the compiler does
/// not warn about the output.
pub(super) fn user_ident(field: &Field<'_>) -> TokenStream {
    as_generated(field.ident.to_token_stream(), None)
}
