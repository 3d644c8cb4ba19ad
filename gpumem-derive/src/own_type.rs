//! Replaces `Self` by the name of the struct. The generated code repeats the struct's types and bounds in
//! impls of the manager, and there `Self` would mean the manager.

use crate::syntax::{generated_at, identifiers};
use proc_macro2::{Group, Ident, Spacing, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::Parse;
use syn::{Data, DeriveInput, GenericParam};

/// Replaces `Self` in the fields, the parameters and the where clause of a struct.
pub(crate) fn replace_self(input: &mut DeriveInput) {
    let Some(own) = OwnType::of(input) else { return };
    for param in &mut input.generics.params {
        match param {
            GenericParam::Type(param) => param.bounds.iter_mut().for_each(|bound| own.rename(bound)),
            GenericParam::Const(_) | GenericParam::Lifetime(_) => {}
        }
    }
    if let Some(clause) = &mut input.generics.where_clause {
        clause.predicates.iter_mut().for_each(|predicate| own.rename(predicate));
    }
    if let Data::Struct(data) = &mut input.data {
        data.fields.iter_mut().for_each(|field| own.rename(&mut field.ty));
    }
}

/// The type of the struct, with its arguments.
struct OwnType {
    ident: Ident,
    args: TokenStream,
}

impl OwnType {
    /// `None` if `Self` does not occur, or if the input is no struct.
    fn of(input: &DeriveInput) -> Option<Self> {
        let Data::Struct(data) = &input.data else { return None };
        let clause = &input.generics.where_clause;
        let (fields, generics) = (&data.fields, &input.generics);
        let used = identifiers(quote!(#fields #generics #clause));
        let (_, args, _) = generics.split_for_impl();
        let args = args.as_turbofish().to_token_stream();
        used.contains("Self").then(|| OwnType { ident: input.ident.clone(), args })
    }

    /// Replaces `Self` in one node of the syntax tree.
    fn rename<T: Parse + ToTokens>(&self, node: &mut T) {
        let tokens = node.to_token_stream();
        if identifiers(tokens.clone()).contains("Self")
            && let Ok(renamed) = syn::parse2(self.renamed(tokens))
        {
            *node = renamed;
        }
    }

    fn renamed(&self, tokens: TokenStream) -> TokenStream {
        let mut renamed = TokenStream::new();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) if word == "Self" => {
                    // As generated code, so that the compiler does not warn if the struct is deprecated.
                    let mut ident = self.ident.clone();
                    ident.set_span(generated_at(word.span()));
                    let args = &self.args;
                    // `Self::Point` becomes `<S<T>>::Point`: a type with arguments needs brackets before
                    // `::`.
                    let leads = matches!(tokens.peek(), Some(TokenTree::Punct(mark))
                        if mark.as_char() == ':' && mark.spacing() == Spacing::Joint);
                    renamed.extend(if leads { quote!(<#ident #args>) } else { quote!(#ident #args) });
                }
                TokenTree::Group(group) => {
                    let mut inner = Group::new(group.delimiter(), self.renamed(group.stream()));
                    inner.set_span(group.span());
                    renamed.extend([TokenTree::Group(inner)]);
                }
                token => renamed.extend([token]),
            }
        }
        renamed
    }
}

#[cfg(test)]
mod tests {
    use super::replace_self;
    use quote::ToTokens;
    use syn::DeriveInput;

    #[test]
    fn self_is_the_struct_wherever_it_stands() {
        let mut input: DeriveInput = syn::parse_str(
            "struct S<'a, T: Into<Self>, const N: usize> where Self: Shape, <Self as Shape>::Point: Copy { \
             a: Vec<<Self as Shape>::Point>, b: [u8; Self::LEN], c: &'a Option<Box<Self>> }",
        )
        .unwrap();
        replace_self(&mut input);
        let expected: DeriveInput = syn::parse_str(
            "struct S<'a, T: Into<S::<'a, T, N> >, const N: usize> \
             where S::<'a, T, N>: Shape, <S::<'a, T, N> as Shape>::Point: Copy { \
             a: Vec<<S::<'a, T, N> as Shape>::Point>, b: [u8; <S::<'a, T, N> >::LEN], c: &'a Option<Box<S::<'a, T, N> > > }",
        )
        .unwrap();
        assert_eq!(input.to_token_stream().to_string(), expected.to_token_stream().to_string());
    }
}
