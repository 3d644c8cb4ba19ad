//! Assertions in the output, about facts that the compiler knows and a derive does not: the sizes of
//! elements, and the settings of constants. (That a manager is `Send` and `Sync` is a bound of `AnySet`.)

use super::context::{Context, Part};
use super::traits::constant;
use crate::syntax::{as_generated, generated_at};
use crate::text;
use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let mut output: TokenStream = cx.buffers.iter().filter_map(|part| element_has_a_size(cx, part)).collect();
    output.extend(cx.buffers.iter().filter_map(|part| max_holds_one_element(cx, part)));
    output.extend(cx.buffers.iter().filter_map(|part| config_agrees_on_async(cx, part)));
    output
}

/// An assertion whose tokens are all at `span`, so that the compiler points there and nowhere else.
/// `condition` gets the path of `core` and the span for its own tokens.
fn assertion(
    cx: &Context<'_>,
    span: Span,
    condition: impl FnOnce(&TokenStream, Span) -> TokenStream,
    message: &str,
) -> TokenStream {
    let core = as_generated(cx.core.clone(), Some(span));
    let span = generated_at(span);
    let (condition, lints) = (condition(&core, span), &cx.lints);
    quote_spanned! {span=>
        #lints
        const _: () = #core::assert!(#condition, "{}", #message);
    }
}

/// Whether the compiler can compute the size of the elements, and the syntax of their type does not tell it
/// already. If a parameter determines the size, the runtime checks it.
fn size_is_for_the_compiler(part: &Part<'_>) -> bool {
    let buffer = part.buffer;
    !buffer.generic && !buffer.substituted && buffer.element_size.is_none()
}

/// The elements are not zero-sized.
fn element_has_a_size(cx: &Context<'_>, part: &Part<'_>) -> Option<TokenStream> {
    if !size_is_for_the_compiler(part) {
        return None;
    }
    let (name, text, element) = (&part.field.name, &part.buffer.element_text, &part.buffer.element);
    let message =
        format!("an element must have a size: a `{text}` has none, so `{name}` would hold no bytes");
    let condition = |core: &TokenStream, span| quote_spanned!(span=> #core::mem::size_of::<#element>() != 0);
    Some(assertion(cx, part.buffer.written.span(), condition, &message))
}

/// `max` has room for one element.
fn max_holds_one_element(cx: &Context<'_>, part: &Part<'_>) -> Option<TokenStream> {
    let max = part.buffer.max.as_ref().filter(|_| size_is_for_the_compiler(part))?;
    let (name, text, element) = (&part.field.name, &part.buffer.element_text, &part.buffer.element);
    let message = format!("`max` of `{name}` is {}, less than one element, a `{text}`", max.text);
    let bytes = Literal::u64_unsuffixed(max.bytes);
    let condition = |core: &TokenStream, span| quote_spanned!(span=> #core::mem::size_of::<#element>() as #core::primitive::u64 <= #bytes);
    Some(assertion(cx, max.at.span(), condition, &message))
}

/// The constant of a `config` is async if the field is. The field decides the type of the buffer, and the
/// constant cannot change it.
fn config_agrees_on_async(cx: &Context<'_>, part: &Part<'_>) -> Option<TokenStream> {
    let config = part.buffer.config.as_ref()?;
    let text = text::of(config);
    let (not, message) = if part.buffer.asynchronous {
        let message = format!(
            "`{text}` is for blocking downloads: remove `async` beside `config = {text}`, or add `.asynchronous()` to the constant"
        );
        (None, message)
    } else {
        let message = format!(
            "`{text}` is for async downloads: write `async` beside `config = {text}`, which makes the buffer's type that of an async one"
        );
        (Some(quote!(!)), message)
    };
    let constant = constant(cx, part, config);
    let condition = |_: &TokenStream, span| quote_spanned!(span=> #not #constant.__is_async());
    Some(assertion(cx, config.span(), condition, &message))
}
