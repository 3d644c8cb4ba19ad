//! The generic parameters of the generated items: those of the struct, and the backend.

use crate::model::Model;
use crate::syntax::{identifiers, param_name};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{GenericParam, WherePredicate};

/// The parameters of the struct, in the forms that the output needs.
pub(super) struct Params {
    lifetimes: Vec<TokenStream>,
    lifetime_args: Vec<TokenStream>,
    /// Types and constants in a declaration: with bounds and defaults.
    declared: Vec<TokenStream>,
    /// The same in a type alias: without bounds, since the compiler does not check them there.
    aliased: Vec<TokenStream>,
    /// The same in an `impl`: without defaults.
    bounded: Vec<TokenStream>,
    args: Vec<TokenStream>,
    /// The names of the parameters that a struct must use.
    must_use: Vec<String>,
    predicates: Vec<TokenStream>,
    backend: TokenStream,
    root: TokenStream,
}

impl Params {
    pub(super) fn new(model: &Model<'_>) -> Self {
        let backend = &model.names.backend;
        let mut params = Params {
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
            params.add(param);
        }
        let user: Option<Vec<&WherePredicate>> =
            model.input.generics.where_clause.as_ref().map(|clause| clause.predicates.iter().collect());
        params.predicates = user.into_iter().flatten().map(ToTokens::to_token_stream).collect();
        // The output adds the bound that the runtime needs, so that the user's struct can have `Pod` as a
        // bound, or none.
        let root = &model.root;
        let mut seen = Vec::new();
        for (_, buffer) in model.buffers().filter(|(_, buffer)| buffer.generic) {
            if !seen.contains(&&buffer.element_text) {
                seen.push(&buffer.element_text);
                let element = &buffer.element;
                params.predicates.push(quote!(#element: #root::Element));
            }
        }
        params
    }

    /// Adds a parameter of the struct.
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

    /// `<'x, 'a, T = f32, B: Backend = Host>`, in a declaration.
    pub(super) fn declaration(&self, lifetime: Option<&syn::Lifetime>) -> TokenStream {
        let Params { lifetimes, declared, backend, root, .. } = self;
        let lifetime = lifetime.into_iter();
        quote!(<#(#lifetime,)* #(#lifetimes,)* #(#declared,)* #backend: #root::Backend = #root::Host>)
    }

    /// `<'a, T = f32, B = Host>`, in a type alias.
    pub(super) fn alias(&self) -> TokenStream {
        let Params { lifetime_args, aliased, backend, root, .. } = self;
        quote!(<#(#lifetime_args,)* #(#aliased,)* #backend = #root::Host>)
    }

    /// `<'a, T, B: Backend>`, after `impl`.
    pub(super) fn impl_params(&self) -> TokenStream {
        let Params { lifetimes, bounded, backend, root, .. } = self;
        quote!(<#(#lifetimes,)* #(#bounded,)* #backend: #root::Backend>)
    }

    /// `<'a, T>`, after an `impl` for a type without a backend.
    pub(super) fn impl_params_of_struct(&self) -> TokenStream {
        let Params { lifetimes, bounded, .. } = self;
        quote!(<#(#lifetimes,)* #(#bounded,)*>)
    }

    /// `<'x, 'a, T, B>`, after the name of a generated type.
    pub(super) fn args(&self, lifetime: Option<TokenStream>) -> TokenStream {
        let Params { lifetime_args, args, backend, .. } = self;
        let lifetime = lifetime.into_iter();
        quote!(<#(#lifetime,)* #(#lifetime_args,)* #(#args,)* #backend>)
    }

    /// The struct's own predicates, and `T: Element` for each generic element.
    pub(super) fn where_clause(&self) -> TokenStream {
        let predicates = &self.predicates;
        if predicates.is_empty() { TokenStream::new() } else { quote!(where #(#predicates,)*) }
    }

    /// Whether there is a parameter that a struct must use and none of `elements` does.
    pub(super) fn has_unused(&self, elements: impl Iterator<Item = TokenStream>) -> bool {
        let used = identifiers(elements.collect());
        self.must_use.iter().any(|name| !used.contains(name))
    }
}
