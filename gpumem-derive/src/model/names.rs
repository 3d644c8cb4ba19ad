//! The names of the generated items, parameters and lifetimes.

use crate::parse::settings::{Setting, StructSettings, given};
use crate::syntax::{free, generated_at, identifiers};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident};
use std::collections::HashSet;
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Lifetime};

/// The names of the generated items, and of the parameters that the derive adds.
pub(crate) struct Names {
    pub(crate) manager: Ident,
    pub(crate) lengths: Ident,
    pub(crate) split: Ident,
    pub(crate) download: Ident,
    pub(crate) frame: Ident,
    /// The type parameter of the backend. It differs from every identifier in the struct.
    pub(crate) backend: Ident,
    /// The lifetime of a split. It differs from every lifetime in the struct.
    pub(crate) lifetime: Lifetime,
    /// The lifetime of a `for<'any>`. It differs from every lifetime in the struct too.
    pub(crate) any: Lifetime,
}

impl Names {
    pub(super) fn choose(input: &DeriveInput, root: &TokenStream, settings: &StructSettings) -> Self {
        let struct_name = input.ident.unraw();
        let span = generated_at(input.ident.span());
        let named = |suffix: &str| format_ident!("{struct_name}{suffix}", span = span);
        let chosen = |name: &Option<Setting<Ident>>, suffix| match given(name.as_ref()) {
            Some(name) => name.clone(),
            None => named(suffix),
        };
        let manager = chosen(&settings.name, "Buffers");
        let taken = taken(input, root, settings);
        let lifetime = |name| Lifetime::new(&format!("'{}", free(name, &taken)), Span::call_site());
        Names {
            split: format_ident!("{}Mut", manager.unraw(), span = manager.span()),
            manager,
            lengths: chosen(&settings.lengths, "Lengths"),
            download: named("Download"),
            frame: named("Frame"),
            backend: Ident::new(&free("B", &taken), Span::call_site()),
            lifetime: lifetime("a"),
            any: lifetime("any"),
        }
    }
}

/// All identifiers that the output repeats next to the parameters that the derive adds.
fn taken(input: &DeriveInput, root: &TokenStream, settings: &StructSettings) -> HashSet<String> {
    let mut taken = identifiers(root.clone());
    taken.insert(input.ident.unraw().to_string());
    taken.extend(identifiers(input.generics.to_token_stream()));
    taken.extend(identifiers(input.generics.where_clause.to_token_stream()));
    let chosen = [&settings.name, &settings.lengths].into_iter().filter_map(|name| given(name.as_ref()));
    taken.extend(chosen.map(|name| name.unraw().to_string()));
    if let Data::Struct(data) = &input.data {
        for field in &data.fields {
            taken.extend(identifiers(field.ty.to_token_stream()));
        }
    }
    taken
}
