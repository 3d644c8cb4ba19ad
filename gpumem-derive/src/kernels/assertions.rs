//! Assertions about types, which the compiler knows and the macro does not.

use super::params::Param;
use crate::syntax::size_from_syntax;
use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Type;

/// The most digits of a number.
const DIGITS: usize = 20;

/// A property of a type, compared with that of a parameter in the PTX.
pub(super) enum Property {
    /// The size is this.
    Size(u64),
    /// The alignment is no more than this.
    Alignment(u64),
    /// The size is a multiple of this.
    MultipleOf(u64),
}

/// A statement that fails if `ty` does not have a property: with `message`, and after it the type's own
/// number.
pub(super) fn assertion(ty: &Type, property: &Property, message: &str, core: &TokenStream) -> TokenStream {
    let text = Literal::byte_string(format!("{message} {:DIGITS$}", "").as_bytes());
    let size = quote!(#core::mem::size_of::<#ty>());
    let (holds, number) = match property {
        Property::Size(bytes) => {
            let bytes = Literal::u64_unsuffixed(*bytes);
            (quote!(#size == #bytes), size)
        }
        Property::MultipleOf(bytes) => {
            let bytes = Literal::u64_unsuffixed(*bytes);
            (quote!(#size % #bytes == 0), size)
        }
        Property::Alignment(bytes) => {
            let (bytes, alignment) = (Literal::u64_unsuffixed(*bytes), quote!(#core::mem::align_of::<#ty>()));
            (quote!(#alignment <= #bytes), alignment)
        }
    };
    // The compiler underlines the call, from its first token to its last: the whole type.
    let (first, last) = ends(ty);
    let mut arguments = Group::new(Delimiter::Parenthesis, quote!(#holds, *#text, #number));
    arguments.set_span(last);
    let function = Ident::new("__assert", first);
    quote!(#function #arguments;)
}

/// The spans of the first and the last token.
fn ends(ty: &Type) -> (Span, Span) {
    let mut spans = ty.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    (first, spans.last().unwrap_or(first))
}

/// The assertions about a parameter: the compiler checks first that its type is plain data.
pub(super) fn of_parameter(param: &Param, assertions: &TokenStream, private: &TokenStream) -> TokenStream {
    let plain = match param.element() {
        Some(element) if size_from_syntax(element).is_none() => {
            quote!(_ = <#element as #private::PlainData>::bytes;)
        }
        // The method says the same of a value, and the compiler prints that once.
        None if !assertions.is_empty() => {
            let ty = &param.ty;
            quote!(_ = #private::Value::of::<#ty>;)
        }
        _ => TokenStream::new(),
    };
    if plain.is_empty() && assertions.is_empty() {
        return TokenStream::new();
    }
    quote!(const _: () = { #plain #assertions };)
}

/// The function that the assertions call. The text of a failed assertion can have a number in it only if it
/// is made while the compiler evaluates it.
pub(super) fn function(core: &TokenStream) -> TokenStream {
    quote! {
        /// Fails with a text, and a number in place of the blanks at its end.
        #[track_caller]
        const fn __assert<const N: #core::primitive::usize>(
            holds: #core::primitive::bool,
            mut text: [#core::primitive::u8; N],
            number: #core::primitive::usize,
        ) {
            if holds {
                return;
            }
            let (mut at, mut unit) = (N - #DIGITS, 1);
            while number / unit > 9 {
                unit *= 10;
            }
            while unit > 0 {
                text[at] = b'0' + (number / unit % 10) as #core::primitive::u8;
                at += 1;
                unit /= 10;
            }
            match #core::str::from_utf8(&text) {
                #core::result::Result::Ok(text) => #core::panic!("{}", text),
                #core::result::Result::Err(_) => #core::unreachable!(),
            }
        }
    }
}
