//! What is known about the struct, in the terms that expansion needs. Nothing is judged here: `check` does that.

use crate::parse::{self, FieldSettings, Mode, Preset, Setting, StructSettings, Tuning};
use crate::sink::Sink;
use crate::size::Size;
use crate::text;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use std::collections::HashSet;
use syn::ext::IdentExt;
use syn::{
    Attribute, Data, DeriveInput, Expr, Fields, GenericArgument, GenericParam, Lifetime, Meta, PathArguments,
    Type,
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
    /// What the struct's own attributes say.
    pub(crate) settings: StructSettings,
    pub(crate) fields: Vec<Field<'a>>,
    /// It is a struct with named fields that can be borrowed, so its values can be read and written down.
    pub(crate) has_fields: bool,
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
    /// What the buffer is called: the field's name without `r#`, or what `name` says.
    pub(crate) name: String,
    pub(crate) ty: &'a Type,
    pub(crate) settings: FieldSettings,
    pub(crate) attrs: &'a [Attribute],
    pub(crate) role: Role<'a>,
}

/// What becomes of a field.
#[allow(clippy::large_enum_variant, reason = "there is one a field, and nearly every one is a buffer")]
pub(crate) enum Role<'a> {
    Buffer(Buffer<'a>),
    /// `skip`: it stays on the host.
    Host,
    /// It has a mistake: nothing is generated for it, and nothing is asked of it.
    Broken,
}

/// A field that is a buffer on the device.
pub(crate) struct Buffer<'a> {
    pub(crate) element: TokenStream,
    /// The same as the user's type. It differs where that can be no element: then another stands in for it, so that what uses the
    /// buffer is not wrong as well.
    pub(crate) written: &'a Type,
    pub(crate) stands_in: bool,
    /// The element type depends on a parameter of the struct.
    pub(crate) generic: bool,
    /// The user's constant that says what the attribute does not.
    pub(crate) config: Option<TokenStream>,
    pub(crate) growth: f64,
    /// Something says the growth, or it is the default of the runtime.
    pub(crate) growth_is_given: bool,
    pub(crate) max: Option<Bound>,
    /// `None` if there is none, or if it is zero.
    pub(crate) min: Option<Bound>,
    pub(crate) asynchronous: bool,
    pub(crate) slots: Option<u8>,
    pub(crate) snapshot: bool,
    /// Whether the address is to stay the same; `None` where nobody says so, or a constant may.
    pub(crate) stable: Option<bool>,
    /// The accessors: the buffer's name, and the same with `_mut`.
    pub(crate) accessor: Ident,
    pub(crate) accessor_mut: Ident,
    /// The element type as documentation shows it.
    pub(crate) element_text: String,
    /// Bytes an element, where the type says it to a reader who knows nothing else.
    pub(crate) element_size: Option<u64>,
}

/// A size that a buffer is held to.
pub(crate) struct Bound {
    pub(crate) bytes: u64,
    /// In the words of the user.
    pub(crate) text: String,
    /// Where it was said.
    pub(crate) at: TokenStream,
    pub(crate) source: Source,
}

/// Who says something about a buffer.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Source {
    Field,
    Preset(&'static str),
    Struct,
}

impl<'a> Model<'a> {
    /// Reads the struct. What is wrong with its shape or its attributes goes to `sink`.
    pub(crate) fn read(input: &'a DeriveInput, sink: &mut Sink) -> Self {
        let settings = parse::container(&input.attrs, sink);
        let root = value(settings.crate_path.as_ref()).cloned().unwrap_or_else(|| quote!(::gpumem));
        let named = named_fields(input, sink);
        let packed = is_packed(input, sink);
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

    /// Whether a value of the struct, or one of its buffers, cannot be written down, which has been reported.
    pub(crate) fn is_broken(&self) -> bool {
        let broken = |role: &Role<'_>| match role {
            Role::Buffer(buffer) => buffer.stands_in,
            Role::Host => false,
            Role::Broken => true,
        };
        !self.has_fields || self.fields.iter().any(|field| broken(&field.role))
    }

    /// The struct's name as generated code: where it is deprecated, the compiler says so to the user's code alone.
    pub(crate) fn struct_name(&self) -> Ident {
        let mut ident = self.input.ident.clone();
        ident.set_span(Span::call_site().located_at(ident.span()));
        ident
    }

    /// What the attributes of the struct and of its fields allow. An expectation is one of the user's own tokens: their copies
    /// are allowed what is expected there.
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

    /// The struct's type inside its own impls.
    pub(crate) fn self_type(&self) -> TokenStream {
        let ident = self.struct_name();
        let (_, args, _) = self.input.generics.split_for_impl();
        quote!(#ident #args)
    }
}

/// Says of a struct that is packed that its fields cannot be borrowed.
fn is_packed(input: &DeriveInput, sink: &mut Sink) -> bool {
    let packed = input.attrs.iter().find(|attr| {
        let list = attr.path().is_ident("repr").then(|| attr.meta.require_list());
        matches!(list, Some(Ok(list)) if words(list.tokens.clone()).contains("packed"))
    });
    if let Some(attr) = packed {
        let message =
            "a `Vec` in a packed struct cannot be borrowed, so it cannot be uploaded: remove `packed`";
        sink.at(&attr.meta, message);
    }
    packed.is_some()
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
    fn read(
        field: &'a syn::Field,
        generics: &syn::Generics,
        defaults: &Tuning,
        sink: &mut Sink,
    ) -> Option<Self> {
        let ident = field.ident.as_ref()?;
        let settings = parse::field(&field.attrs, sink);
        if let Err(error) = field.modifiers.require_empty() {
            sink.push(error);
        }
        let role = match (&settings.skip, element_of(&field.ty)) {
            (Some(_), _) => Role::Host,
            // What else is wrong with it as a buffer does not matter.
            _ if settings.means_skip => Role::Host,
            (None, Some(element)) => {
                Role::Buffer(Buffer::read(ident, element, &settings, defaults, generics))
            }
            (None, None) => Role::Broken,
        };
        Some(Field {
            ident,
            name: value(settings.name.as_ref()).unwrap_or(ident).unraw().to_string(),
            ty: &field.ty,
            settings,
            attrs: &field.attrs,
            role,
        })
    }
}

/// Those of `attrs` that are called `name`, to be carried over.
pub(crate) fn attrs_named(attrs: &[Attribute], name: &str) -> TokenStream {
    attrs.iter().filter(|attr| attr.path().is_ident(name)).map(ToTokens::to_token_stream).collect()
}

impl<'a> Buffer<'a> {
    /// What the field says, then what its preset or its constant says, then what the struct says for all fields.
    fn read(
        ident: &Ident,
        element: &'a Type,
        settings: &FieldSettings,
        defaults: &Tuning,
        generics: &syn::Generics,
    ) -> Self {
        let FieldSettings { tuning, preset, config, .. } = settings;
        let preset = preset.as_ref();
        // A constant says everything, so nothing is left for the struct's defaults to say.
        let none = Tuning::default();
        let defaults = if config.is_some() { &none } else { defaults };
        let preset_value: Option<&'static Preset> = value(preset).copied();
        let growth = value(tuning.growth.as_ref()).copied();
        let growth = growth
            .or(preset_value.map(|preset| preset.growth))
            .or_else(|| value(defaults.growth.as_ref()).copied());
        let mode = value(tuning.asynchronous.as_ref()).copied();
        let mode = mode
            .or(preset_value.map(|preset| Mode { on: preset.asynchronous, ..Mode::default() }))
            .or_else(|| value(defaults.asynchronous.as_ref()).copied())
            .unwrap_or_default();
        let stable = value(tuning.stable.as_ref()).or(value(defaults.stable.as_ref())).copied();
        let preset_max = preset.and_then(|setting| {
            let Preset { name, max: (bytes, text), .. } = *setting.value?;
            let size = Size { bytes, text: text.to_owned() };
            Some(Bound::new(&size, &setting.tokens, Source::Preset(name)))
        });
        let own = |setting| bound(setting, Source::Field);
        let inherited = |setting| bound(setting, Source::Struct);
        // A key whose value is wrong is there all the same: what it hides is not taken instead.
        let max = match &tuning.max {
            Some(_) => own(tuning.max.as_ref()),
            None => preset_max.or_else(|| inherited(defaults.max.as_ref())),
        };
        let min = match &tuning.min {
            Some(_) => own(tuning.min.as_ref()),
            None => inherited(defaults.min.as_ref()),
        };
        // Names made from a field point at it, so that "go to definition" leads there, and resolve as generated code,
        // so that lints leave them alone.
        let ident = value(settings.name.as_ref()).unwrap_or(ident);
        let span = Span::call_site().located_at(ident.span());
        let mut accessor = ident.clone();
        accessor.set_span(span);
        let used = words(element.to_token_stream());
        Buffer {
            element: element.to_token_stream(),
            written: element,
            stands_in: false,
            generic: generics.params.iter().any(|param| used.contains(&param_name(param))),
            config: value(config.as_ref()).cloned(),
            growth: growth.unwrap_or(DEFAULT_GROWTH),
            growth_is_given: growth.is_some(),
            max,
            min: min.filter(|min| min.bytes > 0),
            asynchronous: mode.on,
            slots: mode.slots,
            snapshot: mode.snapshot,
            stable,
            accessor_mut: format_ident!("{}_mut", ident.unraw(), span = span),
            accessor,
            element_text: text::of(element),
            element_size: size_of(element),
        }
    }
}

impl Bound {
    pub(crate) fn new(size: &Size, at: &TokenStream, source: Source) -> Self {
        Bound { bytes: size.bytes, text: size.text.clone(), at: at.clone(), source }
    }
}

fn bound(setting: Option<&Setting<Size>>, source: Source) -> Option<Bound> {
    let setting = setting?;
    setting.value.as_ref().map(|size| Bound::new(size, &setting.tokens, source))
}

/// What a key says, if it is there and could be read.
pub(crate) fn value<T>(setting: Option<&Setting<T>>) -> Option<&T> {
    setting.and_then(|setting| setting.value.as_ref())
}

impl Names {
    fn choose(input: &DeriveInput, root: &TokenStream, settings: &StructSettings) -> Self {
        let struct_name = input.ident.unraw();
        let span = Span::call_site().located_at(input.ident.span());
        let named = |suffix: &str| format_ident!("{struct_name}{suffix}", span = span);
        let mut taken = words(root.clone());
        taken.insert(struct_name.to_string());
        taken.extend(words(input.generics.to_token_stream()));
        taken.extend(words(input.generics.where_clause.to_token_stream()));
        taken.extend([&settings.name, &settings.lens].map(|name| name_of(name.as_ref())));
        if let Data::Struct(data) = &input.data {
            for field in &data.fields {
                taken.extend(words(field.ty.to_token_stream()));
            }
        }
        let manager = value(settings.name.as_ref()).map_or_else(|| named("Buffers"), Clone::clone);
        let lens = value(settings.lens.as_ref()).map_or_else(|| named("Lens"), Clone::clone);
        let lifetime = |name| Lifetime::new(&format!("'{}", free(name, &taken)), Span::call_site());
        Names {
            split: format_ident!("{}Mut", manager.unraw(), span = manager.span()),
            manager,
            lens,
            download: named("Download"),
            frame: named("Frame"),
            backend: Ident::new(&free("B", &taken), Span::call_site()),
            lifetime: lifetime("a"),
            any: lifetime("any"),
        }
    }
}

fn name_of(setting: Option<&Setting<Ident>>) -> String {
    value(setting).map_or_else(String::new, |name| name.unraw().to_string())
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
pub(crate) fn size_of(ty: &Type) -> Option<u64> {
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
