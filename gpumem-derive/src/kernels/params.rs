//! Reads the parameters of a kernel: a name, and a slice or a value.

use crate::syntax::{bare, element_of};
use crate::text;
use proc_macro2::{Ident, Spacing, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, GenericArgument, PathArguments, Token, Type, TypeReference};

/// A parameter of a kernel.
pub(super) struct Param {
    pub(super) name: Ident,
    pub(super) ty: Type,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    /// `&[T]` or `&mut [T]`.
    Slice { mutable: bool },
    /// Any other type, passed by value.
    Value,
}

/// The most slices of a kernel. The runtime has an implementation for each number.
const MOST_SLICES: usize = 12;

/// Names of the generated code.
const TAKEN: [&str; 2] = ["__launch", "__holds"];

impl Param {
    pub(super) fn is_slice(&self) -> bool {
        matches!(self.kind, Kind::Slice { .. })
    }

    /// `T` of `&[T]` or `&mut [T]`.
    pub(super) fn element(&self) -> Option<&Type> {
        let Type::Reference(reference) = bare(&self.ty) else { return None };
        let Type::Slice(slice) = bare(&reference.elem) else { return None };
        Some(&slice.elem)
    }
}

/// Whether an attribute may remove its item.
pub(super) fn is_cfg(attr: &Attribute) -> bool {
    let within = || {
        let list = attr.meta.require_list().map(|list| list.tokens.clone()).unwrap_or_default();
        list.into_iter().any(|token| matches!(token, TokenTree::Ident(word) if word == "cfg"))
    };
    attr.path().is_ident("cfg") || (attr.path().is_ident("cfg_attr") && within())
}

/// Reads the list between the parentheses. Returns the parameters, and whether there is a `self` too.
pub(super) fn read(list: TokenStream, errors: &mut Vec<syn::Error>) -> (Vec<Param>, bool) {
    let (mut params, mut is_method) = (Vec::new(), false);
    for tokens in at_commas(list) {
        let mut errors = |error| errors.push(error);
        match (|input: ParseStream<'_>| param(input, &mut errors)).parse2(tokens.clone()) {
            Ok(param) => {
                is_method |= param.is_none();
                params.extend(param);
            }
            Err(error) => {
                errors(error);
                let name = Ident::new("_", tokens.span());
                params.push(Param { name, ty: Type::Verbatim(quote!(())), kind: Kind::Value });
            }
        }
    }
    let slices = params.iter().filter(|param| param.is_slice());
    if let Some(first) = slices.clone().nth(MOST_SLICES) {
        let count = slices.count();
        let message = format!("a kernel takes at most {MOST_SLICES} slices, and this one has {count}");
        errors.push(syn::Error::new_spanned(&first.ty, message));
    }
    (params, is_method)
}

/// Splits a list at its commas. Those between angle brackets belong to types.
fn at_commas(list: TokenStream) -> Vec<TokenStream> {
    let (mut parts, mut depth, mut before) = (vec![TokenStream::new()], 0_usize, ' ');
    for token in list {
        let mark = if let TokenTree::Punct(mark) = &token { mark.as_char() } else { ' ' };
        match mark {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = mark;
        if mark == ',' && depth == 0 {
            parts.push(TokenStream::new());
        } else if let Some(last) = parts.last_mut() {
            last.extend([token]);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Reads a parameter. `None` after the mistake of a `self`.
fn param(input: ParseStream<'_>, errors: &mut impl FnMut(syn::Error)) -> syn::Result<Option<Param>> {
    for attr in input.call(Attribute::parse_outer)?.iter().filter(|attr| is_cfg(attr)) {
        let message = "the number of parameters cannot depend on `cfg`: write two kernels, each with its own `#[cfg(..)]`";
        errors(syn::Error::new_spanned(attr, message));
    }
    let span = input.span();
    let pattern = pattern(input)?;
    if matches!(pattern.last(), Some(TokenTree::Ident(word)) if word == "self") {
        let rest: TokenStream = input.parse()?;
        let message = "a kernel is a function of the module, without `self`";
        errors(syn::Error::new_spanned(quote!(#(#pattern)* #rest), message));
        return Ok(None);
    }
    if input.parse::<Token![:]>().is_err() {
        return Err(syn::Error::new(span, "a parameter of a kernel is `name: Type`"));
    }
    let name = name(&pattern).unwrap_or_else(|message| {
        errors(syn::Error::new_spanned(quote!(#(#pattern)*), message));
        Ident::new("_", span)
    });
    let ty: Type = input.parse()?;
    let kind = kind(&ty).unwrap_or_else(|message| {
        errors(syn::Error::new_spanned(&ty, message));
        Kind::Value
    });
    Ok(Some(Param { name, ty, kind }))
}

/// Reads a pattern, up to the colon after it.
fn pattern(input: ParseStream<'_>) -> syn::Result<Vec<TokenTree>> {
    let mut pattern = Vec::new();
    while !input.is_empty() {
        if input.peek(Token![:]) && !input.peek(Token![::]) {
            break;
        }
        let token: TokenTree = input.parse()?;
        let in_path = matches!(&token, TokenTree::Punct(mark) if mark.as_char() == ':' && mark.spacing() == Spacing::Joint);
        pattern.push(token);
        if in_path {
            pattern.push(input.parse()?);
        }
    }
    Ok(pattern)
}

/// The name in a pattern.
fn name(pattern: &[TokenTree]) -> Result<Ident, String> {
    match pattern {
        [TokenTree::Ident(name)] if name == "_" => {
            Err("a parameter of a kernel has a name, such as `_unused`: callers see it".to_owned())
        }
        [TokenTree::Ident(name)] if TAKEN.iter().any(|taken| name == taken) => {
            Err(format!("`{name}` is what the generated code calls something of its own: choose another"))
        }
        [TokenTree::Ident(name)] => Ok(name.clone()),
        [TokenTree::Ident(word), TokenTree::Ident(name)] if word == "mut" => Ok(name.clone()),
        _ => {
            let pattern = quote!(#(#pattern)*).to_string().replace(" :: ", "::").replace("& ", "&");
            Err(format!(
                "a parameter of a kernel is a name: take it apart in the body, `let {pattern} = name;`"
            ))
        }
    }
}

const PLAIN_DATA: &str = "a kernel takes plain data: slices of it, and values";

/// The kind of parameter that a type is. An error is the message about it.
fn kind(ty: &Type) -> Result<Kind, String> {
    match bare(ty) {
        Type::Reference(reference) => reference_kind(reference),
        Type::Slice(slice) => Err(format!("a slice is borrowed: {}", slice_of(&slice.elem))),
        Type::Ptr(pointer) => Err(format!("a buffer is a slice here: {}", slice_of(&pointer.elem))),
        Type::ImplTrait(_) => {
            Err("a kernel has types that are known here: the PTX has one function of this name".to_owned())
        }
        Type::TraitObject(_) => Err(PLAIN_DATA.to_owned()),
        _ => match in_collection(ty) {
            Some(element) => Err(format!("a buffer is a slice here: {}", slice_of(element))),
            None => Ok(Kind::Value),
        },
    }
}

fn reference_kind(reference: &TypeReference) -> Result<Kind, String> {
    let element = bare(&reference.elem);
    if let Type::Slice(slice) = element {
        return match &reference.lifetime {
            Some(lifetime) if lifetime.ident != "_" => Err(format!(
                "a slice lives as long as the launch, which has no name: `&{}[{}]`",
                if reference.mutability.is_some() { "mut " } else { "" },
                text::of(&slice.elem)
            )),
            _ => Ok(Kind::Slice { mutable: reference.mutability.is_some() }),
        };
    }
    let (mutable, by_value) = match reference.mutability {
        Some(_) => ("mut ", String::new()),
        None => ("", format!(", and a value is passed as `{}`", text::of(element))),
    };
    Err(match (element, in_collection(element)) {
        (_, Some(inner)) => format!("a buffer is a slice here: {}", slice_of(inner)),
        (Type::Path(path), _) if path.path.is_ident("str") => {
            format!("a kernel knows no text: its bytes are `&{mutable}[u8]`")
        }
        (Type::Array(array), _) => {
            format!("a buffer is a slice here, `&{mutable}[{}]`{by_value}", text::of(&array.elem))
        }
        (Type::TraitObject(_) | Type::FnPtr(_), _) => PLAIN_DATA.to_owned(),
        _ => format!("a buffer is a slice here, `&{mutable}[{}]`{by_value}", text::of(element)),
    })
}

fn slice_of(element: &Type) -> String {
    let element = text::of(element);
    format!("`&[{element}]`, or `&mut [{element}]` if the kernel writes it")
}

/// `T` of a type that owns or borrows a buffer: `Vec<T>`, `Buffer<T>`, `View<'_, T>`.
fn in_collection(ty: &Type) -> Option<&Type> {
    if let Some(element) = element_of(ty) {
        return Some(element);
    }
    let Type::Path(path) = bare(ty) else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(args) = &last.arguments else { return None };
    let names = ["Buffer", "View", "ViewMut", "Bound"];
    let mut types = args.args.iter().filter_map(|arg| match arg {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.next().filter(|_| names.iter().any(|name| last.ident == name))
}

/// The parameters as in the declaration: `positions: &mut [f32], count: u32`.
pub(super) fn declared(params: &[Param]) -> Vec<String> {
    params.iter().map(|param| format!("{}: {}", param.name, text::of(param.ty.to_token_stream()))).collect()
}
