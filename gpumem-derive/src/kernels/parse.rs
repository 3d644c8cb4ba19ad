//! Reads the module.
//!
//! The macro does not parse Rust as a whole, which would take the largest feature of `syn`. It splits the
//! module into items. A function with a visibility is a kernel, of which it reads the signature; it copies
//! bodies and all other items as they are.

use super::signature::{self, Kernel};
use crate::sink::Sink;
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Token, Visibility, braced};

/// The annotated module.
pub(super) struct Module {
    pub(super) attrs: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) name: Ident,
    /// `#![..]`
    pub(super) inner: Vec<Attribute>,
    /// After [`Module::into_kernels`] this is Rust: without functions that have no body, and without
    /// `#[requires]`.
    pub(super) items: TokenStream,
    /// After [`Module::into_kernels`], its structs.
    pub(super) structs: Vec<TokenStream>,
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
            return Err(syn::Error::new(
                name.span(),
                format!(
                    "the kernels stand in the module here, not in a file of their own: `mod {name} {{ .. }}`"
                ),
            ));
        }
        let content;
        braced!(content in input);
        let inner = content.call(Attribute::parse_inner)?;
        Ok(Self { attrs, vis, name, inner, items: content.parse()?, structs: Vec::new() })
    }
}

impl Module {
    /// The name, without `r#`.
    pub(super) fn plain_name(&self) -> String {
        self.name.unraw().to_string()
    }

    /// The module as Rust, and its kernels.
    pub(super) fn into_kernels(self, sink: &mut Sink) -> (Self, Vec<Kernel>) {
        let mut reader = Reader {
            kept: TokenStream::new(),
            structs: Vec::new(),
            kernels: Vec::new(),
            is_empty: true,
            sink,
        };
        let read = |input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Err(error) = reader.item(input) {
                    reader.sink.push(error);
                    rest_of_item(input, &mut TokenStream::new())?;
                }
            }
            Ok(())
        };
        let result = read.parse2(flat(self.items));
        let Reader { kept, structs, kernels, is_empty, sink } = reader;
        if let Err(error) = result {
            sink.push(error);
        }
        if is_empty {
            let message = format!(
                "the module `{}` has no kernels: a kernel is a function with a visibility, such as `pub fn`",
                self.name
            );
            sink.at(&self.name, message);
        }
        (Self { items: kept, structs, ..self }, kernels)
    }
}

/// The items of the module without the invisible groups of `macro_rules!` around whole items (`$item:item`).
/// Groups inside items stay: they keep an expression together.
fn flat(items: TokenStream) -> TokenStream {
    let (mut flattened, mut is_start) = (TokenStream::new(), true);
    for token in items {
        match token {
            TokenTree::Group(group)
                if is_start && group.delimiter() == Delimiter::None && is_item(&group.stream()) =>
            {
                flattened.extend(flat(group.stream()));
            }
            token => {
                is_start = ends_item(&token)
                    || matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket);
                flattened.extend([token]);
            }
        }
    }
    flattened
}

fn is_item(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().last().is_some_and(|last| ends_item(&last))
}

/// Whether an item may end with this token.
fn ends_item(token: &TokenTree) -> bool {
    match token {
        TokenTree::Punct(mark) => mark.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    }
}

struct Reader<'s> {
    /// The tokens that stay Rust.
    kept: TokenStream,
    structs: Vec<TokenStream>,
    kernels: Vec<Kernel>,
    /// Whether there was no kernel, not even a wrong one.
    is_empty: bool,
    sink: &'s mut Sink,
}

impl Reader<'_> {
    /// Reads an item.
    fn item(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis: Visibility = input.parse()?;
        if !matches!(vis, Visibility::Inherited) && signature::is_function(input) {
            return self.kernel(input, attrs, vis);
        }
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("requires")) {
            let message = "`#[requires]` is for kernels, and this is none: a kernel is a function with a visibility, such as `pub fn`";
            self.sink.at(attr, message);
        }
        let attrs = attrs.iter().filter(|attr| !attr.path().is_ident("requires"));
        let mut item = quote!(#(#attrs)* #vis);
        if let Some((name, generated)) = is_called_as_generated(input) {
            self.sink.at(&name, format!("the generated {generated} is called `{name}`: choose another name"));
            return rest_of_item(input, &mut item);
        }
        let is_struct = input.peek(Token![struct]);
        rest_of_item(input, &mut item)?;
        self.structs.extend(is_struct.then(|| item.clone()));
        self.kept.extend(item);
        Ok(())
    }

    fn kernel(&mut self, input: ParseStream<'_>, attrs: Vec<Attribute>, vis: Visibility) -> syn::Result<()> {
        self.is_empty = false;
        let mut own = Sink::default();
        let read = signature::read(input, attrs, vis, &mut own);
        let gate = read.as_ref().map(|(kernel, _)| kernel.gate.clone()).unwrap_or_default();
        self.sink.append(own, &gate);
        let (kernel, function) = read?;
        // Two kernels of one name may be alternatives.
        let is_alike = |other: &Kernel| {
            other.plain_name() == kernel.plain_name() && other.gate.is_empty() && kernel.gate.is_empty()
        };
        if self.kernels.iter().any(is_alike) {
            let message =
                format!("there are two kernels `{}`, and the PTX has one of a name", kernel.plain_name());
            self.sink.at(&kernel.name, message);
            return Ok(());
        }
        if kernel.has_body {
            let (attrs, vis) = (&kernel.attrs, &kernel.vis);
            self.kept.extend(quote!(#(#attrs)* #vis #function));
        }
        if kernel.plain_name() == "load" {
            let message = "`Kernels` has a method `load` of its own, so the name is taken: choose another";
            self.sink.at(&kernel.name, message);
            return Ok(());
        }
        self.kernels.push(kernel);
        Ok(())
    }
}

/// The name of an item that is called as a generated one is, and the kind of that.
fn is_called_as_generated(input: ParseStream<'_>) -> Option<(Ident, &'static str)> {
    let ahead = input.fork();
    let mut words = std::iter::from_fn(|| ahead.call(Ident::parse_any).ok());
    let kind = words.find(|word| word != "unsafe")?;
    let is = |kinds: &[&str]| kinds.iter().any(|known| kind == known);
    let (name, generated) = match words.next()? {
        name if is(&["struct", "enum", "union", "trait", "type", "mod"]) => (name, ("Kernels", "struct")),
        name if is(&["const", "static"]) => (name, ("CUDA_HEADER", "constant")),
        _ => return None,
    };
    (name == generated.0).then_some((name, generated.1))
}

/// Copies an item that is no kernel, up to its end.
fn rest_of_item(input: ParseStream<'_>, copy: &mut TokenStream) -> syn::Result<()> {
    // The braces of these belong to an expression or a list, and a semicolon follows.
    let is_constant = input.peek(Token![const]) && !signature::is_function(input);
    let ends_with_semicolon =
        input.peek(Token![use]) || input.peek(Token![static]) || input.peek(Token![type]) || is_constant;
    while !input.is_empty() {
        let token: TokenTree = input.parse()?;
        let is_brace = matches!(token, TokenTree::Group(_));
        let is_end = ends_item(&token) && !(is_brace && ends_with_semicolon);
        copy.extend([token]);
        if is_end {
            break;
        }
    }
    Ok(())
}
