//! What is known about the struct, in the terms that expansion needs. Nothing is judged here: `check` does that.

use crate::parse::{self, FieldSettings};
use crate::sink::Sink;
use crate::size::Size;
use crate::text;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use std::collections::HashSet;
use syn::ext::IdentExt;
use syn::{
    Attribute, Data, DeriveInput, Expr, Fields, GenericArgument, GenericParam, Lifetime, PathArguments, Type,
};

/// A buffer grows by this factor unless it says otherwise. `BufferSpec::new` starts from the same.
pub(crate) const DEFAULT_GROWTH: f64 = 1.5;

/// A struct that derives `GpuBuffers`.
pub(crate) struct Model<'a> {
    pub(crate) input: &'a DeriveInput,
    /// The struct's name as documentation and labels show it.
    pub(crate) name: String,
    /// The path of the crate `gpumem`.
    pub(crate) root: TokenStream,
    pub(crate) names: Names,
    pub(crate) fields: Vec<Field<'a>>,
    /// The fields are those of a struct with named fields, so a value of it can be written down.
    pub(crate) has_named_fields: bool,
}

/// The names of what is generated.
pub(crate) struct Names {
    pub(crate) manager: Ident,
    pub(crate) lens: Ident,
    pub(crate) split: Ident,
    pub(crate) download: Ident,
    pub(crate) frame: Ident,
    /// The type parameter for the backend, which is none of the words in the struct.
    pub(crate) backend: Ident,
    /// The lifetime of a split, which is none of the struct's either.
    pub(crate) lifetime: Lifetime,
    /// A lifetime that means any.
    pub(crate) any: Lifetime,
}

/// A field of the struct.
pub(crate) struct Field<'a> {
    /// As the user wrote it, and where.
    pub(crate) ident: &'a Ident,
    /// Without `r#`.
    pub(crate) name: String,
    pub(crate) ty: &'a Type,
    pub(crate) settings: FieldSettings,
    pub(crate) attrs: &'a [Attribute],
    pub(crate) role: Role<'a>,
}

/// What becomes of a field.
pub(crate) enum Role<'a> {
    Buffer(Buffer<'a>),
    /// `skip`: it stays on the host.
    Host,
    /// It has a mistake: nothing is generated for it, and nothing is asked of it.
    Broken,
}

/// A field that is a buffer on the device.
pub(crate) struct Buffer<'a> {
    pub(crate) element: &'a Type,
    /// The element type depends on a parameter of the struct.
    pub(crate) generic: bool,
    pub(crate) growth: f64,
    pub(crate) max: Option<Size>,
    /// `None` if there is none, or if it is zero.
    pub(crate) min: Option<Size>,
    pub(crate) asynchronous: bool,
    /// The accessors: the field's name, and the same with `_mut`.
    pub(crate) accessor: Ident,
    pub(crate) accessor_mut: Ident,
    /// The element type as documentation shows it.
    pub(crate) element_text: String,
    /// Bytes an element, where the type says it to a reader who knows nothing else.
    pub(crate) element_size: Option<u64>,
}

impl<'a> Model<'a> {
    /// Reads the struct. What is wrong with its shape or its attributes goes to `sink`.
    pub(crate) fn read(input: &'a DeriveInput, sink: &mut Sink) -> Self {
        let settings = parse::container(&input.attrs, sink);
        let root = settings.crate_path.and_then(|setting| setting.value).unwrap_or_else(|| quote!(::gpumem));
        let named = named_fields(input, sink);
        let fields = named.map_or_else(Vec::new, |named| {
            named.named.iter().filter_map(|field| Field::read(field, &input.generics, sink)).collect()
        });
        Model {
            name: input.ident.unraw().to_string(),
            names: Names::choose(input, &root),
            root,
            fields,
            has_named_fields: named.is_some(),
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

    /// The struct's type inside its own impls.
    pub(crate) fn self_type(&self) -> TokenStream {
        let ident = &self.input.ident;
        let (_, args, _) = self.input.generics.split_for_impl();
        quote!(#ident #args)
    }
}

fn named_fields<'a>(input: &'a DeriveInput, sink: &mut Sink) -> Option<&'a syn::FieldsNamed> {
    let write = format!("write `struct {} {{ positions: Vec<[f32; 2]> }}`", input.ident);
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => return Some(named),
            Fields::Unnamed(unnamed) => sink.at(
                &unnamed,
                format!("`GpuBuffers` needs named fields, since accessors take their names: {write}"),
            ),
            Fields::Unit => {
                sink.at(
                    &input.ident,
                    format!("`GpuBuffers` makes a buffer of each field, and there is none: {write}"),
                );
            }
        },
        Data::Enum(data) => sink.at(
            &data.enum_token,
            format!("`GpuBuffers` makes a buffer of each field of a struct, and this is an enum: {write}"),
        ),
        Data::Union(data) => sink.at(
            &data.union_token,
            format!("`GpuBuffers` makes a buffer of each field of a struct, and this is a union: {write}"),
        ),
    }
    None
}

impl<'a> Field<'a> {
    fn read(field: &'a syn::Field, generics: &syn::Generics, sink: &mut Sink) -> Option<Self> {
        let ident = field.ident.as_ref()?;
        let settings = parse::field(&field.attrs, sink);
        if let Err(error) = field.modifiers.require_empty() {
            sink.push(error);
        }
        let role = match (&settings.skip, element_of(&field.ty)) {
            (Some(_), _) => Role::Host,
            (None, Some(element)) => Role::Buffer(Buffer::read(ident, element, &settings, generics)),
            (None, None) => Role::Broken,
        };
        Some(Field {
            ident,
            name: ident.unraw().to_string(),
            ty: &field.ty,
            settings,
            attrs: &field.attrs,
            role,
        })
    }

    /// The field's attributes called `name`, to be carried over.
    pub(crate) fn attrs_named(&self, name: &'static str) -> impl Iterator<Item = &'a Attribute> {
        self.attrs.iter().filter(move |attr| attr.path().is_ident(name))
    }
}

impl<'a> Buffer<'a> {
    fn read(ident: &Ident, element: &'a Type, settings: &FieldSettings, generics: &syn::Generics) -> Self {
        // Names made from a field point at it, so that "go to definition" leads there, and resolve as generated code,
        // so that lints leave them alone.
        let span = Span::call_site().located_at(ident.span());
        let mut accessor = ident.clone();
        accessor.set_span(span);
        let used = words(element.to_token_stream());
        Buffer {
            element,
            generic: generics.params.iter().any(|param| used.contains(&param_name(param))),
            growth: settings.growth.as_ref().and_then(|growth| growth.value).unwrap_or(DEFAULT_GROWTH),
            max: settings.max.as_ref().and_then(|max| max.value.clone()),
            min: settings.min.as_ref().and_then(|min| min.value.clone()).filter(|min| min.bytes > 0),
            asynchronous: settings.asynchronous.is_some(),
            accessor_mut: format_ident!("{}_mut", ident.unraw(), span = span),
            accessor,
            element_text: text::of(element),
            element_size: size_of(element),
        }
    }
}

impl Names {
    fn choose(input: &DeriveInput, root: &TokenStream) -> Self {
        let struct_name = input.ident.unraw();
        let span = Span::call_site().located_at(input.ident.span());
        let named = |suffix: &str| format_ident!("{struct_name}{suffix}", span = span);
        let mut taken = words(root.clone());
        taken.insert(struct_name.to_string());
        taken.extend(words(input.generics.to_token_stream()));
        taken.extend(words(input.generics.where_clause.to_token_stream()));
        if let Data::Struct(data) = &input.data {
            for field in &data.fields {
                taken.extend(words(field.ty.to_token_stream()));
            }
        }
        let lifetime = |name| Lifetime::new(&format!("'{}", free(name, &taken)), Span::call_site());
        Names {
            manager: named("Buffers"),
            lens: named("Lens"),
            split: named("BuffersMut"),
            download: named("Download"),
            frame: named("Frame"),
            backend: Ident::new(&free("B", &taken), Span::call_site()),
            lifetime: lifetime("a"),
            any: lifetime("any"),
        }
    }
}

/// `base`, or the first of `base1`, `base2`, ... that is not taken.
fn free(base: &str, taken: &HashSet<String>) -> String {
    let numbered = (1..).map(|n| format!("{base}{n}"));
    std::iter::once(base.to_owned()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default()
}

/// All identifiers in `tokens`; lifetimes without their tick.
pub(crate) fn words(tokens: TokenStream) -> HashSet<String> {
    let mut found = HashSet::new();
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                found.insert(ident.unraw().to_string());
            }
            TokenTree::Group(group) => found.extend(words(group.stream())),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
    found
}

/// The name of a generic parameter, as `words` would list it.
pub(crate) fn param_name(param: &GenericParam) -> String {
    match param {
        GenericParam::Lifetime(param) => param.lifetime.ident.to_string(),
        GenericParam::Type(param) => param.ident.unraw().to_string(),
        GenericParam::Const(param) => param.ident.unraw().to_string(),
    }
}

/// A type without the parentheses and the invisible groups around it, which macros leave behind.
pub(crate) fn bare(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        }
    }
}

/// `T` of `Vec<T>`, by whatever path `Vec` is named.
fn element_of(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = bare(ty) else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(args) = &last.arguments else { return None };
    match args.args.first()? {
        GenericArgument::Type(element) if last.ident == "Vec" && args.args.len() == 1 => Some(element),
        _ => None,
    }
}

/// Bytes of a type that is made of primitives alone.
fn size_of(ty: &Type) -> Option<u64> {
    match bare(ty) {
        Type::Path(path) => match path.path.get_ident()?.to_string().as_str() {
            "u8" | "i8" => Some(1),
            "u16" | "i16" => Some(2),
            "u32" | "i32" | "f32" => Some(4),
            "u64" | "i64" | "f64" => Some(8),
            "u128" | "i128" => Some(16),
            _ => None,
        },
        Type::Array(array) => {
            let Expr::Lit(len) = &array.len else { return None };
            let syn::Lit::Int(len) = &len.lit else { return None };
            size_of(&array.elem)?.checked_mul(len.base10_parse().ok()?)
        }
        _ => None,
    }
}
