//! The struct's parameters, with those that the generated items add: declared, used, and bounded.

use crate::model::{Model, param_name, words};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{GenericParam, WherePredicate};

/// The parameters of the struct, taken apart.
pub(super) struct Generics {
    lifetimes: Vec<TokenStream>,
    lifetime_args: Vec<TokenStream>,
    /// Types and constants, as a declaration with defaults takes them.
    declared: Vec<TokenStream>,
    /// The same for an alias, in which bounds mean nothing.
    aliased: Vec<TokenStream>,
    /// The same for an `impl`.
    bounded: Vec<TokenStream>,
    args: Vec<TokenStream>,
    /// The parameters that a struct must use.
    must_use: Vec<String>,
    predicates: Vec<TokenStream>,
    backend: TokenStream,
    root: TokenStream,
}

impl Generics {
    pub(super) fn new(model: &Model<'_>) -> Self {
        let backend = &model.names.backend;
        let mut generics = Generics {
            lifetimes: Vec::new(),
            lifetime_args: Vec::new(),
            declared: Vec::new(),
            aliased: Vec::new(),
            bounded: Vec::new(),
            args: Vec::new(),
            must_use: Vec::new(),
            predicates: Vec::new(),
            backend: backend.to_token_stream(),
            root: model.root.clone(),
        };
        for param in &model.input.generics.params {
            generics.add(param);
        }
        let user: Option<Vec<&WherePredicate>> =
            model.input.generics.where_clause.as_ref().map(|clause| clause.predicates.iter().collect());
        generics.predicates = user.into_iter().flatten().map(ToTokens::to_token_stream).collect();
        // What a device needs of an element is asked here, so that the user's struct may ask for `Pod` alone, or for
        // nothing.
        let root = &model.root;
        let mut seen = Vec::new();
        for (_, buffer) in model.buffers().filter(|(_, buffer)| buffer.generic) {
            if !seen.contains(&&buffer.element_text) {
                seen.push(&buffer.element_text);
                let element = &buffer.element;
                generics.predicates.push(quote!(#element: #root::Element));
            }
        }
        generics
    }

    fn add(&mut self, param: &GenericParam) {
        let name = param_name(param);
        match param {
            GenericParam::Lifetime(param) => {
                let lifetime = &param.lifetime;
                let bounds = (!param.bounds.is_empty()).then(|| {
                    let bounds = &param.bounds;
                    quote!(: #bounds)
                });
                self.lifetimes.push(quote!(#lifetime #bounds));
                self.lifetime_args.push(quote!(#lifetime));
                self.must_use.push(name);
            }
            GenericParam::Type(param) => {
                let ident = &param.ident;
                let bounds = (!param.bounds.is_empty()).then(|| {
                    let bounds = &param.bounds;
                    quote!(: #bounds)
                });
                let default = param.default.as_ref().map(|(equals, default)| quote!(#equals #default));
                self.declared.push(quote!(#ident #bounds #default));
                self.aliased.push(quote!(#ident #default));
                self.bounded.push(quote!(#ident #bounds));
                self.args.push(quote!(#ident));
                self.must_use.push(name);
            }
            GenericParam::Const(param) => {
                let (ident, ty) = (&param.ident, &param.ty);
                let default = param.default.as_ref().map(|(equals, default)| quote!(#equals #default));
                self.declared.push(quote!(const #ident: #ty #default));
                self.aliased.push(quote!(const #ident: #ty #default));
                self.bounded.push(quote!(const #ident: #ty));
                self.args.push(quote!(#ident));
            }
        }
    }

    /// `<'x, 'a, T = f32, B: Backend = Host>`, for a declaration.
    pub(super) fn declare(&self, lifetime: Option<&syn::Lifetime>) -> TokenStream {
        let Generics { lifetimes, declared, backend, root, .. } = self;
        let lifetime = lifetime.into_iter();
        quote!(<#(#lifetime,)* #(#lifetimes,)* #(#declared,)* #backend: #root::Backend = #root::Host>)
    }

    /// `<'a, T = f32, B = Host>`, for an alias.
    pub(super) fn alias(&self) -> TokenStream {
        let Generics { lifetime_args, aliased, backend, root, .. } = self;
        quote!(<#(#lifetime_args,)* #(#aliased,)* #backend = #root::Host>)
    }

    /// `<'a, T, B: Backend>`, behind `impl`.
    pub(super) fn bind(&self) -> TokenStream {
        let Generics { lifetimes, bounded, backend, root, .. } = self;
        quote!(<#(#lifetimes,)* #(#bounded,)* #backend: #root::Backend>)
    }

    /// `<'a, T>`, behind the `impl` of something that has no backend.
    pub(super) fn bind_struct(&self) -> TokenStream {
        let Generics { lifetimes, bounded, .. } = self;
        quote!(<#(#lifetimes,)* #(#bounded,)*>)
    }

    /// `<'x, 'a, T, B>`, behind the name of a generated type.
    pub(super) fn args(&self, lifetime: Option<TokenStream>) -> TokenStream {
        let Generics { lifetime_args, args, backend, .. } = self;
        let lifetime = lifetime.into_iter();
        quote!(<#(#lifetime,)* #(#lifetime_args,)* #(#args,)* #backend>)
    }

    /// The struct's own predicates, and what its elements must be.
    pub(super) fn clause(&self) -> TokenStream {
        let predicates = &self.predicates;
        if predicates.is_empty() { TokenStream::new() } else { quote!(where #(#predicates,)*) }
    }

    /// Whether there is a parameter that none of `elements` uses.
    pub(super) fn has_unused(&self, elements: impl Iterator<Item = TokenStream>) -> bool {
        let used = words(elements.collect());
        self.must_use.iter().any(|name| !used.contains(name))
    }
}
