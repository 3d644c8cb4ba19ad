//! Questions about syntax that several modules ask: identifiers, types, attributes and spans.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::HashSet;
use syn::ext::IdentExt;
use syn::{Attribute, Expr, GenericArgument, GenericParam, Lit, PathArguments, Type, TypeArray};

/// All identifiers in `tokens`. A lifetime is listed without its tick, a raw identifier without `r#`.
pub(crate) fn identifiers(tokens: TokenStream) -> HashSet<String> {
    identifiers_after(tokens, |_| true)
}

/// Those of the identifiers that may be variables: no field, no method, and no later part of a path. Two
/// dots are a range, after which a variable may come.
pub(crate) fn variables(tokens: TokenStream) -> HashSet<String> {
    identifiers_after(tokens, |before| before != "." && before != "::")
}

/// The identifiers that come after such punctuation, or after none.
fn identifiers_after(tokens: TokenStream, fits: fn(&str) -> bool) -> HashSet<String> {
    let (mut found, mut before) = (HashSet::new(), String::new());
    for token in tokens {
        if let TokenTree::Punct(punct) = token {
            before.push(punct.as_char());
            continue;
        }
        match token {
            TokenTree::Ident(ident) if fits(&before) => {
                found.insert(ident.unraw().to_string());
            }
            TokenTree::Group(group) => found.extend(identifiers_after(group.stream(), fits)),
            _ => {}
        }
        before.clear();
    }
    found
}

/// `base`, or the first of `base1`, `base2`, ... that is not taken.
pub(crate) fn free(base: &str, taken: &HashSet<String>) -> String {
    let numbered = (1..).map(|n| format!("{base}{n}"));
    std::iter::once(base.to_owned()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default()
}

/// The name of a generic parameter, in the form that [`identifiers`] lists.
pub(crate) fn param_name(param: &GenericParam) -> String {
    match param {
        GenericParam::Lifetime(param) => param.lifetime.ident.to_string(),
        GenericParam::Type(param) => param.ident.unraw().to_string(),
        GenericParam::Const(param) => param.ident.unraw().to_string(),
    }
}

/// The attributes called `name`, as tokens that can be copied into the output.
pub(crate) fn attrs_named(attrs: &[Attribute], name: &str) -> TokenStream {
    attrs.iter().filter(|attr| attr.path().is_ident(name)).map(ToTokens::to_token_stream).collect()
}

/// A type without enclosing parentheses and without the invisible groups that `macro_rules!` inserts.
pub(crate) fn bare(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        }
    }
}

/// `T` of `Vec<T>`, whichever path names `Vec`.
pub(crate) fn element_of(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = bare(ty) else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(args) = &last.arguments else { return None };
    match args.args.first()? {
        GenericArgument::Type(element) if last.ident == "Vec" && args.args.len() == 1 => Some(element),
        _ => None,
    }
}

/// The size in bytes of a primitive number, or of an array of them. `None` for every other type.
pub(crate) fn size_from_syntax(ty: &Type) -> Option<u64> {
    match bare(ty) {
        Type::Path(path) => match path.path.get_ident()?.to_string().as_str() {
            "u8" | "i8" => Some(1),
            "u16" | "i16" => Some(2),
            "u32" | "i32" | "f32" => Some(4),
            "u64" | "i64" | "f64" => Some(8),
            "u128" | "i128" => Some(16),
            _ => None,
        },
        Type::Array(array) => {
            let Expr::Lit(len) = &array.len else { return None };
            let Lit::Int(len) = &len.lit else { return None };
            size_from_syntax(&array.elem)?.checked_mul(len.base10_parse().ok()?)
        }
        _ => None,
    }
}

/// Whether the syntax alone shows that a type is unsized. `str` counts, because it is a built-in type.
pub(crate) fn is_unsized(ty: &Type) -> bool {
    match bare(ty) {
        Type::Slice(_) | Type::TraitObject(_) => true,
        Type::Path(path) => path.path.is_ident("str"),
        _ => false,
    }
}

/// Whether the length of an array is a literal zero.
pub(crate) fn is_empty_array(array: &TypeArray) -> bool {
    matches!(&array.len, Expr::Lit(len) if matches!(&len.lit, Lit::Int(len) if len.base10_digits() == "0"))
}

/// A span that points at `span` in messages, and that name resolution and lints treat as generated code.
pub(crate) fn generated_at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// `tokens` as generated code ([`generated_at`]): all of them at `span`, or each at its own place.
pub(crate) fn as_generated(tokens: TokenStream, span: Option<Span>) -> TokenStream {
    let respan = |mut token: TokenTree| {
        let generated = generated_at(span.unwrap_or_else(|| token.span()));
        if let TokenTree::Group(group) = token {
            token = Group::new(group.delimiter(), as_generated(group.stream(), span)).into();
        }
        token.set_span(generated);
        token
    };
    tokens.into_iter().map(respan).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[test]
    fn fields_methods_and_paths_are_no_variables() {
        let found =
            variables(quote!(step.nodes as usize == nodes.len() && grid::cells(r#in) < (0..end).count()));
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort();
        assert_eq!(found, ["as", "end", "grid", "in", "nodes", "step", "usize"]);
    }
}
