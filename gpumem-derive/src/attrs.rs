//! The comma loop: an attribute's tokens become entries, one a key, whatever state the others are in.

use crate::sink::Sink;
use crate::size;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use std::iter::Peekable;
use std::vec;
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
    /// Another word, which is a key of its own: the comma between the two is missing, which has been reported.
    Cut,
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
    let tokens = visible(tokens);
    let inside = in_angles(&tokens);
    let mut found = Vec::new();
    let mut part: Vec<TokenTree> = Vec::new();
    for (token, inside) in tokens.into_iter().zip(inside) {
        match token {
            TokenTree::Punct(comma) if comma.as_char() == ',' && !inside => {
                if part.is_empty() {
                    sink.at_span(
                        comma.span(),
                        format!("expected a key, such as `{example}`, before this comma"),
                    );
                } else {
                    read(std::mem::take(&mut part), example, &mut found, sink);
                }
            }
            token => part.push(token),
        }
    }
    if !part.is_empty() {
        read(part, example, &mut found, sink);
    }
    found
}

/// Which tokens stand between the angle brackets of a path, as the comma of `Of::<f32, 3>::SPEC` does. Brackets that nothing closes
/// are none: a value that is half typed hides no key after it.
fn in_angles(tokens: &[TokenTree]) -> Vec<bool> {
    let mut inside = vec![false; tokens.len()];
    // Where the brackets that are open begin.
    let mut open: Vec<usize> = Vec::new();
    let mark = |at: usize| match tokens.get(at) {
        Some(TokenTree::Punct(mark)) => mark.as_char(),
        _ => ' ',
    };
    for at in 0..tokens.len() {
        let before = if at == 0 { ' ' } else { mark(at - 1) };
        match mark(at) {
            '<' if !open.is_empty() || matches!(before, ':' | '=') => open.push(at),
            '>' if !matches!(before, '-' | '=') => {
                if let Some(start) = open.pop() {
                    inside[start..at].fill(true);
                }
            }
            _ => {}
        }
    }
    inside
}

/// The tokens without the invisible groups that stand where a key could: a macro leaves one around a `$key:meta`, and in it are
/// a key and its value. Around a value they stay: it was handed on as one.
fn visible(tokens: TokenStream) -> Vec<TokenTree> {
    let mut seen: Vec<TokenTree> = Vec::new();
    for token in tokens {
        let starts = seen
            .last()
            .is_none_or(|before| matches!(before, TokenTree::Punct(comma) if comma.as_char() == ','));
        match token {
            TokenTree::Group(group) if starts && group.delimiter() == Delimiter::None => {
                seen.extend(visible(group.stream()));
            }
            token => seen.push(token),
        }
    }
    seen
}

/// Reads what stands between two commas: one entry, or several where commas were forgotten.
fn read(part: Vec<TokenTree>, example: &str, found: &mut Vec<Entry>, sink: &mut Sink) {
    let mut part = part.into_iter().peekable();
    while let Some(first) = part.next() {
        let key = match first {
            TokenTree::Ident(key) => key,
            other => {
                let what = match &other {
                    TokenTree::Group(group) => opening(group),
                    token => token.to_string(),
                };
                return sink.at_span(
                    first_span(&other),
                    format!("expected a key, such as `{example}`, found `{what}`"),
                );
            }
        };
        let after = key.unraw();
        let form = match part.next() {
            None => Form::Word,
            Some(TokenTree::Punct(equals)) if equals.as_char() == '=' => value(&mut part, sink),
            Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Parenthesis => Form::List(list),
            Some(TokenTree::Ident(next)) => {
                // Two words: the comma was forgotten, and the second is a key of its own.
                sink.at_span(next.span(), format!("expected a comma after `{after}`"));
                found.push(Entry { key, form: Form::Cut });
                let rest = std::iter::once(TokenTree::Ident(next)).chain(part).collect();
                return read(rest, example, found, sink);
            }
            Some(other) => {
                sink.at_span(first_span(&other), format!("expected `=` or a comma after `{after}`"));
                return found.push(Entry { key, form: Form::Unreadable });
            }
        };
        if let Some(next) = part.peek() {
            let what = match &form {
                Form::Value(value) => value.to_string(),
                Form::List(_) => format!("{after}(…)"),
                _ => format!("{after} = …"),
            };
            sink.at_span(first_span(next), format!("expected a comma after `{what}`"));
        }
        found.push(Entry { key, form });
        if part.peek().is_some_and(|next| !matches!(next, TokenTree::Ident(_))) {
            return;
        }
    }
}

/// What stands behind `=`. A literal and then a word are a value and the next key, with the comma forgotten; or a size that is
/// not in quotes.
fn value(part: &mut Peekable<vec::IntoIter<TokenTree>>, sink: &mut Sink) -> Form {
    let Some(first) = part.next() else { return Form::Value(TokenStream::new()) };
    let unit =
        |token: &TokenTree| matches!(token, TokenTree::Ident(word) if size::is_unit(&word.to_string()));
    if matches!(first, TokenTree::Literal(_))
        && let Some(unit) = part.next_if(unit)
    {
        sink.at_span(first.span(), format!("write the size in quotes: `\"{first}{unit}\"`"));
        return Form::Unreadable;
    }
    let ends = matches!(first, TokenTree::Literal(_)) && matches!(part.peek(), Some(TokenTree::Ident(_)));
    let mut tokens: TokenStream = first.into();
    if !ends {
        tokens.extend(part);
    }
    Form::Value(tokens)
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
