//! Reads the attribute: `unsafe(ptx = "kernels.ptx"), slices = "pointer, length", crate = engine::gpumem`.

use crate::nearest::nearest;
use crate::sink::Sink;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use std::env::VarError;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{LitStr, Macro, Token};

/// The options of the attribute.
pub(super) struct Options {
    pub(super) ptx: Option<Ptx>,
    /// Whether the PTX takes the length of each slice after its address.
    pub(super) lengths: bool,
    /// The path of `gpumem`.
    pub(super) root: TokenStream,
    /// Whether a header is being written. Then the PTX is not read.
    pub(super) writes_header: bool,
}

/// `unsafe(ptx = "kernels.ptx")`
pub(super) struct Ptx {
    /// The user's own word. `None` after the mistake to leave it out.
    pub(super) unsafe_token: Option<Token![unsafe]>,
    /// The path as it is written: a literal, or a call of `concat!` or `env!`.
    pub(super) written: TokenStream,
    /// The first literal in it. The path is relative to the folder of the file that this is in.
    pub(super) span: Span,
    pub(super) path: String,
    /// The environment variables in it.
    pub(super) variables: Vec<LitStr>,
}

const KEYS: [&str; 3] = ["unsafe", "slices", "crate"];
const ALL_KEYS: &str = "the keys are `unsafe(ptx = ..)`, `slices` and `crate`";
const PATH: &str = "the path of a PTX file in quotes, such as `\"kernels.ptx\"`, or \
                    `concat!(env!(\"OUT_DIR\"), \"/kernels.ptx\")` if a build script makes it";
const PTX: &str = "`unsafe(ptx = \"kernels.ptx\")`";

impl Options {
    pub(super) fn read(tokens: TokenStream, sink: &mut Sink) -> Self {
        let mut options = Self { ptx: None, lengths: false, root: quote!(::gpumem), writes_header: false };
        let mut seen = Vec::new();
        let read = |input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Err(error) = options.key(input, &mut seen, sink) {
                    sink.push(error);
                    skip(input)?;
                }
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        if let Err(error) = read.parse2(tokens) {
            sink.push(error);
        }
        options
    }

    fn key(&mut self, input: ParseStream<'_>, seen: &mut Vec<String>, sink: &mut Sink) -> syn::Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error(format!("expected a key: {ALL_KEYS}")));
        }
        let unsafe_token: Option<Token![unsafe]> = input.fork().parse().ok();
        let key: Ident = input.call(Ident::parse_any)?;
        let name = key.to_string();
        if seen.contains(&name) {
            return Err(syn::Error::new(key.span(), format!("`{name}` is given twice")));
        }
        seen.push(name.clone());
        match name.as_str() {
            "unsafe" => self.ptx = Some(vouched(input, &key, unsafe_token)?),
            "ptx" => {
                let message = format!(
                    "PTX is code that the compiler cannot check: vouch for it, {PTX}. Then each kernel touches no memory \
                     but the elements of its slices, whatever its other arguments are"
                );
                sink.at(&key, message);
                // Kernels without a body are no further mistake.
                self.ptx = Some(path_of(input, &key, None)?);
            }
            "slices" => {
                let known = "`\"pointer\"`, or `\"pointer, length\"`: an address, and after it the number of elements";
                let style: LitStr = value(input, &key, known)?;
                match style.value().split(',').map(str::trim).collect::<Vec<_>>().as_slice() {
                    ["pointer"] => self.lengths = false,
                    ["pointer", "length"] => self.lengths = true,
                    _ => sink.at(&style, format!("expected {known}")),
                }
            }
            "crate" => {
                let expected = "the path of gpumem: `crate = engine::gpumem`";
                after_equals(input, &key, expected)?;
                let path = syn::Path::parse_mod_style(input);
                self.root = path.map_err(|error| expected_at(error.span(), expected))?.into_token_stream();
            }
            name => {
                let hint =
                    nearest(name, &KEYS).map_or(ALL_KEYS.into(), |meant| format!("did you mean `{meant}`?"));
                return Err(syn::Error::new(key.span(), format!("unknown key `{name}`: {hint}")));
            }
        }
        if !input.is_empty() && !input.peek(Token![,]) {
            return Err(input.error("expected a comma between two keys"));
        }
        Ok(())
    }
}

/// Skips the rest of an entry.
fn skip(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

fn expected_at(span: Span, what: &str) -> syn::Error {
    syn::Error::new(span, format!("expected {what}"))
}

fn after_equals(input: ParseStream<'_>, key: &Ident, expected: &str) -> syn::Result<()> {
    match input.parse::<Token![=]>() {
        Ok(_) if !input.is_empty() => Ok(()),
        _ => Err(expected_at(key.span(), &format!("a value: {expected}"))),
    }
}

/// The string after a key.
fn value(input: ParseStream<'_>, key: &Ident, expected: &str) -> syn::Result<LitStr> {
    after_equals(input, key, expected)?;
    input.parse().map_err(|error| expected_at(error.span(), expected))
}

/// Reads `(ptx = "kernels.ptx")`, which follows `unsafe`.
fn vouched(input: ParseStream<'_>, key: &Ident, unsafe_token: Option<Token![unsafe]>) -> syn::Result<Ptx> {
    let group: Option<Group> = input.parse().ok();
    let Some(group) = group.filter(|group| group.delimiter() == Delimiter::Parenthesis) else {
        return Err(expected_at(key.span(), &format!("the path of a PTX file: {PTX}")));
    };
    let read = |content: ParseStream<'_>| {
        let key = content.call(Ident::parse_any);
        let key = key.map_err(|error| expected_at(error.span(), &format!("`ptx`: {PTX}")))?;
        if key != "ptx" {
            return Err(expected_at(key.span(), &format!("`ptx`: {PTX}")));
        }
        let ptx = path_of(content, &key, unsafe_token)?;
        content.parse::<Option<Token![,]>>()?;
        if content.is_empty() {
            Ok(ptx)
        } else {
            Err(content.error("expected `)`: only `ptx` is vouched for"))
        }
    };
    if group.stream().is_empty() {
        return Err(expected_at(group.span(), &format!("`ptx`: {PTX}")));
    }
    read.parse2(group.stream())
}

/// Reads `= "kernels.ptx"`, which follows `ptx`.
fn path_of(input: ParseStream<'_>, key: &Ident, unsafe_token: Option<Token![unsafe]>) -> syn::Result<Ptx> {
    after_equals(input, key, PATH)?;
    let mut ptx = Ptx {
        unsafe_token,
        written: TokenStream::new(),
        span: input.span(),
        path: String::new(),
        variables: Vec::new(),
    };
    let begin = input.fork();
    let mut span = None;
    piece(input, &mut ptx, &mut span)?;
    ptx.span = span.unwrap_or(ptx.span);
    while begin.cursor() != input.cursor() {
        ptx.written.extend([begin.parse::<TokenTree>()?]);
    }
    Ok(ptx)
}

/// Adds a literal to a path, or the result of `concat!` or `env!`.
fn piece(input: ParseStream<'_>, ptx: &mut Ptx, span: &mut Option<Span>) -> syn::Result<()> {
    if input.peek(LitStr) {
        let literal: LitStr = input.parse()?;
        span.get_or_insert(literal.span());
        ptx.path += &literal.value();
        return Ok(());
    }
    let at = input.span();
    let call: Macro = input.parse().map_err(|_| expected_at(at, PATH))?;
    let name = call.path.segments.last().map(|segment| segment.ident.to_string());
    match name.as_deref() {
        Some("concat") => {
            let pieces = |input: ParseStream<'_>| {
                while !input.is_empty() {
                    piece(input, ptx, span)?;
                    input.parse::<Option<Token![,]>>()?;
                }
                Ok(())
            };
            call.parse_body_with(pieces)
        }
        Some("env") => {
            let variable: LitStr = call.parse_body()?;
            let value = std::env::var(variable.value()).map_err(|error| {
                let problem = if error == VarError::NotPresent { "is not set" } else { "is not UTF-8" };
                let message = format!("the environment variable `{}` {problem}", variable.value());
                syn::Error::new(variable.span(), message)
            })?;
            span.get_or_insert(variable.span());
            ptx.path += &value;
            ptx.variables.push(variable);
            Ok(())
        }
        _ => Err(expected_at(call.path.span(), PATH)),
    }
}
