//! A field that is a buffer: its settings from the field, the preset and the struct, and its element type.

use crate::parse::settings::{FieldSettings, Setting, Tuning, given};
use crate::size::Size;
use crate::syntax::{generated_at, identifiers, param_name, size_from_syntax};
use crate::text;
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt;
use syn::{Generics, Type};

/// The growth factor if no setting gives one. `BufferSpec::new` has the same default.
const DEFAULT_GROWTH: f64 = 1.5;

/// A field that is a buffer on the device.
pub(crate) struct Buffer<'a> {
    /// The element type that the output names.
    pub(crate) element: TokenStream,
    /// The element type that the user wrote. The two differ if the user's type can be no element: a
    /// substitute in the output keeps the code that uses the buffer free of further errors.
    pub(crate) written: &'a Type,
    /// `element` is such a substitute.
    pub(crate) substituted: bool,
    /// The element type depends on a parameter of the struct.
    pub(crate) generic: bool,
    /// The user's constant, which gives the settings that the attribute leaves open.
    pub(crate) config: Option<TokenStream>,
    /// The growth factor: one that a setting gives, or the default of the runtime.
    pub(crate) growth: f64,
    /// A setting gives the growth factor.
    pub(crate) growth_is_given: bool,
    pub(crate) max: Option<SourcedSize>,
    /// `None` also if `min` is zero.
    pub(crate) min: Option<SourcedSize>,
    pub(crate) asynchronous: bool,
    pub(crate) slots: Option<u8>,
    pub(crate) snapshot: bool,
    /// Whether the address stays the same. `None` leaves that to the constant or the runtime.
    pub(crate) stable: Option<bool>,
    /// The accessors: the buffer's name, and the same with `_mut`.
    pub(crate) accessor: Ident,
    pub(crate) accessor_mut: Ident,
    /// The element type in documentation.
    pub(crate) element_text: String,
    /// The size of an element in bytes, if it follows from the syntax of the type.
    pub(crate) element_size: Option<u64>,
}

/// The `min` or `max` of a buffer, and the place where the user gave it.
pub(crate) struct SourcedSize {
    pub(crate) bytes: u64,
    /// The size for messages and documentation.
    pub(crate) text: String,
    /// The tokens of the setting, for errors.
    pub(crate) at: TokenStream,
    pub(crate) source: Source,
}

/// Where a setting comes from.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Source {
    Field,
    Preset(&'static str),
    Struct,
}

impl<'a> Buffer<'a> {
    /// Takes each setting from the first of its layers that gives it: the field, the preset or the constant,
    /// the struct.
    pub(super) fn read(
        ident: &Ident,
        element: &'a Type,
        settings: &FieldSettings,
        defaults: &Tuning,
        generics: &Generics,
    ) -> Self {
        let layers = Layers::of(settings, defaults);
        let growth = layers.value(|tuning| &tuning.growth);
        let options = layers.value(|tuning| &tuning.asynchronous).unwrap_or_default();
        // "Go to definition" on an accessor leads to the field. Lints treat the name as generated code.
        let ident = given(settings.name.as_ref()).unwrap_or(ident);
        let span = generated_at(ident.span());
        let mut accessor = ident.clone();
        accessor.set_span(span);
        let used = identifiers(element.to_token_stream());
        Buffer {
            element: element.to_token_stream(),
            written: element,
            substituted: false,
            generic: generics.params.iter().any(|param| used.contains(&param_name(param))),
            config: given(settings.config.as_ref()).cloned(),
            growth: growth.unwrap_or(DEFAULT_GROWTH),
            growth_is_given: growth.is_some(),
            max: layers.size(|tuning| &tuning.max),
            min: layers.size(|tuning| &tuning.min).filter(|min| min.bytes > 0),
            asynchronous: options.on,
            slots: options.slots,
            snapshot: options.snapshot,
            stable: layers.value(|tuning| &tuning.stable),
            accessor_mut: format_ident!("{}_mut", ident.unraw(), span = span),
            accessor,
            element_text: text::of(element),
            element_size: size_from_syntax(element),
        }
    }
}

/// The sources of a buffer's settings, first the one that overrides the others.
struct Layers<'s> {
    field: &'s Tuning,
    preset: Tuning,
    preset_name: &'static str,
    /// `None` beside a `config`: a constant gives every setting, so the struct's defaults do not apply.
    defaults: Option<&'s Tuning>,
}

impl<'s> Layers<'s> {
    fn of(settings: &'s FieldSettings, defaults: &'s Tuning) -> Self {
        let FieldSettings { tuning, preset, config, .. } = settings;
        Layers {
            field: tuning,
            preset: preset.as_ref().map(Setting::tuning).unwrap_or_default(),
            preset_name: given(preset.as_ref()).map_or("", |preset| preset.name),
            defaults: config.is_none().then_some(defaults),
        }
    }

    fn each(&self) -> impl Iterator<Item = (&Tuning, Source)> {
        let defaults = self.defaults.map(|defaults| (defaults, Source::Struct));
        [(self.field, Source::Field), (&self.preset, Source::Preset(self.preset_name))]
            .into_iter()
            .chain(defaults)
    }

    /// The first value of a key that could be read.
    fn value<T: Copy>(&self, key: impl Fn(&Tuning) -> &Option<Setting<T>>) -> Option<T> {
        self.each().find_map(|(tuning, _)| given(key(tuning).as_ref()).copied())
    }

    /// The size that the first layer with this key gives. If that layer's value is wrong, there is no size:
    /// the size of another layer could contradict the one that the user wanted, which would be a second error
    /// about the same mistake.
    fn size(&self, key: impl Fn(&Tuning) -> &Option<Setting<Size>>) -> Option<SourcedSize> {
        let (setting, source) =
            self.each().find_map(|(tuning, source)| Some((key(tuning).as_ref()?, source)))?;
        let size = setting.value.as_ref()?;
        Some(SourcedSize { bytes: size.bytes, text: size.text.clone(), at: setting.tokens.clone(), source })
    }
}
