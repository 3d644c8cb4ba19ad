//! The settings that attributes give, as data.

use crate::size::Size;
use proc_macro2::{Ident, TokenStream};

/// A key that was given, with its value if that could be read.
pub(crate) struct Setting<T> {
    pub(crate) key: Ident,
    /// The tokens of the value, as the place of errors that are found later.
    pub(crate) tokens: TokenStream,
    /// `None` if the value was wrong. That has been reported.
    pub(crate) value: Option<T>,
}

/// The value of a key, if the key was given and its value could be read.
pub(crate) fn given<T>(setting: Option<&Setting<T>>) -> Option<&T> {
    setting.and_then(|setting| setting.value.as_ref())
}

/// The value of `async`.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(crate) struct AsyncOptions {
    /// False for `async = false`, which overrides the struct and the preset.
    pub(crate) on: bool,
    pub(crate) slots: Option<u8>,
    pub(crate) snapshot: bool,
}

/// The value of `skip`.
pub(crate) struct Skip {
    /// `skip(default)`: the field's type must have a default, whether the program calls `download` or not.
    pub(crate) default: bool,
}

/// Several values under one name.
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) growth: f64,
    pub(crate) max: (u64, &'static str),
    pub(crate) asynchronous: bool,
}

/// Settings for data that many programs have.
pub(crate) const PRESETS: &[Preset] = &[
    Preset { name: "positions", growth: 1.3, max: (512 << 20, "512 MiB"), asynchronous: true },
    Preset { name: "velocities", growth: 1.3, max: (512 << 20, "512 MiB"), asynchronous: true },
    Preset { name: "edges", growth: 2.0, max: (2 << 30, "2 GiB"), asynchronous: false },
    Preset { name: "grid_cells", growth: 1.5, max: (256 << 20, "256 MiB"), asynchronous: false },
];

/// The keys that a field shares with the struct, which gives the defaults of all fields.
#[derive(Default)]
pub(crate) struct Tuning {
    pub(crate) growth: Option<Setting<f64>>,
    pub(crate) max: Option<Setting<Size>>,
    pub(crate) min: Option<Setting<Size>>,
    pub(crate) asynchronous: Option<Setting<AsyncOptions>>,
    /// False for `stable = false`, which overrides the struct and the constant.
    pub(crate) stable: Option<Setting<bool>>,
}

/// The settings of a field.
#[derive(Default)]
pub(crate) struct FieldSettings {
    pub(crate) tuning: Tuning,
    pub(crate) name: Option<Setting<Ident>>,
    pub(crate) preset: Option<Setting<&'static Preset>>,
    pub(crate) config: Option<Setting<TokenStream>>,
    pub(crate) skip: Option<Setting<Skip>>,
    /// A key of this field is unknown, so its intended settings are unknown too.
    pub(crate) unclear: bool,
    /// The unknown key is probably a misspelt `skip`.
    pub(crate) means_skip: bool,
}

/// The settings of the struct.
#[derive(Default)]
pub(crate) struct StructSettings {
    pub(crate) crate_path: Option<Setting<TokenStream>>,
    pub(crate) name: Option<Setting<Ident>>,
    pub(crate) lengths: Option<Setting<Ident>>,
    pub(crate) label: Option<Setting<String>>,
    pub(crate) limit: Option<Setting<Size>>,
    pub(crate) tuning: Tuning,
}

impl Setting<&'static Preset> {
    /// The settings of the preset. Errors about them point at the preset's name.
    pub(crate) fn tuning(&self) -> Tuning {
        let Some(preset) = self.value else { return Tuning::default() };
        let (bytes, text) = preset.max;
        Tuning {
            growth: Some(self.with(preset.growth)),
            max: Some(self.with(Size { bytes, text: text.to_owned() })),
            asynchronous: Some(
                self.with(AsyncOptions { on: preset.asynchronous, ..AsyncOptions::default() }),
            ),
            ..Tuning::default()
        }
    }

    fn with<T>(&self, value: T) -> Setting<T> {
        Setting { key: self.key.clone(), tokens: self.tokens.clone(), value: Some(value) }
    }
}
