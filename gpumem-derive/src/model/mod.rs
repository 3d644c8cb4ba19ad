//! The struct in the terms that expansion needs. Rules between settings are checked later, in `check`.

mod buffer;
mod names;
mod shape;

pub(crate) use self::buffer::{Buffer, Source};
use self::names::Names;
use crate::parse;
use crate::parse::settings::{FieldSettings, StructSettings, Tuning, given};
use crate::sink::Sink;
use crate::syntax::{element_of, generated_at};
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use std::collections::HashSet;
use syn::ext::IdentExt;
use syn::{Attribute, DeriveInput, Generics, Meta, Type, Visibility};

/// A struct that derives `GpuBuffers`.
pub(crate) struct Model<'a> {
    pub(crate) input: &'a DeriveInput,
    /// The struct's name in documentation and labels.
    pub(crate) name: String,
    /// The path of the crate `gpumem`.
    pub(crate) root: TokenStream,
    pub(crate) names: Names,
    /// The settings of the struct's own attributes.
    pub(crate) settings: StructSettings,
    pub(crate) fields: Vec<Field<'a>>,
    /// The input is a struct with named fields that can be borrowed, so the output can read and construct its
    /// values.
    pub(crate) has_fields: bool,
}

/// A field of the struct.
pub(crate) struct Field<'a> {
    /// The user's identifier, with its span.
    pub(crate) ident: &'a Ident,
    /// The name of the buffer: the field's name without `r#`, or the value of `name`.
    pub(crate) name: String,
    pub(crate) vis: &'a Visibility,
    pub(crate) ty: &'a Type,
    pub(crate) settings: FieldSettings,
    pub(crate) attrs: &'a [Attribute],
    pub(crate) role: Role<'a>,
}

/// The use that the output makes of a field.
#[allow(clippy::large_enum_variant, reason = "there is one per field, and nearly every field is a buffer")]
pub(crate) enum Role<'a> {
    Buffer(Buffer<'a>),
    /// `skip`: the field stays on the host.
    Skipped,
    /// The field has a mistake: the output does not use it, and later checks ignore it.
    Broken,
}

impl<'a> Model<'a> {
    /// Reads the struct. Mistakes in its shape and in its attributes go to `sink`.
    pub(crate) fn read(input: &'a DeriveInput, sink: &mut Sink) -> Self {
        let settings = parse::struct_settings(&input.attrs, sink);
        let root = given(settings.crate_path.as_ref()).cloned().unwrap_or_else(|| quote!(::gpumem));
        let named = shape::named_fields(input, sink);
        let packed = shape::is_packed(input, sink);
        let fields = named.map_or_else(Vec::new, |named| {
            let read = |field| Field::read(field, &input.generics, &settings.tuning, sink);
            named.named.iter().filter_map(read).collect()
        });
        Model {
            name: input.ident.unraw().to_string(),
            names: Names::choose(input, &root, &settings),
            root,
            settings,
            fields,
            has_fields: named.is_some() && !packed,
            input,
        }
    }

    /// The fields that are buffers.
    pub(crate) fn buffers(&self) -> impl Iterator<Item = (&Field<'a>, &Buffer<'a>)> {
        self.fields.iter().filter_map(|field| match &field.role {
            Role::Buffer(buffer) => Some((field, buffer)),
            _ => None,
        })
    }

    /// The fields that stay on the host.
    pub(crate) fn skipped(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(|field| matches!(field.role, Role::Skipped))
    }

    /// Whether a mistake keeps the output from constructing a value of the struct or one of its buffers.
    pub(crate) fn is_broken(&self) -> bool {
        let broken = |role: &Role<'_>| match role {
            Role::Buffer(buffer) => buffer.substituted,
            Role::Skipped => false,
            Role::Broken => true,
        };
        !self.has_fields || self.fields.iter().any(|field| broken(&field.role))
    }

    /// The struct's name as generated code. If the struct is deprecated, the compiler does not warn about the
    /// output.
    pub(crate) fn struct_name(&self) -> Ident {
        let mut ident = self.input.ident.clone();
        ident.set_span(generated_at(ident.span()));
        ident
    }

    /// The lints that the attributes of the struct and of its fields allow. An `expect` becomes an `allow`:
    /// the user's own tokens fulfil the expectation, and the copies of them in the output need the permission
    /// only.
    pub(crate) fn lints(&self) -> TokenStream {
        let fields = self.fields.iter().flat_map(|field| field.attrs);
        let mut seen = HashSet::new();
        let mut lints = TokenStream::new();
        for attr in self.input.attrs.iter().chain(fields) {
            let Meta::List(list) = &attr.meta else { continue };
            let allows = ["allow", "expect"].iter().any(|level| list.path.is_ident(level));
            if allows && seen.insert(list.tokens.to_string()) {
                let allowed = &list.tokens;
                lints.extend(quote!(#[allow(#allowed)]));
            }
        }
        lints
    }

    /// The struct's type, with its parameters as arguments.
    pub(crate) fn self_type(&self) -> TokenStream {
        let ident = self.struct_name();
        let (_, args, _) = self.input.generics.split_for_impl();
        quote!(#ident #args)
    }
}

impl<'a> Field<'a> {
    fn read(field: &'a syn::Field, generics: &Generics, defaults: &Tuning, sink: &mut Sink) -> Option<Self> {
        let ident = field.ident.as_ref()?;
        let settings = parse::field_settings(&field.attrs, sink);
        if let Err(error) = field.modifiers.require_empty() {
            sink.push(error);
        }
        let role = match element_of(&field.ty) {
            // After a misspelt `skip`, errors about the field as a buffer would be misleading.
            _ if settings.skip.is_some() || settings.means_skip => Role::Skipped,
            Some(element) => Role::Buffer(Buffer::read(ident, element, &settings, defaults, generics)),
            None => Role::Broken,
        };
        Some(Field {
            ident,
            name: given(settings.name.as_ref()).unwrap_or(ident).unraw().to_string(),
            vis: &field.vis,
            ty: &field.ty,
            settings,
            attrs: &field.attrs,
            role,
        })
    }
}
