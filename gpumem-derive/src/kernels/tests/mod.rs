//! The macro on text: its input, its refusals, and its output.

mod checks;
mod expansions;
mod header;
mod modules;
mod options;
mod planted;

use proc_macro2::{Group, TokenStream, TokenTree};

/// The output for an annotated module: `#[gpumem::kernels(..)] mod ..`. Files are those of the snapshots.
fn expand(source: &str) -> TokenStream {
    let mut tokens = source.parse::<TokenStream>().unwrap().into_iter();
    // The documentation before the attribute.
    let mut before = TokenStream::new();
    loop {
        let (sign, attribute) = (tokens.next().unwrap(), tokens.next().unwrap());
        let TokenTree::Group(group) = &attribute else { panic!("{attribute} is no attribute") };
        if let Some(options) = options(group) {
            before.extend(tokens);
            return super::kernels(options, before, &|_| Some(crate::snapshots::FOLDER.into()), false);
        }
        before.extend([sign, attribute]);
    }
}

/// The options in `[gpumem::kernels(options)]`. `None` for another attribute.
fn options(attribute: &Group) -> Option<TokenStream> {
    let mut words = attribute.stream().into_iter();
    words.next().filter(|first| first.to_string() == "gpumem")?;
    Some(match words.nth(3) {
        Some(TokenTree::Group(options)) => options.stream(),
        _ => TokenStream::new(),
    })
}

fn pretty(source: &str) -> String {
    prettyplease::unparse(&syn::parse2(expand(source)).unwrap())
}

/// A module with these items, and with the options `(..)`.
fn module(options: &str, items: &str) -> String {
    format!("#[gpumem::kernels{options}] mod m {{ {items} }}")
}

/// The messages of the errors in the output for a module with these items.
fn messages(options: &str, items: &str) -> Vec<String> {
    errors(expand(&module(options, items)))
}

/// The messages of all `compile_error!`s.
fn errors(tokens: TokenStream) -> Vec<String> {
    let (mut messages, mut is_next) = (Vec::new(), 0);
    for token in tokens {
        match token {
            TokenTree::Ident(word) if word == "compile_error" => is_next = 3,
            TokenTree::Group(group) if is_next > 0 => {
                let message: syn::LitStr = syn::parse2(group.stream()).unwrap();
                messages.push(message.value());
            }
            TokenTree::Group(group) => messages.extend(errors(group.stream())),
            _ => {}
        }
        is_next -= i32::from(is_next > 0);
    }
    messages
}
