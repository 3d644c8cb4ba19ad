//! `Self`, by name. In the struct it means the struct. What is generated repeats the struct's types and bounds in impls of
//! the manager, where it would mean the manager.

use crate::model::words;
use proc_macro2::{Group, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::Parse;
use syn::{Data, DeriveInput, GenericParam};

/// Writes the struct's own type instead of `Self` in its fields, its parameters and its where clause.
pub(crate) fn name(input: &mut DeriveInput) {
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

/// The struct's type as its impls name it.
struct OwnType {
    ident: Ident,
    args: TokenStream,
}

impl OwnType {
    /// `None` where nothing says `Self`, or where there is no struct to name.
    fn of(input: &DeriveInput) -> Option<Self> {
        let Data::Struct(data) = &input.data else { return None };
        let clause = &input.generics.where_clause;
        let (fields, generics) = (&data.fields, &input.generics);
        let used = words(quote!(#fields #generics #clause));
        let (_, args, _) = generics.split_for_impl();
        let args = args.as_turbofish().to_token_stream();
        used.contains("Self").then(|| OwnType { ident: input.ident.clone(), args })
    }

    fn rename<T: Parse + ToTokens>(&self, node: &mut T) {
        let tokens = node.to_token_stream();
        if words(tokens.clone()).contains("Self")
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
                    // As generated code, for which a deprecated struct is no warning.
                    let mut ident = self.ident.clone();
                    ident.set_span(Span::call_site().located_at(word.span()));
                    let args = &self.args;
                    // `Self::Point` is a path from the type, which a name with arguments needs brackets for.
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
    use super::name;
    use quote::ToTokens;
    use syn::DeriveInput;

    #[test]
    fn self_is_the_struct_wherever_it_stands() {
        let mut input: DeriveInput = syn::parse_str(
            "struct S<'a, T: Into<Self>, const N: usize> where Self: Shape, <Self as Shape>::Point: Copy { \
             a: Vec<<Self as Shape>::Point>, b: [u8; Self::LEN], c: &'a Option<Box<Self>> }",
        )
        .unwrap();
        name(&mut input);
        let expected: DeriveInput = syn::parse_str(
            "struct S<'a, T: Into<S::<'a, T, N> >, const N: usize> \
             where S::<'a, T, N>: Shape, <S::<'a, T, N> as Shape>::Point: Copy { \
             a: Vec<<S::<'a, T, N> as Shape>::Point>, b: [u8; <S::<'a, T, N> >::LEN], c: &'a Option<Box<S::<'a, T, N> > > }",
        )
        .unwrap();
        assert_eq!(input.to_token_stream().to_string(), expected.to_token_stream().to_string());
    }
}
