//! Reads the values of keys. Each function returns the value, or an error that tells the user a valid one.

use super::settings::{PRESETS, Preset};
use crate::nearest::nearest;
use crate::size::{self, Size};
use crate::syntax::{generated_at, identifiers};
use crate::text::quoted_list;
use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::quote;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::{Lit, LitStr};

/// The largest growth factor. With a larger one, a single element more would multiply the memory of a full
/// buffer.
const LARGEST_GROWTH: f64 = 8.0;
/// The most download slots of a buffer. The runtime has the same limit.
const MOST_SLOTS: u8 = 64;

/// The kind of tokens after a `=`.
enum Value {
    Literal(Lit),
    Negative,
    Other,
}

fn literal(tokens: &TokenStream) -> Value {
    let mut each = ungrouped(tokens.clone()).into_iter();
    match (each.next(), each.next()) {
        (Some(TokenTree::Punct(minus)), Some(_)) if minus.as_char() == '-' => Value::Negative,
        _ => syn::parse2(tokens.clone()).map_or(Value::Other, Value::Literal),
    }
}

/// The tokens without the invisible group that a macro puts around a value it passes on, such as a negative
/// number.
fn ungrouped(tokens: TokenStream) -> TokenStream {
    let mut each = tokens.clone().into_iter();
    match (each.next(), each.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => {
            ungrouped(group.stream())
        }
        _ => tokens,
    }
}

/// A factor greater than 1, up to `LARGEST_GROWTH`.
pub(super) fn growth(tokens: &TokenStream) -> Result<f64, syn::Error> {
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
        // Every number below 1 gets the same message.
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

/// The factor if the user forgot the decimal point: 1.3 for `13`, 1.5 for `150`.
fn point_forgotten(factor: f64) -> Option<f64> {
    if factor.fract() != 0.0 || factor >= 1000.0 {
        return None;
    }
    let meant = if factor >= 100.0 { factor / 100.0 } else { factor / 10.0 };
    (meant > 1.0 && meant <= LARGEST_GROWTH).then_some(meant)
}

/// A size: a string with a unit, or a number of bytes.
pub(super) fn bytes(tokens: &TokenStream) -> Result<Size, syn::Error> {
    let wrong = |message: String| Err(syn::Error::new_spanned(tokens, message));
    let in_quotes = |text: String| format!("write the size in quotes: `\"{text}\"`");
    match literal(tokens) {
        Value::Literal(Lit::Str(lit)) => size::parse(&lit.value()).map_err(|mistake| {
            let span = mistake.unit.and_then(|unit| subspan(&lit, unit)).unwrap_or_else(|| lit.span());
            syn::Error::new(span, mistake.message)
        }),
        Value::Literal(Lit::Int(lit)) if lit.suffix().is_empty() => lit
            .base10_parse()
            .map(Size::of_bytes)
            .or_else(|_| wrong(format!("`{lit}` bytes are too many: a size is less than 16 EiB"))),
        // For Rust, `512MiB` without quotes is one token: a number with a suffix.
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

/// The size of `max`, which is not zero.
pub(super) fn max(tokens: &TokenStream) -> Result<Size, syn::Error> {
    above_zero(tokens, "a `max` of zero leaves no room for an element: leave it out for no limit")
}

/// The size of `limit`, which is not zero.
pub(super) fn limit(tokens: &TokenStream) -> Result<Size, syn::Error> {
    above_zero(tokens, "a `limit` of zero leaves no room for any buffer: leave it out for no limit")
}

fn above_zero(tokens: &TokenStream, message: &str) -> Result<Size, syn::Error> {
    let size = bytes(tokens)?;
    if size.bytes == 0 { Err(syn::Error::new_spanned(tokens, message)) } else { Ok(size) }
}

/// The span of a range of a string literal's text. Stable compilers do not tell it.
fn subspan(lit: &LitStr, range: Range<usize>) -> Option<Span> {
    let token: Literal = lit.token();
    // Escapes and the marks of a raw string shift the text within the token.
    let plain = token.to_string() == format!("\"{}\"", lit.value());
    token.subspan(range.start + 1..range.end + 1).filter(|_| plain)
}

/// A number of download slots.
pub(super) fn slots(tokens: &TokenStream) -> Result<u8, syn::Error> {
    let why = format!(
        "`slots` is a whole number from 1 to {MOST_SLOTS}: each slot is pinned memory as large as what is downloaded"
    );
    match literal(tokens) {
        Value::Literal(Lit::Int(lit)) if lit.suffix().is_empty() => {
            lit.base10_parse().ok().filter(|slots| (1..=MOST_SLOTS).contains(slots))
        }
        _ => None,
    }
    .ok_or_else(|| syn::Error::new_spanned(tokens, why))
}

/// `true` or `false`.
pub(super) fn boolean(tokens: &TokenStream) -> Option<bool> {
    match literal(tokens) {
        Value::Literal(Lit::Bool(lit)) => Some(lit.value),
        _ => None,
    }
}

/// A name in quotes, as an identifier with the span of the string.
pub(super) fn ident(tokens: &TokenStream) -> Result<Ident, syn::Error> {
    let lit = match literal(tokens) {
        Value::Literal(Lit::Str(lit)) => lit,
        _ if syn::parse2::<Ident>(tokens.clone()).is_ok() => {
            return Err(syn::Error::new_spanned(tokens, format!("write the name in quotes: `\"{tokens}\"`")));
        }
        _ => return Err(syn::Error::new_spanned(tokens, "expected a name in quotes, such as `\"points\"`")),
    };
    let text = lit.value();
    let word = text.strip_prefix("r#").unwrap_or(&text);
    // Later errors and "go to definition" lead to the string. Lints treat the name as generated code.
    let span = generated_at(lit.span());
    let message = match word {
        _ if text.is_empty() => "a name cannot be empty".to_owned(),
        "self" | "Self" | "super" | "crate" => {
            format!("`{text}` means something else everywhere in Rust: write another name")
        }
        _ if !is_identifier(word) || word == "_" => match corrected(&text) {
            Some(name) => format!("`{text}` cannot be a name in Rust: write `\"{name}\"`, for example"),
            None => format!("`{text}` cannot be a name in Rust: use letters, digits and `_`"),
        },
        _ if word.len() < text.len() => return Ok(Ident::new_raw(word, span)),
        _ if is_keyword(word) => format!("`{text}` is a keyword: write `\"r#{text}\"`, or another name"),
        _ => return Ok(Ident::new(word, span)),
    };
    Err(syn::Error::new(lit.span(), message))
}

/// Whether `text` has the letters of an identifier. Other text must not reach Rust's tokenizer, which would
/// drop comments and spaces, or report an error of its own.
fn is_identifier(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first == '_' || unicode_ident::is_xid_start(first))
        && letters.all(unicode_ident::is_xid_continue)
}

/// Whether an identifier is a keyword, which is no name without `r#`.
fn is_keyword(word: &str) -> bool {
    syn::parse_str::<Ident>(word).is_err()
}

/// `text` with a `_` in place of each run of invalid characters, if the result is a name.
fn corrected(text: &str) -> Option<String> {
    let in_name = |c: char| unicode_ident::is_xid_continue(c);
    let parts: Vec<&str> = text.trim().split(|c| !in_name(c)).filter(|part| !part.is_empty()).collect();
    let replaced = parts.join("_");
    let is_name = is_identifier(&replaced) && replaced.chars().any(|c| c != '_') && !is_keyword(&replaced);
    is_name.then_some(replaced)
}

/// A text in quotes that is not empty.
pub(super) fn label(tokens: &TokenStream) -> Result<String, syn::Error> {
    let message = match literal(tokens) {
        Value::Literal(Lit::Str(lit)) if lit.value().trim().is_empty() => {
            "a label cannot be empty: reports show it".to_owned()
        }
        Value::Literal(Lit::Str(lit)) => return Ok(lit.value()),
        _ => "expected a text in quotes, such as `\"graph\"`".to_owned(),
    };
    Err(syn::Error::new_spanned(tokens, message))
}

/// The names of the presets, as a list.
pub(super) fn presets() -> String {
    let names: Vec<String> = PRESETS.iter().map(|preset| format!("\"{}\"", preset.name)).collect();
    quoted_list(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The preset of a name in quotes.
pub(super) fn preset(tokens: &TokenStream) -> Result<&'static Preset, syn::Error> {
    let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    let Value::Literal(Lit::Str(lit)) = literal(tokens) else {
        let word = tokens.to_string();
        let message = if names.contains(&word.as_str()) {
            format!("write the preset in quotes: `\"{word}\"`")
        } else {
            format!("expected a preset in quotes: one of {}", presets())
        };
        return Err(syn::Error::new_spanned(tokens, message));
    };
    let name = lit.value();
    PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
        let message = match nearest(&name, &names) {
            Some(meant) => {
                format!("unknown preset `{name}`: did you mean `{meant}`? There are {}", presets())
            }
            None => format!("unknown preset `{name}`: there are {}", presets()),
        };
        syn::Error::new(lit.span(), message)
    })
}

/// The path of a constant.
pub(super) fn config(tokens: &TokenStream) -> Result<TokenStream, syn::Error> {
    if let Value::Literal(Lit::Str(lit)) = literal(tokens) {
        let message = format!("write the path without quotes: `config = {}`", lit.value());
        return Err(syn::Error::new(lit.span(), message));
    }
    match syn::parse2::<syn::TypePath>(tokens.clone()) {
        Ok(_) if identifiers(tokens.clone()).contains("Self") => {
            Err(syn::Error::new_spanned(tokens, "`Self` is not known here: write the name of the type"))
        }
        Ok(_) => Ok(with_own_braces(tokens.clone())),
        Err(_) => {
            let message = "expected the path of a `const` that is a `BufferSpec`, such as `config = SPEC`";
            Err(syn::Error::new_spanned(tokens, message))
        }
    }
}

/// `tokens` with braces that lints treat as generated code. Otherwise a lint would report the braces of
/// `Of::<{ 3 }>::SPEC` as unnecessary, since they are in the output where the constant is used.
fn with_own_braces(tokens: TokenStream) -> TokenStream {
    let replace = |token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
            let mut braces = Group::new(Delimiter::Brace, group.stream());
            braces.set_span(generated_at(group.span()));
            braces.into()
        }
        token => token,
    };
    tokens.into_iter().map(replace).collect()
}

/// The path of a crate.
pub(super) fn crate_path(tokens: &TokenStream) -> Result<TokenStream, syn::Error> {
    // Serde and others take this path as a string. Here it is a path, so that the compiler can point into it.
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
