//! Reads the attribute and the module.
//!
//! The macro does not parse Rust as a whole, which would take the largest feature of `syn`. It splits the
//! module into items. A function with a visibility is a kernel, of which it reads the signature; it copies
//! bodies and all other items as they are.

use crate::nearest::nearest;
use crate::sink::Sink;
use crate::syntax::bare;
use crate::text;
use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Attribute, LitStr, Token, Type, Visibility, braced, parenthesized};

/// The options of the attribute.
pub(super) struct Options {
    pub(super) ptx: Option<Ptx>,
    /// Whether the PTX takes the length of each slice after its address.
    pub(super) lengths: bool,
    /// The path of `gpumem`.
    pub(super) root: TokenStream,
}

/// `unsafe(ptx = "kernels.ptx")`
pub(super) struct Ptx {
    pub(super) unsafe_token: Token![unsafe],
    pub(super) path: LitStr,
}

const KEYS: [&str; 3] = ["unsafe", "slices", "crate"];

impl Options {
    pub(super) fn read(tokens: TokenStream, sink: &mut Sink) -> Self {
        let mut options = Self { ptx: None, lengths: false, root: quote!(::gpumem) };
        let read = |input: ParseStream<'_>| {
            while !input.is_empty() {
                options.key(input, sink)?;
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        if let Err(error) = syn::parse::Parser::parse2(read, tokens) {
            sink.push(error);
        }
        options
    }

    fn key(&mut self, input: ParseStream<'_>, sink: &mut Sink) -> syn::Result<()> {
        if let Ok(unsafe_token) = input.parse::<Token![unsafe]>() {
            let content;
            parenthesized!(content in input);
            let key: Ident = content.call(Ident::parse_any)?;
            if key != "ptx" {
                return Err(syn::Error::new(key.span(), "expected `ptx`: `unsafe(ptx = \"kernels.ptx\")`"));
            }
            content.parse::<Token![=]>()?;
            let path = content.parse()?;
            if !content.is_empty() {
                return Err(content.error("expected `)`: only `ptx` is vouched for"));
            }
            self.ptx = Some(Ptx { unsafe_token, path });
            return Ok(());
        }
        let key: Ident = input.call(Ident::parse_any)?;
        match key.to_string().as_str() {
            "ptx" => {
                let _: TokenStream = input.parse()?;
                let message = "PTX is code that the compiler cannot check: vouch for it, `unsafe(ptx = \"kernels.ptx\")`. Then each \
                               kernel touches no memory but the elements of its slices, whatever its other arguments are";
                sink.at(&key, message);
            }
            "slices" => {
                input.parse::<Token![=]>()?;
                self.slices(&input.parse()?, sink);
            }
            "crate" => {
                input.parse::<Token![=]>()?;
                self.root = syn::Path::parse_mod_style(input)?.into_token_stream();
            }
            name => {
                let hint = nearest(name, &KEYS)
                    .map_or("the keys are `unsafe(ptx = ..)`, `slices` and `crate`".into(), |meant| {
                        format!("did you mean `{meant}`?")
                    });
                return Err(syn::Error::new(key.span(), format!("unknown key `{name}`: {hint}")));
            }
        }
        Ok(())
    }

    fn slices(&mut self, style: &LitStr, sink: &mut Sink) {
        match style.value().as_str() {
            "pointer" => self.lengths = false,
            "pointer, length" => self.lengths = true,
            _ => sink.at(
                style,
                "a slice is `\"pointer\"` in the PTX, or `\"pointer, length\"`: an address, and after it the number of elements",
            ),
        }
    }
}

/// The annotated module.
pub(super) struct Module {
    pub(super) attrs: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) name: Ident,
    pub(super) inner: Vec<Attribute>,
    items: TokenStream,
}

impl Parse for Module {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        if !input.peek(Token![mod]) {
            return Err(
                input.error("`#[kernels]` stands before a module: `#[gpumem::kernels] pub mod steps { .. }`")
            );
        }
        input.parse::<Token![mod]>()?;
        let name = input.call(Ident::parse_any)?;
        if input.peek(Token![;]) {
            return Err(input.error(
                "the kernels stand in the module here: `mod name { .. }`, not in a file of their own",
            ));
        }
        let content;
        braced!(content in input);
        let inner = content.call(Attribute::parse_inner)?;
        Ok(Self { attrs, vis, name, inner, items: content.parse()? })
    }
}

/// A kernel of the module.
pub(super) struct Kernel {
    pub(super) attrs: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) name: Ident,
    pub(super) params: Vec<Param>,
    pub(super) has_body: bool,
    /// The conditions of `#[requires(..)]`.
    pub(super) requires: Vec<TokenStream>,
    /// Whether a mistake was reported. Then the method is there, and does nothing.
    pub(super) is_broken: bool,
}

/// A parameter of a kernel.
pub(super) struct Param {
    pub(super) name: Ident,
    pub(super) ty: Type,
    pub(super) kind: Kind,
}

impl Param {
    /// `T` of `&[T]` or `&mut [T]`.
    pub(super) fn element(&self) -> Option<&Type> {
        let Type::Reference(reference) = bare(&self.ty) else { return None };
        let Type::Slice(slice) = bare(&reference.elem) else { return None };
        Some(&slice.elem)
    }
}

pub(super) enum Kind {
    /// `&[T]` or `&mut [T]`.
    Slice { mutable: bool },
    /// Any other type, passed by value.
    Value,
}

impl Module {
    /// The module without what is no Rust: functions without a body and `#[requires]`. And its kernels.
    pub(super) fn into_kernels(mut self, sink: &mut Sink) -> (Self, Vec<Kernel>) {
        let (mut kept, mut kernels) = (TokenStream::new(), Vec::new());
        let read = |input: ParseStream<'_>| {
            while !input.is_empty() {
                item(input, &mut kept, &mut kernels, sink)?;
            }
            Ok(())
        };
        if let Err(error) = syn::parse::Parser::parse2(read, std::mem::take(&mut self.items)) {
            sink.push(error);
        }
        if kernels.is_empty() {
            sink.at(
                &self.name,
                "this module has no kernels: a kernel is a function with a visibility, `pub fn`",
            );
        }
        self.items = kept;
        (self, kernels)
    }

    pub(super) fn items(&self) -> &TokenStream {
        &self.items
    }
}

/// Reads an item, and adds it to `kept` and `kernels`.
fn item(
    input: ParseStream<'_>,
    kept: &mut TokenStream,
    kernels: &mut Vec<Kernel>,
    sink: &mut Sink,
) -> syn::Result<()> {
    let attrs = input.call(Attribute::parse_outer)?;
    let vis: Visibility = input.parse()?;
    let is_kernel = !matches!(vis, Visibility::Inherited) && is_function(input);
    if !is_kernel {
        kept.extend(quote!(#(#attrs)* #vis));
        return other_item(input, kept);
    }
    let (requires, attrs): (Vec<_>, Vec<_>) =
        attrs.into_iter().partition(|attr| attr.path().is_ident("requires"));
    let mut kernel = Kernel {
        attrs,
        vis,
        name: Ident::new("_", Span::call_site()),
        params: Vec::new(),
        has_body: true,
        requires: requires.iter().filter_map(|attr| condition(attr, sink)).collect(),
        is_broken: false,
    };
    let (errors, function) = signature(input, &mut kernel)?;
    kernel.is_broken = !errors.is_empty();
    errors.into_iter().for_each(|error| sink.push(error));
    if kernel.has_body {
        let (attrs, vis) = (&kernel.attrs, &kernel.vis);
        kept.extend(quote!(#(#attrs)* #vis #function));
    }
    kernels.push(kernel);
    Ok(())
}

/// Whether `fn` comes next, or what can stand before it.
fn is_function(input: ParseStream<'_>) -> bool {
    input.peek(Token![fn])
        || input.peek(Token![async])
        || input.peek(Token![unsafe])
        || (input.peek(Token![const]) && input.peek2(Token![fn]))
        || (input.peek(Token![extern]) && input.peek3(Token![fn]))
}

/// Copies an item that is no kernel, up to its end.
fn other_item(input: ParseStream<'_>, kept: &mut TokenStream) -> syn::Result<()> {
    // Their braces belong to an expression or a list, and a semicolon follows.
    let ends_with_semicolon = input.peek(Token![use])
        || input.peek(Token![static])
        || input.peek(Token![type])
        || (input.peek(Token![const]) && !input.peek2(Token![fn]) && !input.peek2(Token![unsafe]));
    while !input.is_empty() {
        let token: TokenTree = input.parse()?;
        let is_end = match &token {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && !ends_with_semicolon,
            _ => false,
        };
        kept.extend([token]);
        if is_end {
            break;
        }
    }
    Ok(())
}

/// The condition of `#[requires(condition)]`.
fn condition(attr: &Attribute, sink: &mut Sink) -> Option<TokenStream> {
    match attr.meta.require_list() {
        Ok(list) if !list.tokens.is_empty() => Some(list.tokens.clone()),
        Ok(list) => {
            sink.at(list, "expected a condition: `#[requires(positions.len() == velocities.len())]`");
            None
        }
        Err(error) => {
            sink.push(error);
            None
        }
    }
}

/// Reads a function from `fn` on. Returns the mistakes, and the function's tokens.
fn signature(input: ParseStream<'_>, kernel: &mut Kernel) -> syn::Result<(Vec<syn::Error>, TokenStream)> {
    let (mut errors, mut function) = (Vec::new(), TokenStream::new());
    while !input.peek(Token![fn]) {
        let word: TokenTree = input.parse()?;
        errors.push(syn::Error::new(word.span(), format!("a kernel is a plain `fn`, without `{word}`")));
        function.extend([word]);
    }
    function.extend(input.parse::<Token![fn]>()?.to_token_stream());
    kernel.name = input.call(Ident::parse_any)?;
    function.extend(kernel.name.to_token_stream());
    let generics: syn::Generics = input.parse()?;
    if !generics.params.is_empty() {
        let message = "a kernel has no parameters in angle brackets: the PTX has one function of this name";
        errors.push(syn::Error::new_spanned(&generics, message));
    }
    function.extend(generics.to_token_stream());
    let content;
    let parens = parenthesized!(content in input);
    let tokens: TokenStream = content.fork().parse()?;
    parens.surround(&mut function, |inner| inner.extend(tokens));
    params(&content, kernel, &mut errors)?;
    if input.peek(Token![->]) {
        let arrow: Token![->] = input.parse()?;
        let ty: Type = input.parse()?;
        let message = "a kernel returns nothing: it writes its result into a `&mut [T]`";
        errors.push(syn::Error::new_spanned(quote!(#arrow #ty), message));
        function.extend(quote!(#arrow #ty));
    }
    if input.peek(Token![;]) {
        input.parse::<Token![;]>()?;
        kernel.has_body = false;
    } else {
        function.extend([input.parse::<TokenTree>()?]);
    }
    Ok((errors, function))
}

/// Reads the parameters of a kernel.
fn params(input: ParseStream<'_>, kernel: &mut Kernel, errors: &mut Vec<syn::Error>) -> syn::Result<()> {
    while !input.is_empty() {
        input.call(Attribute::parse_outer)?;
        input.parse::<Option<Token![mut]>>()?;
        if input.peek(Token![&]) || input.peek(Token![self]) {
            let rest: TokenStream = input.parse()?;
            errors
                .push(syn::Error::new_spanned(&rest, "a kernel is a function of the module, without `self`"));
            return Ok(());
        }
        let token: TokenTree = input.parse()?;
        let TokenTree::Ident(name) = token else {
            return Err(syn::Error::new(token.span(), "a parameter of a kernel is `name: Type`"));
        };
        if name == "_" {
            errors.push(syn::Error::new(name.span(), "a parameter of a kernel has a name"));
        }
        input.parse::<Token![:]>()?;
        let ty: Type = input.parse()?;
        match kind(&ty) {
            Ok(kind) => kernel.params.push(Param { name, ty, kind }),
            Err(error) => {
                errors.push(error);
                kernel.params.push(Param { name, ty, kind: Kind::Value });
            }
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

fn kind(ty: &Type) -> syn::Result<Kind> {
    let refused = |message: String| Err(syn::Error::new(ty.span(), message));
    match bare(ty) {
        Type::Reference(reference) => match bare(&reference.elem) {
            Type::Slice(_) => Ok(Kind::Slice { mutable: reference.mutability.is_some() }),
            element => refused(format!(
                "a kernel takes slices and values: `{}`, or `&[{0}]` for a buffer",
                text::of(element)
            )),
        },
        Type::Slice(slice) => {
            let element = text::of(&slice.elem);
            refused(format!(
                "a slice is borrowed: `&[{element}]`, or `&mut [{element}]` if the kernel writes it"
            ))
        }
        Type::Ptr(pointer) => {
            let element = text::of(&pointer.elem);
            refused(format!(
                "a buffer is a slice here: `&[{element}]`, or `&mut [{element}]` if the kernel writes it"
            ))
        }
        Type::ImplTrait(_) | Type::TraitObject(_) => {
            refused("a kernel has types of one layout: the PTX has one function of this name".into())
        }
        _ => Ok(Kind::Value),
    }
}
