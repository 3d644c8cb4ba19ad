//! Reads a kernel: a function of the module, from its qualifiers to its body.

use super::params::{self, Param};
use crate::sink::Sink;
use crate::syntax::{bare, identifiers};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, Generics, LitStr, Token, Type, Visibility, WhereClause, parenthesized};

/// A kernel of the module.
pub(super) struct Kernel {
    pub(super) attrs: Vec<Attribute>,
    /// Those of the attributes that may remove the kernel: `#[cfg(..)]`.
    pub(super) gate: TokenStream,
    pub(super) vis: Visibility,
    pub(super) name: Ident,
    pub(super) params: Vec<Param>,
    pub(super) has_body: bool,
    /// The conditions of `#[requires(..)]`.
    pub(super) requires: Vec<TokenStream>,
    /// Whether a mistake was reported. Then the method is there, and does nothing.
    pub(super) is_broken: bool,
}

impl Kernel {
    /// The name in the PTX and in messages, without `r#`.
    pub(super) fn plain_name(&self) -> String {
        self.name.unraw().to_string()
    }

    pub(super) fn slices(&self) -> impl Iterator<Item = &Param> {
        self.params.iter().filter(|param| param.is_slice())
    }
}

/// Whether a function comes next. It may have qualifiers, which no kernel has.
pub(super) fn is_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    while !ahead.peek(Token![fn]) {
        let Ok(word) = ahead.call(Ident::parse_any) else { return false };
        match word.to_string().as_str() {
            "const" | "async" | "unsafe" | "safe" => {}
            "extern" => _ = ahead.parse::<Option<LitStr>>(),
            _ => return false,
        }
    }
    true
}

/// Reads a function from its qualifiers on. Returns it, and its tokens. Mistakes go to `sink`.
pub(super) fn read(
    input: ParseStream<'_>,
    attrs: Vec<Attribute>,
    vis: Visibility,
    sink: &mut Sink,
) -> syn::Result<(Kernel, TokenStream)> {
    let (requires, attrs): (Vec<_>, Vec<_>) =
        attrs.into_iter().partition(|attr| attr.path().is_ident("requires"));
    let requires = requires.iter().filter_map(|attr| condition(attr, sink)).collect();
    let mut errors = Vec::new();
    let qualifiers = qualifiers(input, &mut errors)?;
    let fn_token: Token![fn] = input.parse()?;
    let name: Ident = input.call(Ident::parse_any)?;
    let mut generics: Generics = input.parse()?;
    if !generics.params.is_empty() {
        let message = format!("a kernel has no parameters in angle brackets: {ONE_FUNCTION}{NO_KERNEL}");
        errors.push(syn::Error::new_spanned(&generics, message));
    }
    let content;
    let parentheses = parenthesized!(content in input);
    let list: TokenStream = content.parse()?;
    let (params, is_method) = params::read(list.clone(), &mut errors);
    let result = result(input, &mut errors)?;
    generics.where_clause = input.parse::<Option<WhereClause>>()?;
    let body: TokenTree = input.parse()?;
    let has_body = !matches!(&body, TokenTree::Punct(mark) if mark.as_char() == ';');
    let mut in_parentheses = TokenStream::new();
    parentheses.surround(&mut in_parentheses, |inner| inner.extend(list));
    let where_clause = generics.where_clause.take();
    let mut function =
        quote!(#qualifiers #fn_token #name #generics #in_parentheses #result #where_clause #body);
    if is_method {
        // The compiler would report the `self` once more.
        function = quote!(#fn_token #name() {});
    }
    let kernel = Kernel {
        gate: attrs.iter().filter(|attr| params::is_cfg(attr)).map(ToTokens::to_token_stream).collect(),
        attrs,
        vis,
        name,
        params,
        has_body,
        requires,
        is_broken: !errors.is_empty(),
    };
    errors.into_iter().for_each(|error| sink.push(error));
    Ok((kernel, function))
}

const ONE_FUNCTION: &str = "the PTX has one function of this name";
const NO_KERNEL: &str = ". A function that is no kernel has no `pub`";

/// The condition of `#[requires(condition)]`.
fn condition(attr: &Attribute, sink: &mut Sink) -> Option<TokenStream> {
    match attr.meta.require_list() {
        Ok(list) if identifiers(list.tokens.clone()).contains("self") => {
            sink.at(list, "a condition is about the parameters, and there is no `self`");
            None
        }
        Ok(list) if !list.tokens.is_empty() => Some(list.tokens.clone()),
        _ => {
            let message = "expected a condition on the parameters, such as \
                           `#[requires(positions.len() == velocities.len())]`";
            sink.at(&attr.meta, message);
            None
        }
    }
}

/// Reads the words before `fn`.
fn qualifiers(input: ParseStream<'_>, errors: &mut Vec<syn::Error>) -> syn::Result<TokenStream> {
    let (mut tokens, mut words) = (TokenStream::new(), Vec::new());
    while !input.peek(Token![fn]) {
        let word: TokenTree = input.parse()?;
        words.push(word.to_string());
        tokens.extend([word]);
    }
    if !words.is_empty() {
        let message = format!("a kernel is a plain `fn`, without `{}`{NO_KERNEL}", words.join(" "));
        errors.push(syn::Error::new_spanned(&tokens, message));
    }
    Ok(tokens)
}

/// Reads the type that the function returns.
fn result(input: ParseStream<'_>, errors: &mut Vec<syn::Error>) -> syn::Result<TokenStream> {
    if !input.peek(Token![->]) {
        return Ok(TokenStream::new());
    }
    let arrow: Token![->] = input.parse()?;
    let ty: Type = input.parse()?;
    let tokens = quote!(#arrow #ty);
    if !matches!(bare(&ty), Type::Tuple(tuple) if tuple.elems.is_empty()) {
        let message = format!("a kernel returns nothing: it writes its result into a `&mut [T]`{NO_KERNEL}");
        errors.push(syn::Error::new_spanned(&tokens, message));
    }
    Ok(tokens)
}
