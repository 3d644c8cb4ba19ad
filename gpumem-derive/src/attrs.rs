//! The comma loop: an attribute's tokens become entries, one a key, whatever state the others are in.

use crate::sink::Sink;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;

/// One key of an attribute, as it was written.
pub(crate) struct Entry {
    pub(crate) key: Ident,
    pub(crate) form: Form,
}

/// What stands behind a key.
pub(crate) enum Form {
    /// Nothing: `async`.
    Word,
    /// `= value`; the tokens may be none when the value is still to be typed.
    Value(TokenStream),
    /// `(…)`.
    List(Group),
    /// Something that cannot stand there, which has been reported.
    Unreadable,
}

impl Entry {
    /// The key as a word; `r#async` is `async`.
    pub(crate) fn name(&self) -> String {
        self.key.unraw().to_string()
    }
}

/// Splits `tokens` at its top-level commas and reads each part by itself, so that one that cannot be read hides none
/// of the others. `example` is an entry that would be right here.
pub(crate) fn entries(tokens: TokenStream, example: &str, sink: &mut Sink) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut part: Vec<TokenTree> = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Punct(comma) if comma.as_char() == ',' => {
                if part.is_empty() {
                    sink.at_span(
                        comma.span(),
                        format!("expected a key, such as `{example}`, before this comma"),
                    );
                } else {
                    found.extend(entry(std::mem::take(&mut part), example, sink));
                }
            }
            token => part.push(token),
        }
    }
    if !part.is_empty() {
        found.extend(entry(part, example, sink));
    }
    found
}

fn entry(part: Vec<TokenTree>, example: &str, sink: &mut Sink) -> Option<Entry> {
    let mut part = part.into_iter();
    let key = match part.next()? {
        TokenTree::Ident(key) => key,
        other => {
            let what = match &other {
                TokenTree::Group(group) => opening(group),
                token => token.to_string(),
            };
            sink.at_span(first_span(&other), format!("expected a key, such as `{example}`, found `{what}`"));
            return None;
        }
    };
    let form = match part.next() {
        None => Form::Word,
        Some(TokenTree::Punct(equals)) if equals.as_char() == '=' => value(part.by_ref().collect(), sink),
        Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Parenthesis => Form::List(list),
        Some(other) => {
            let after = key.unraw();
            sink.at_span(
                first_span(&other),
                match other {
                    TokenTree::Ident(_) => format!("expected a comma after `{after}`"),
                    _ => format!("expected `=` or a comma after `{after}`"),
                },
            );
            return Some(Entry { key, form: Form::Unreadable });
        }
    };
    if let Some(extra) = part.next() {
        sink.at_span(first_span(&extra), format!("expected a comma after `{}(…)`", key.unraw()));
    }
    Some(Entry { key, form })
}

/// What stands behind `=`. A literal and then a word are a value and the next key, with the comma forgotten.
fn value(mut tokens: Vec<TokenTree>, sink: &mut Sink) -> Form {
    if let [TokenTree::Literal(value), TokenTree::Ident(next), ..] = tokens.as_slice() {
        sink.at_span(next.span(), format!("expected a comma after `{value}`"));
        tokens.truncate(1);
    }
    Form::Value(tokens.into_iter().collect())
}

fn opening(group: &Group) -> String {
    match group.delimiter() {
        Delimiter::Parenthesis => "(",
        Delimiter::Brace => "{",
        Delimiter::Bracket => "[",
        Delimiter::None => "an expression",
    }
    .to_owned()
}

fn first_span(token: &TokenTree) -> Span {
    match token {
        TokenTree::Group(group) => group.span_open(),
        token => token.span(),
    }
}
