//! Reads the structs of the module, which the header repeats.

use super::super::params::is_cfg;
use super::types::{Base, CType};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Data, DeriveInput, Expr, Fields, Lit, Member, Meta, Type};

/// A struct whose layout is that of C.
pub(super) struct Struct {
    pub(super) attrs: Vec<Attribute>,
    pub(super) name: Ident,
    /// Whether it asks for an alignment of its own.
    pub(super) is_aligned: bool,
    pub(super) fields: Vec<Field>,
}

pub(super) struct Field {
    pub(super) attrs: Vec<Attribute>,
    pub(super) member: Member,
    pub(super) ty: Type,
}

impl Struct {
    /// Reads an item of the module. `None` if it is no struct, or one that C++ cannot repeat.
    pub(super) fn read(item: &TokenStream) -> Option<Self> {
        let has_layout = |token: TokenTree| matches!(&token, TokenTree::Group(group) if group.stream().to_string().starts_with("repr"));
        // A short look: most items are no such struct.
        if !item.clone().into_iter().any(has_layout) {
            return None;
        }
        let DeriveInput { attrs, ident: name, generics, data, .. } = syn::parse2(item.clone()).ok()?;
        let Data::Struct(data) = data else { return None };
        let words = layout(&attrs);
        let has = |word: &str| words.iter().any(|known| known == word);
        let is_of_c = (has("C") || has("transparent")) && !has("packed");
        let fields: Vec<_> = fields(data.fields).collect();
        let can_repeat = fields.iter().all(|field| CType::of(&field.ty).is_some());
        let is_plain = generics.params.is_empty() && !fields.is_empty();
        let is_aligned = has("align");
        (is_of_c && is_plain && can_repeat).then_some(Self { attrs, name, is_aligned, fields })
    }

    /// The types of its fields, without arrays.
    pub(super) fn types(&self) -> impl Iterator<Item = &Type> {
        self.fields.iter().filter_map(|field| match CType::of(&field.ty)?.base {
            Base::Named(ty, _) => Some(ty),
            Base::Number(_) => None,
        })
    }
}

/// The words of `#[repr(..)]`.
fn layout(attrs: &[Attribute]) -> Vec<String> {
    let mut words = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("repr")) {
        let list = attr.meta.require_list().map(|list| list.tokens.clone()).unwrap_or_default();
        words.extend(list.into_iter().map(|token| token.to_string()));
    }
    words
}

fn fields(fields: Fields) -> impl Iterator<Item = Field> {
    fields.into_iter().enumerate().map(|(index, field)| Field {
        attrs: field.attrs,
        member: field.ident.map_or_else(|| Member::from(index), Member::from),
        ty: field.ty,
    })
}

/// The attributes that may remove an item.
pub(super) fn gate(attrs: &[Attribute]) -> TokenStream {
    attrs.iter().filter(|attr| is_cfg(attr)).map(ToTokens::to_token_stream).collect()
}

/// The lines of the documentation.
pub(super) fn documentation(attrs: &[Attribute]) -> Vec<String> {
    let mut lines = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("doc")) {
        if let Meta::NameValue(doc) = &attr.meta
            && let Expr::Lit(literal) = &doc.value
            && let Lit::Str(text) = &literal.lit
        {
            // An empty line is one too.
            lines.extend(text.value().trim_end_matches('\n').split('\n').map(str::to_owned));
        }
    }
    lines
}
