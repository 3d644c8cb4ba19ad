//! Text for messages and documentation: types with the usual spacing (`[f32; 2]`, not `[f32 ; 2]`), and
//! lists.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;

/// Keywords that are separated from an opening bracket by a space.
const SPACED: &[&str] = &["mut", "const", "dyn", "as", "impl", "for"];

/// The text of a type or a path.
pub(crate) fn of(tokens: impl ToTokens) -> String {
    let mut text = String::new();
    write(tokens.into_token_stream(), &mut text);
    text
}

/// `` `a`, `b` and `c` ``.
pub(crate) fn quoted_list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

fn write(tokens: TokenStream, text: &mut String) {
    let (mut tick, mut lifetime) = (false, false);
    for token in tokens {
        let after_lifetime = std::mem::take(&mut lifetime);
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                if after_lifetime || SPACED.iter().any(|word| ends_with_word(text, word)) {
                    text.push(' ');
                }
                text.push_str(open);
                write(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                mark @ (',' | ';') => text.extend([mark, ' ']),
                mark @ ('=' | '+') => text.extend([' ', mark, ' ']),
                '\'' => {
                    if text.ends_with(in_word) {
                        text.push(' ');
                    }
                    text.push('\'');
                    tick = true;
                    continue;
                }
                mark => text.push(mark),
            },
            word => {
                let word = word.to_string();
                if !tick && text.ends_with(in_word) && word.starts_with(in_word) {
                    text.push(' ');
                }
                text.push_str(&word);
                lifetime = tick;
            }
        }
        tick = false;
    }
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn ends_with_word(text: &str, word: &str) -> bool {
    text.strip_suffix(word).is_some_and(|before| !before.ends_with(in_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_usual_spacing() {
        for ty in [
            "[f32; 2]",
            "u32",
            "std::vec::Vec<[u8; 4]>",
            "[[f32; 4]; 4]",
            "T",
            "[T; N]",
            "<T as Shape>::Point",
            "glam::Vec3",
            "Wrapping<u32>",
            "Pair<u8, i8>",
            "&'a mut [T]",
            "&'a [T]",
            "&'a T",
            "Half<{N}>",
            "Box<dyn Fn(u8)>",
            "Of<Item = u8>",
            "::core::primitive::u8",
        ] {
            assert_eq!(of(ty.parse::<TokenStream>().unwrap()), ty);
        }
    }
}
