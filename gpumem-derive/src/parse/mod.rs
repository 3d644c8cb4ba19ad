//! From attributes to settings: which keys there are, and what each of them may be given.

mod keys;
mod value;

use self::keys::{ASYNC, FIELD, SKIP, STRUCT, misplaced};
pub(crate) use self::keys::{Place, list};
use crate::attrs::{Entry, Form, entries};
use crate::sink::Sink;
use crate::size::Size;
use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Meta};

/// A key as it was written, with its value where that could be read.
pub(crate) struct Setting<T> {
    pub(crate) key: Ident,
    /// The tokens of the value, for errors that are found later.
    pub(crate) tokens: TokenStream,
    /// `None` where the value was wrong, which has been reported.
    pub(crate) value: Option<T>,
}

/// What `async` says.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(crate) struct Mode {
    /// False for `async = false`, which switches off what the struct or a preset says.
    pub(crate) on: bool,
    pub(crate) slots: Option<u8>,
    pub(crate) snapshot: bool,
}

/// What `skip` says.
pub(crate) struct Skip {
    /// `skip(default)`: the type is to have a default, whether `download` is called or not.
    pub(crate) default: bool,
}

/// A set of values under one name.
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) growth: f64,
    pub(crate) max: (u64, &'static str),
    pub(crate) asynchronous: bool,
}

/// What suits the data that many programs have.
pub(crate) const PRESETS: &[Preset] = &[
    Preset { name: "positions", growth: 1.3, max: (512 << 20, "512 MiB"), asynchronous: true },
    Preset { name: "velocities", growth: 1.3, max: (512 << 20, "512 MiB"), asynchronous: true },
    Preset { name: "edges", growth: 2.0, max: (2 << 30, "2 GiB"), asynchronous: false },
    Preset { name: "grid_cells", growth: 1.5, max: (256 << 20, "256 MiB"), asynchronous: false },
];

/// The keys that a field has in common with the struct, where they are the defaults of all fields.
#[derive(Default)]
pub(crate) struct Tuning {
    pub(crate) growth: Option<Setting<f64>>,
    pub(crate) max: Option<Setting<Size>>,
    pub(crate) min: Option<Setting<Size>>,
    pub(crate) asynchronous: Option<Setting<Mode>>,
    /// False for `stable = false`, which switches off what the struct or a constant says.
    pub(crate) stable: Option<Setting<bool>>,
}

/// What the attributes of a field say.
#[derive(Default)]
pub(crate) struct FieldSettings {
    pub(crate) tuning: Tuning,
    pub(crate) name: Option<Setting<Ident>>,
    pub(crate) preset: Option<Setting<&'static Preset>>,
    pub(crate) config: Option<Setting<TokenStream>>,
    pub(crate) skip: Option<Setting<Skip>>,
    /// A key of this field could not be read, so that nothing is known about what it was to be.
    pub(crate) unclear: bool,
    /// That key was probably meant to be `skip`.
    pub(crate) means_skip: bool,
}

/// What the attributes of the struct say.
#[derive(Default)]
pub(crate) struct StructSettings {
    pub(crate) crate_path: Option<Setting<TokenStream>>,
    pub(crate) name: Option<Setting<Ident>>,
    pub(crate) lens: Option<Setting<Ident>>,
    pub(crate) label: Option<Setting<String>>,
    pub(crate) limit: Option<Setting<Size>>,
    pub(crate) tuning: Tuning,
}

/// Reads the `#[buffer(…)]` attributes of a field.
pub(crate) fn field(attrs: &[Attribute], sink: &mut Sink) -> FieldSettings {
    let mut settings = FieldSettings::default();
    for attr in attrs {
        if attr.path().is_ident("buffers") {
            sink.at(&attr.path(), "`#[buffers(…)]` belongs to the struct: a field takes `#[buffer(…)]`");
        } else if attr.path().is_ident("buffer") {
            for entry in attribute(attr, "buffer", &FIELD, sink) {
                field_entry(entry, &mut settings, sink);
            }
        }
    }
    settings
}

/// Reads the `#[buffers(…)]` attributes of the struct.
pub(crate) fn container(attrs: &[Attribute], sink: &mut Sink) -> StructSettings {
    let mut settings = StructSettings::default();
    for attr in attrs {
        if attr.path().is_ident("buffer") {
            sink.at(&attr.path(), "`#[buffer(…)]` belongs to a field: the struct takes `#[buffers(…)]`");
        } else if attr.path().is_ident("buffers") {
            for entry in attribute(attr, "buffers", &STRUCT, sink) {
                struct_entry(entry, &mut settings, sink);
            }
        }
    }
    settings
}

fn attribute(attr: &Attribute, name: &str, place: &Place, sink: &mut Sink) -> Vec<Entry> {
    match &attr.meta {
        // `#[buffer]` says that the field is a buffer, which it is.
        Meta::Path(_) => Vec::new(),
        Meta::List(list) => entries(list.tokens.to_token_stream(), place.any(), sink),
        Meta::NameValue(pair) => {
            sink.at(&pair.eq_token, format!("expected `(`: write `#[{name}({})]`", place.any()));
            Vec::new()
        }
    }
}

fn field_entry(entry: Entry, settings: &mut FieldSettings, sink: &mut Sink) {
    let name = entry.name();
    let FieldSettings { tuning, skip, unclear, means_skip, .. } = settings;
    match name.as_str() {
        "growth" | "max" | "min" | "async" | "stable" => tuning.entry(entry, &FIELD, sink),
        "name" => store(&mut settings.name, entry, &FIELD, value::ident, sink),
        "preset" => store(&mut settings.preset, entry, &FIELD, value::preset, sink),
        "config" => store(&mut settings.config, entry, &FIELD, value::config, sink),
        "skip" => store_word(skip, entry, sink, skip_value),
        name if misplaced(&entry.key, name, &FIELD, sink) => {}
        name => {
            *unclear = true;
            *means_skip |= FIELD.unknown(&entry, name, sink) == Some("skip");
        }
    }
}

fn struct_entry(entry: Entry, settings: &mut StructSettings, sink: &mut Sink) {
    let name = entry.name();
    match name.as_str() {
        "growth" | "max" | "min" | "async" | "stable" => settings.tuning.entry(entry, &STRUCT, sink),
        "crate" => store(&mut settings.crate_path, entry, &STRUCT, value::crate_path, sink),
        "name" => store(&mut settings.name, entry, &STRUCT, value::ident, sink),
        "lens" => store(&mut settings.lens, entry, &STRUCT, value::ident, sink),
        "label" => store(&mut settings.label, entry, &STRUCT, value::label, sink),
        "limit" => store(&mut settings.limit, entry, &STRUCT, value::limit, sink),
        name if misplaced(&entry.key, name, &STRUCT, sink) => {}
        name => {
            STRUCT.unknown(&entry, name, sink);
        }
    }
}

impl Tuning {
    fn entry(&mut self, entry: Entry, place: &Place, sink: &mut Sink) {
        match entry.name().as_str() {
            "growth" => store(&mut self.growth, entry, place, value::growth, sink),
            "max" => store(&mut self.max, entry, place, value::max, sink),
            "min" => store(&mut self.min, entry, place, value::bytes, sink),
            "stable" => store_word(&mut self.stable, entry, sink, stable_value),
            _ => store_word(&mut self.asynchronous, entry, sink, async_value),
        }
    }
}

/// Stores a key with a value, unless the key is there already.
fn store<T>(
    slot: &mut Option<Setting<T>>,
    entry: Entry,
    place: &Place,
    read: impl FnOnce(&TokenStream) -> Result<T, syn::Error>,
    sink: &mut Sink,
) {
    if is_duplicate(slot.as_ref(), &entry.key, sink) {
        return;
    }
    let name = entry.name();
    let key = entry.key;
    *slot = Some(match entry.form {
        Form::Value(tokens) if !tokens.is_empty() => {
            let value = read(&tokens).map_err(|error| sink.push(error)).ok();
            Setting { key, tokens, value }
        }
        Form::Cut | Form::Unreadable => Setting { tokens: key.to_token_stream(), key, value: None },
        form => {
            let example = place.example(&name);
            let others = match name.as_str() {
                "preset" => format!(", or another of {}", value::presets()),
                _ => String::new(),
            };
            let message = match form {
                Form::List(_) => format!("`{name}` takes its value after `=`: write `{example}`{others}"),
                _ => format!("`{name}` needs a value: write `{example}`{others}"),
            };
            sink.at(&key, message);
            Setting { tokens: key.to_token_stream(), key, value: None }
        }
    });
}

/// Stores a key that may stand alone, unless it is there already. Whatever is wrong behind it, it is there.
fn store_word<T>(
    slot: &mut Option<Setting<T>>,
    entry: Entry,
    sink: &mut Sink,
    read: impl FnOnce(&Entry, &mut Sink) -> T,
) {
    if is_duplicate(slot.as_ref(), &entry.key, sink) {
        return;
    }
    let value = Some(read(&entry, sink));
    *slot = Some(Setting { tokens: entry.key.to_token_stream(), key: entry.key, value });
}

fn async_value(entry: &Entry, sink: &mut Sink) -> Mode {
    let on = Mode { on: true, ..Mode::default() };
    match &entry.form {
        Form::Word | Form::Cut | Form::Unreadable => on,
        Form::Value(tokens) => {
            let rest = "`async` stands alone, or with options, as in `async(slots = 3)`; `async = false` switches it off";
            match value::boolean(tokens) {
                Some(value) => return Mode { on: value, ..Mode::default() },
                None if tokens.is_empty() => sink.at(&entry.key, rest),
                None => sink.at(tokens, rest),
            }
            on
        }
        Form::List(list) => {
            let mut slots = None;
            let mut snapshot = None;
            let options = entries(list.stream(), ASYNC.any(), sink);
            if list.stream().is_empty() {
                sink.at(list, format!("{}: name one, or write `async`", ASYNC.list()));
            }
            for option in options {
                match option.name().as_str() {
                    "slots" => store(&mut slots, option, &ASYNC, value::slots, sink),
                    "snapshot" => store_word(&mut snapshot, option, sink, alone),
                    name => {
                        ASYNC.unknown(&option, name, sink);
                    }
                }
            }
            Mode { slots: slots.and_then(|slots| slots.value), snapshot: snapshot.is_some(), ..on }
        }
    }
}

fn stable_value(entry: &Entry, sink: &mut Sink) -> bool {
    let at: &dyn ToTokens = match &entry.form {
        Form::Word | Form::Cut | Form::Unreadable => return true,
        Form::Value(tokens) => match value::boolean(tokens) {
            Some(value) => return value,
            None if tokens.is_empty() => &entry.key,
            None => tokens,
        },
        Form::List(list) => list,
    };
    sink.at(at, "`stable` is on or off: write `stable`, or `stable = false`");
    true
}

fn skip_value(entry: &Entry, sink: &mut Sink) -> Skip {
    let Form::List(list) = &entry.form else {
        alone(entry, sink);
        return Skip { default: false };
    };
    if list.stream().is_empty() {
        sink.at(list, format!("{}: name it, or write `skip`", SKIP.list()));
    }
    let mut default = None;
    for option in entries(list.stream(), SKIP.any(), sink) {
        match option.name().as_str() {
            "default" => store_word(&mut default, option, sink, alone),
            name => {
                SKIP.unknown(&option, name, sink);
            }
        }
    }
    Skip { default: default.is_some() }
}

/// A key that nothing may stand behind.
fn alone(entry: &Entry, sink: &mut Sink) {
    let name = entry.name();
    let at: &dyn ToTokens = match &entry.form {
        Form::Word | Form::Cut | Form::Unreadable => return,
        Form::Value(tokens) if !tokens.is_empty() => tokens,
        Form::List(list) => list,
        Form::Value(_) => &entry.key,
    };
    sink.at(&at, format!("`{name}` takes no value: write `{name}`, or leave it out"));
}

fn is_duplicate<T>(slot: Option<&Setting<T>>, key: &Ident, sink: &mut Sink) -> bool {
    if slot.is_some() {
        sink.at(&key, format!("`{key}` is given twice: this is the second"));
    }
    slot.is_some()
}

#[cfg(test)]
mod tests;
