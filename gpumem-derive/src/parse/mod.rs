//! Reads attributes: from tokens to settings.

mod entries;
mod keys;
pub(crate) mod settings;
mod value;

use self::entries::{Entry, Form, entries};
use self::keys::{ASYNC, FIELD, Place, SKIP, STRUCT, misplaced};
use self::settings::{AsyncOptions, FieldSettings, Setting, Skip, StructSettings, Tuning};
use crate::sink::Sink;
use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Meta};

/// Reads the `#[buffer(…)]` attributes of a field.
pub(crate) fn field_settings(attrs: &[Attribute], sink: &mut Sink) -> FieldSettings {
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
pub(crate) fn struct_settings(attrs: &[Attribute], sink: &mut Sink) -> StructSettings {
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

/// The entries of an attribute. `name` is the attribute's own name.
fn attribute(attr: &Attribute, name: &str, place: &Place, sink: &mut Sink) -> Vec<Entry> {
    match &attr.meta {
        // `#[buffer]` without keys is valid: each field is a buffer by default.
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
        "skip" => store_flag(skip, entry, sink, skip_value),
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
        "lengths" => store(&mut settings.lengths, entry, &STRUCT, value::ident, sink),
        "label" => store(&mut settings.label, entry, &STRUCT, value::label, sink),
        "limit" => store(&mut settings.limit, entry, &STRUCT, value::limit, sink),
        name if misplaced(&entry.key, name, &STRUCT, sink) => {}
        name => {
            STRUCT.unknown(&entry, name, sink);
        }
    }
}

impl Tuning {
    /// Stores one of the keys that fields and the struct share.
    fn entry(&mut self, entry: Entry, place: &Place, sink: &mut Sink) {
        match entry.name().as_str() {
            "growth" => store(&mut self.growth, entry, place, value::growth, sink),
            "max" => store(&mut self.max, entry, place, value::max, sink),
            "min" => store(&mut self.min, entry, place, value::bytes, sink),
            "stable" => store_flag(&mut self.stable, entry, sink, stable_value),
            _ => store_flag(&mut self.asynchronous, entry, sink, async_value),
        }
    }
}

/// Stores a key that needs a value, and reports a key that is given twice.
fn store<T>(
    stored: &mut Option<Setting<T>>,
    entry: Entry,
    place: &Place,
    read: impl FnOnce(&TokenStream) -> Result<T, syn::Error>,
    sink: &mut Sink,
) {
    if is_duplicate(stored.as_ref(), &entry.key, sink) {
        return;
    }
    let name = entry.name();
    let key = entry.key;
    *stored = Some(match entry.form {
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
                Form::Parenthesized(_) => {
                    format!("`{name}` takes its value after `=`: write `{example}`{others}")
                }
                _ => format!("`{name}` needs a value: write `{example}`{others}"),
            };
            sink.at(&key, message);
            Setting { tokens: key.to_token_stream(), key, value: None }
        }
    });
}

/// Stores a key that needs no value, and reports a key that is given twice. The key counts as given even if
/// the tokens after it are wrong.
fn store_flag<T>(
    stored: &mut Option<Setting<T>>,
    entry: Entry,
    sink: &mut Sink,
    read: impl FnOnce(&Entry, &mut Sink) -> T,
) {
    if is_duplicate(stored.as_ref(), &entry.key, sink) {
        return;
    }
    let value = Some(read(&entry, sink));
    *stored = Some(Setting { tokens: entry.key.to_token_stream(), key: entry.key, value });
}

fn async_value(entry: &Entry, sink: &mut Sink) -> AsyncOptions {
    let on = AsyncOptions { on: true, ..AsyncOptions::default() };
    match &entry.form {
        Form::KeyOnly | Form::Cut | Form::Unreadable => on,
        Form::Value(tokens) => {
            let message = "`async` stands alone, or with options, as in `async(slots = 3)`; `async = false` switches it off";
            match value::boolean(tokens) {
                Some(value) => return AsyncOptions { on: value, ..AsyncOptions::default() },
                None if tokens.is_empty() => sink.at(&entry.key, message),
                None => sink.at(tokens, message),
            }
            on
        }
        Form::Parenthesized(group) => {
            let mut slots = None;
            let mut snapshot = None;
            let options = entries(group.stream(), ASYNC.any(), sink);
            if group.stream().is_empty() {
                sink.at(group, format!("{}: name one, or write `async`", ASYNC.list()));
            }
            for option in options {
                match option.name().as_str() {
                    "slots" => store(&mut slots, option, &ASYNC, value::slots, sink),
                    "snapshot" => store_flag(&mut snapshot, option, sink, no_value),
                    name => {
                        ASYNC.unknown(&option, name, sink);
                    }
                }
            }
            AsyncOptions { slots: slots.and_then(|slots| slots.value), snapshot: snapshot.is_some(), ..on }
        }
    }
}

fn stable_value(entry: &Entry, sink: &mut Sink) -> bool {
    let at: &dyn ToTokens = match &entry.form {
        Form::KeyOnly | Form::Cut | Form::Unreadable => return true,
        Form::Value(tokens) => match value::boolean(tokens) {
            Some(value) => return value,
            None if tokens.is_empty() => &entry.key,
            None => tokens,
        },
        Form::Parenthesized(group) => group,
    };
    sink.at(at, "`stable` is on or off: write `stable`, or `stable = false`");
    true
}

fn skip_value(entry: &Entry, sink: &mut Sink) -> Skip {
    let Form::Parenthesized(group) = &entry.form else {
        no_value(entry, sink);
        return Skip { default: false };
    };
    if group.stream().is_empty() {
        sink.at(group, format!("{}: name it, or write `skip`", SKIP.list()));
    }
    let mut default = None;
    for option in entries(group.stream(), SKIP.any(), sink) {
        match option.name().as_str() {
            "default" => store_flag(&mut default, option, sink, no_value),
            name => {
                SKIP.unknown(&option, name, sink);
            }
        }
    }
    Skip { default: default.is_some() }
}

/// Reports a value or options after a key that takes neither.
fn no_value(entry: &Entry, sink: &mut Sink) {
    let name = entry.name();
    let at: &dyn ToTokens = match &entry.form {
        Form::KeyOnly | Form::Cut | Form::Unreadable => return,
        Form::Value(tokens) if !tokens.is_empty() => tokens,
        Form::Parenthesized(group) => group,
        Form::Value(_) => &entry.key,
    };
    sink.at(&at, format!("`{name}` takes no value: write `{name}`, or leave it out"));
}

/// Reports `key` if it is stored already.
fn is_duplicate<T>(stored: Option<&Setting<T>>, key: &Ident, sink: &mut Sink) -> bool {
    if stored.is_some() {
        sink.at(&key, format!("`{key}` is given twice: this is the second"));
    }
    stored.is_some()
}

#[cfg(test)]
mod tests;
