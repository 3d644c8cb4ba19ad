//! Splits the tokens of an attribute into entries, one per key. A wrong entry hides none of the others.

use crate::sink::Sink;
use crate::size;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use std::iter::Peekable;
use std::vec;
use syn::ext::IdentExt;

/// One key of an attribute, as the user wrote it.
pub(super) struct Entry {
    pub(super) key: Ident,
    pub(super) form: Form,
}

/// The tokens that follow a key.
pub(super) enum Form {
    /// None: `async`.
    KeyOnly,
    /// `= value`. There are no value tokens while the user is still typing the value.
    Value(TokenStream),
    /// `(…)`.
    Parenthesized(Group),
    /// Another key. The comma between the two is missing, which has been reported.
    Cut,
    /// Tokens that cannot stand there, which has been reported.
    Unreadable,
}

impl Entry {
    /// The key as a string: `async` for `r#async`.
    pub(super) fn name(&self) -> String {
        self.key.unraw().to_string()
    }
}

/// The remaining tokens between two commas.
type Piece = Peekable<vec::IntoIter<TokenTree>>;

/// Splits `tokens` at its top-level commas and reads each piece on its own. `example` is a valid entry for
/// messages.
pub(super) fn entries(tokens: TokenStream, example: &str, sink: &mut Sink) -> Vec<Entry> {
    let tokens = without_groups(tokens);
    let inside = in_angles(&tokens);
    let mut found = Vec::new();
    let mut piece: Vec<TokenTree> = Vec::new();
    for (token, inside) in tokens.into_iter().zip(inside) {
        match token {
            TokenTree::Punct(comma) if comma.as_char() == ',' && !inside => {
                if piece.is_empty() {
                    sink.at_span(
                        comma.span(),
                        format!("expected a key, such as `{example}`, before this comma"),
                    );
                } else {
                    read(std::mem::take(&mut piece), example, &mut found, sink);
                }
            }
            token => piece.push(token),
        }
    }
    if !piece.is_empty() {
        read(piece, example, &mut found, sink);
    }
    found
}

/// For each token, whether it stands between the angle brackets of a path, like the comma of
/// `Of::<f32, 3>::SPEC`. A bracket without its closing bracket does not count, so a half-typed value hides no
/// key after it.
fn in_angles(tokens: &[TokenTree]) -> Vec<bool> {
    let mut inside = vec![false; tokens.len()];
    // The positions of the opening brackets that are still open.
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

/// The tokens, with the contents of an invisible group instead of the group at each place where a key could
/// stand. A macro puts such a group around a `$key:meta`, which holds a key and its value. A group around a
/// value stays, because it is one value.
fn without_groups(tokens: TokenStream) -> Vec<TokenTree> {
    let mut seen: Vec<TokenTree> = Vec::new();
    for token in tokens {
        let starts = seen
            .last()
            .is_none_or(|before| matches!(before, TokenTree::Punct(comma) if comma.as_char() == ','));
        match token {
            TokenTree::Group(group) if starts && group.delimiter() == Delimiter::None => {
                seen.extend(without_groups(group.stream()));
            }
            token => seen.push(token),
        }
    }
    seen
}

/// Reads the tokens between two commas: one entry, or several if commas are missing.
fn read(piece: Vec<TokenTree>, example: &str, found: &mut Vec<Entry>, sink: &mut Sink) {
    let mut piece = piece.into_iter().peekable();
    while let Some(first) = piece.next() {
        let key = match first {
            TokenTree::Ident(key) => key,
            other => return no_key(&other, example, sink),
        };
        let name = key.unraw();
        let form = match piece.next() {
            None => Form::KeyOnly,
            Some(TokenTree::Punct(equals)) if equals.as_char() == '=' => value(&mut piece, sink),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
                Form::Parenthesized(group)
            }
            Some(TokenTree::Ident(next)) => {
                sink.at_span(next.span(), format!("expected a comma after `{name}`"));
                found.push(Entry { key, form: Form::Cut });
                let rest = std::iter::once(TokenTree::Ident(next)).chain(piece).collect();
                return read(rest, example, found, sink);
            }
            Some(other) => {
                sink.at_span(first_span(&other), format!("expected `=` or a comma after `{name}`"));
                return found.push(Entry { key, form: Form::Unreadable });
            }
        };
        if let Some(next) = piece.peek() {
            let entry = match &form {
                Form::Value(value) => value.to_string(),
                Form::Parenthesized(_) => format!("{name}(…)"),
                _ => format!("{name} = …"),
            };
            sink.at_span(first_span(next), format!("expected a comma after `{entry}`"));
        }
        found.push(Entry { key, form });
        if piece.peek().is_some_and(|next| !matches!(next, TokenTree::Ident(_))) {
            return;
        }
    }
}

/// Reports a token that stands in the place of a key.
fn no_key(token: &TokenTree, example: &str, sink: &mut Sink) {
    let text = match token {
        TokenTree::Group(group) => opening(group),
        token => token.to_string(),
    };
    sink.at_span(first_span(token), format!("expected a key, such as `{example}`, found `{text}`"));
}

/// Reads the tokens after `=`. A literal and then an identifier are a value and the next key without a comma
/// between them, or a size without quotes.
fn value(piece: &mut Piece, sink: &mut Sink) -> Form {
    let Some(first) = piece.next() else { return Form::Value(TokenStream::new()) };
    let unit =
        |token: &TokenTree| matches!(token, TokenTree::Ident(word) if size::is_unit(&word.to_string()));
    if matches!(first, TokenTree::Literal(_))
        && let Some(unit) = piece.next_if(unit)
    {
        sink.at_span(first.span(), format!("write the size in quotes: `\"{first}{unit}\"`"));
        return Form::Unreadable;
    }
    let ends = matches!(first, TokenTree::Literal(_)) && matches!(piece.peek(), Some(TokenTree::Ident(_)));
    let mut tokens: TokenStream = first.into();
    if !ends {
        tokens.extend(piece);
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
