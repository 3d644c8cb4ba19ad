//! From attributes to settings: which keys there are, and what each of them may be given.

use crate::attrs::{Entry, Form, entries};
use crate::nearest::nearest;
use crate::sink::Sink;
use crate::size::{self, Size};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Attribute, Lit, Meta};

/// What a field may say today.
const FIELD_KEYS: &[&str] = &["growth", "max", "min", "async", "skip"];
/// What a field will be able to say. Each is refused by name until the runtime keeps what it promises.
const PLANNED_FIELD_KEYS: &[&str] = &["stable", "name", "preset", "config"];
/// What a struct may say today.
const STRUCT_KEYS: &[&str] = &["crate"];
/// What a struct will be able to say.
const PLANNED_STRUCT_KEYS: &[&str] = &["name", "lens", "growth", "max", "min", "async", "limit", "label"];

/// The largest growth factor: beyond it one element more would take a buffer to many times what it holds.
const LARGEST_GROWTH: f64 = 8.0;

/// A key as it was written, with its value where that could be read.
pub(crate) struct Setting<T> {
    pub(crate) key: Ident,
    /// The tokens of the value, for errors that are found later.
    pub(crate) tokens: TokenStream,
    /// `None` where the value was wrong, which has been reported.
    pub(crate) value: Option<T>,
}

/// A key without a value.
pub(crate) struct Flag;

/// What the attributes of a field say.
#[derive(Default)]
pub(crate) struct FieldSettings {
    pub(crate) growth: Option<Setting<f64>>,
    pub(crate) max: Option<Setting<Size>>,
    pub(crate) min: Option<Setting<Size>>,
    pub(crate) asynchronous: Option<Setting<Flag>>,
    pub(crate) skip: Option<Setting<Flag>>,
    /// A key of this field could not be read, so that nothing is known about what it was to be.
    pub(crate) unclear: bool,
}

/// What the attributes of the struct say.
#[derive(Default)]
pub(crate) struct StructSettings {
    pub(crate) crate_path: Option<Setting<TokenStream>>,
}

/// Reads the `#[buffer(…)]` attributes of a field.
pub(crate) fn field(attrs: &[Attribute], sink: &mut Sink) -> FieldSettings {
    let mut settings = FieldSettings::default();
    for attr in attrs {
        if attr.path().is_ident("buffers") {
            sink.at(&attr.path(), "`#[buffers(…)]` belongs to the struct: a field takes `#[buffer(…)]`");
        } else if attr.path().is_ident("buffer") {
            for entry in attribute(attr, "buffer", "growth = 1.5", sink) {
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
            for entry in attribute(attr, "buffers", "crate = ::gpumem", sink) {
                struct_entry(entry, &mut settings, sink);
            }
        }
    }
    settings
}

fn attribute(attr: &Attribute, name: &str, example: &str, sink: &mut Sink) -> Vec<Entry> {
    match &attr.meta {
        // `#[buffer]` says that the field is a buffer, which it is.
        Meta::Path(_) => Vec::new(),
        Meta::List(list) => entries(list.tokens.to_token_stream(), example, sink),
        Meta::NameValue(pair) => {
            sink.at(&pair.eq_token, format!("expected `(`: write `#[{name}({example})]`"));
            Vec::new()
        }
    }
}

fn field_entry(entry: Entry, settings: &mut FieldSettings, sink: &mut Sink) {
    match entry.name().as_str() {
        "growth" => store(&mut settings.growth, entry, "growth = 1.5", growth, sink),
        "max" => store(&mut settings.max, entry, "max = \"512MiB\"", max, sink),
        "min" => store(&mut settings.min, entry, "min = \"4KiB\"", bytes, sink),
        "async" => match entry.form {
            Form::List(options) => {
                sink.at(&options, "options of `async` are not supported yet: write `async`");
                settings.asynchronous.get_or_insert_with(|| flag_setting(entry.key));
            }
            _ => store_flag(&mut settings.asynchronous, entry, sink),
        },
        "skip" => match entry.form {
            Form::List(options) => {
                sink.at(
                    &options,
                    "options of `skip` are not supported yet: write `skip`, which fills the field with its default",
                );
                settings.skip.get_or_insert_with(|| flag_setting(entry.key));
            }
            _ => store_flag(&mut settings.skip, entry, sink),
        },
        "crate" => {
            sink.at(&entry.key, "`crate` belongs to the struct: write `#[buffers(crate = path)]` above it");
        }
        name if PLANNED_FIELD_KEYS.contains(&name) => {
            sink.at(&entry.key, format!("`{name}` is not supported yet"));
        }
        name => {
            settings.unclear = true;
            unknown(name, &entry.key, "a buffer takes", FIELD_KEYS, sink);
        }
    }
}

fn struct_entry(entry: Entry, settings: &mut StructSettings, sink: &mut Sink) {
    match entry.name().as_str() {
        "crate" => store(&mut settings.crate_path, entry, "crate = ::gpumem", crate_path, sink),
        name if PLANNED_STRUCT_KEYS.contains(&name) => {
            let for_now = match name {
                "growth" | "max" | "min" | "async" => ": write it on each field that needs it",
                _ => "",
            };
            sink.at(&entry.key, format!("`{name}` for a whole struct is not supported yet{for_now}"));
        }
        name if FIELD_KEYS.contains(&name) || PLANNED_FIELD_KEYS.contains(&name) => {
            sink.at(&entry.key, format!("`{name}` belongs to a field: write `#[buffer({name})]` above it"));
        }
        name => unknown(name, &entry.key, "a struct takes", STRUCT_KEYS, sink),
    }
}

fn unknown(name: &str, key: &Ident, takes: &str, keys: &[&str], sink: &mut Sink) {
    match nearest(name, keys) {
        Some(meant) => sink.at(&key, format!("unknown key `{name}`: did you mean `{meant}`?")),
        None => sink.at(&key, format!("unknown key `{name}`: {takes} {}", list(keys))),
    }
}

/// `` `a`, `b` and `c` ``.
pub(crate) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// Stores a key with a value, unless the key is there already.
fn store<T>(
    slot: &mut Option<Setting<T>>,
    entry: Entry,
    example: &str,
    read: impl FnOnce(&TokenStream) -> Result<T, syn::Error>,
    sink: &mut Sink,
) {
    if is_duplicate(slot.as_ref(), &entry.key, sink) {
        return;
    }
    let key = entry.key;
    *slot = Some(match entry.form {
        Form::Value(tokens) if !tokens.is_empty() => {
            let value = read(&tokens).map_err(|error| sink.push(error)).ok();
            Setting { key, tokens, value }
        }
        Form::Unreadable => Setting { tokens: key.to_token_stream(), key, value: None },
        form => {
            let name = example.split(' ').next().unwrap_or_default();
            let message = match form {
                Form::List(_) => format!("`{name}` takes its value after `=`: write `{example}`"),
                _ => format!("`{name}` needs a value: write `{example}`"),
            };
            sink.at(&key, message);
            Setting { tokens: key.to_token_stream(), key, value: None }
        }
    });
}

fn store_flag(slot: &mut Option<Setting<Flag>>, entry: Entry, sink: &mut Sink) {
    if is_duplicate(slot.as_ref(), &entry.key, sink) {
        return;
    }
    if let Form::Value(tokens) = &entry.form {
        let name = entry.name();
        let message = format!("`{name}` takes no value: write `{name}`, or leave it out");
        if tokens.is_empty() { sink.at(&entry.key, message) } else { sink.at(&tokens, message) }
    }
    *slot = Some(flag_setting(entry.key));
}

fn flag_setting(key: Ident) -> Setting<Flag> {
    Setting { tokens: key.to_token_stream(), key, value: Some(Flag) }
}

fn is_duplicate<T>(slot: Option<&Setting<T>>, key: &Ident, sink: &mut Sink) -> bool {
    if slot.is_some() {
        sink.at(&key, format!("`{key}` is given twice: this is the second"));
    }
    slot.is_some()
}

/// What stands behind a `=`.
enum Value {
    Literal(Lit),
    Negative,
    Other,
}

fn literal(tokens: &TokenStream) -> Value {
    match tokens.clone().into_iter().next() {
        Some(TokenTree::Punct(minus)) if minus.as_char() == '-' => Value::Negative,
        _ => syn::parse2(tokens.clone()).map_or(Value::Other, Value::Literal),
    }
}

fn growth(tokens: &TokenStream) -> Result<f64, syn::Error> {
    let wrong = |message: String| Err(syn::Error::new_spanned(tokens, message));
    let factor: f64 = match literal(tokens) {
        Value::Literal(Lit::Float(lit)) if lit.suffix().is_empty() => lit.base10_parse()?,
        Value::Literal(Lit::Int(lit)) if lit.suffix().is_empty() => lit.base10_parse()?,
        Value::Literal(Lit::Float(lit)) => return wrong(without_suffix(lit.suffix(), lit.base10_digits())),
        Value::Literal(Lit::Int(lit)) => return wrong(without_suffix(lit.suffix(), lit.base10_digits())),
        Value::Literal(Lit::Str(lit)) => {
            return match lit.value().trim().parse::<f64>() {
                Ok(_) => wrong(format!("write the factor without quotes: `growth = {}`", lit.value().trim())),
                Err(_) => wrong("expected a number greater than 1, such as `growth = 1.5`".to_owned()),
            };
        }
        // Where below 1 it lies does not matter.
        Value::Negative => 0.0,
        Value::Literal(_) | Value::Other => {
            return wrong("expected a number greater than 1, such as `growth = 1.5`".to_owned());
        }
    };
    if factor <= 1.0 {
        return wrong(
            "a growth factor must be greater than 1: a full buffer is made this many times larger".to_owned(),
        );
    }
    if factor > LARGEST_GROWTH {
        let meant = point_forgotten(factor);
        let range = format!("a growth factor is at most {LARGEST_GROWTH}");
        return wrong(match meant {
            Some(meant) => format!("{range}: did you mean `{meant}`?"),
            None => format!("{range}: a full buffer is made this many times larger"),
        });
    }
    Ok(factor)
}

fn without_suffix(suffix: &str, digits: &str) -> String {
    format!("write the factor without `{suffix}`: `growth = {digits}`")
}

/// What `13` or `150` would be with the point that was left out: 1.3, 1.5.
fn point_forgotten(factor: f64) -> Option<f64> {
    if factor.fract() != 0.0 || factor >= 1000.0 {
        return None;
    }
    let meant = if factor >= 100.0 { factor / 100.0 } else { factor / 10.0 };
    (meant > 1.0 && meant <= LARGEST_GROWTH).then_some(meant)
}

fn bytes(tokens: &TokenStream) -> Result<Size, syn::Error> {
    let wrong = |message: String| Err(syn::Error::new_spanned(tokens, message));
    let in_quotes = |text: String| format!("write the size in quotes: `\"{text}\"`");
    match literal(tokens) {
        Value::Literal(Lit::Str(lit)) => size::parse(&lit.value()).or_else(wrong),
        Value::Literal(Lit::Int(lit)) if lit.suffix().is_empty() => lit
            .base10_parse()
            .map(Size::of_bytes)
            .or_else(|_| wrong(format!("`{lit}` bytes are too many: a size is less than 16 EiB"))),
        // `512MiB` without quotes is one token to Rust: a number with a suffix.
        Value::Literal(Lit::Int(lit)) => wrong(in_quotes(lit.to_string())),
        Value::Literal(Lit::Float(lit)) if lit.suffix().is_empty() => {
            wrong(format!("a number of bytes is whole: write \"{lit}MiB\" or \"{lit}GiB\", in quotes"))
        }
        Value::Literal(Lit::Float(lit)) => wrong(in_quotes(lit.to_string())),
        Value::Negative => wrong("a size cannot be negative".to_owned()),
        Value::Literal(_) | Value::Other => {
            wrong("expected a size, such as `\"512MiB\"`, or a number of bytes".to_owned())
        }
    }
}

fn max(tokens: &TokenStream) -> Result<Size, syn::Error> {
    let size = bytes(tokens)?;
    if size.bytes == 0 {
        let message = "a `max` of zero leaves no room for an element: leave it out for no limit";
        return Err(syn::Error::new_spanned(tokens, message));
    }
    Ok(size)
}

fn crate_path(tokens: &TokenStream) -> Result<TokenStream, syn::Error> {
    // Serde and others take this path as a string; here it is a path, so that the compiler can point into it.
    if let Value::Literal(Lit::Str(lit)) = literal(tokens) {
        return Err(syn::Error::new(
            lit.span(),
            format!("write the path without quotes: `crate = {}`", lit.value()),
        ));
    }
    match syn::parse::Parser::parse2(syn::Path::parse_mod_style, tokens.clone()) {
        Ok(path) => Ok(quote!(#path)),
        Err(_) => {
            Err(syn::Error::new(tokens.span(), "expected the path of the crate `gpumem`, such as `::gpumem`"))
        }
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
