//! What the attributes accept, and what each mistake is told.

use super::*;
use quote::quote;

/// Reads a field with these attribute tokens.
fn read(tokens: &str) -> (FieldSettings, Vec<String>) {
    let tokens: TokenStream = tokens.parse().unwrap();
    let input: syn::DeriveInput = syn::parse2(quote!(
        struct S {
            #[buffer(#tokens)]
            f: Vec<u8>,
        }
    ))
    .unwrap();
    let syn::Data::Struct(data) = input.data else { panic!("a struct") };
    let mut sink = Sink::default();
    let settings = field(&data.fields.iter().next().unwrap().attrs, &mut sink);
    (settings, sink.messages())
}

/// Reads the attributes of a struct.
fn read_struct(attrs: &TokenStream) -> (StructSettings, Vec<String>) {
    let input: syn::DeriveInput = syn::parse2(quote!(#attrs struct S {})).unwrap();
    let mut sink = Sink::default();
    let settings = container(&input.attrs, &mut sink);
    (settings, sink.messages())
}

fn mistakes(tokens: &str) -> Vec<String> {
    read(tokens).1
}

#[track_caller]
fn one_mistake(tokens: &str, part: &str) {
    let found = mistakes(tokens);
    assert_eq!(found.len(), 1, "{tokens}: {found:?}");
    assert!(found[0].contains(part), "{tokens}: {}", found[0]);
}

#[test]
fn reads_every_key() {
    let (settings, mistakes) = read(r#"growth = 1.3, max = "512MiB", min = 4096, async"#);
    assert_eq!(mistakes, [""; 0]);
    assert_eq!(settings.growth.unwrap().value, Some(1.3));
    assert_eq!(settings.max.unwrap().value.unwrap().bytes, 512 << 20);
    assert_eq!(settings.min.unwrap().value.unwrap().bytes, 4096);
    assert!(settings.asynchronous.is_some());
    assert!(settings.skip.is_none());
    assert!(read("skip").0.skip.is_some());
}

#[test]
fn a_comma_at_the_end_and_no_key_at_all_are_fine() {
    assert_eq!(mistakes("growth = 2,"), [""; 0]);
    assert_eq!(mistakes(""), [""; 0]);
}

#[test]
fn growth_has_a_range() {
    for (tokens, value) in [("2", 2.0), ("1.0001", 1.0001), ("8", 8.0), ("1.5e0", 1.5), ("1_5e-1", 1.5)] {
        let (settings, mistakes) = read(&format!("growth = {tokens}"));
        assert_eq!(mistakes, [""; 0], "{tokens}");
        assert_eq!(settings.growth.unwrap().value, Some(value));
    }
    for low in ["1", "1.0", "0", "0.5", "-1.5", "-2"] {
        one_mistake(&format!("growth = {low}"), "must be greater than 1");
    }
    one_mistake("growth = 13", "did you mean `1.3`?");
    one_mistake("growth = 15", "did you mean `1.5`?");
    one_mistake("growth = 125", "did you mean `1.25`?");
    one_mistake("growth = 13.5", "at most 8: a full buffer");
    one_mistake("growth = 1e300", "at most 8: a full buffer");
    one_mistake("growth = 1e999", "at most 8");
}

#[test]
fn growth_is_a_plain_number() {
    one_mistake("growth = \"1.3\"", "without quotes: `growth = 1.3`");
    one_mistake("growth = \"fast\"", "expected a number greater than 1");
    one_mistake("growth = fast", "expected a number greater than 1");
    one_mistake("growth = true", "expected a number greater than 1");
    one_mistake("growth = 1.3f32", "without `f32`");
    one_mistake("growth = 2u8", "without `u8`: `growth = 2`");
    one_mistake("growth = 1.3 * 2.0", "expected a number greater than 1");
}

#[test]
fn sizes_are_in_quotes_or_in_bytes() {
    one_mistake("max = 512MiB", "in quotes: `\"512MiB\"`");
    one_mistake("max = 1.5GiB", "in quotes: `\"1.5GiB\"`");
    one_mistake("max = 1.5", "a number of bytes is whole");
    one_mistake("max = -5", "cannot be negative");
    one_mistake("max = big", "expected a size");
    one_mistake("max = 18446744073709551616", "a size is less than 16 EiB");
    one_mistake("max = 0", "leaves no room");
    one_mistake("max = \"0 MiB\"", "leaves no room");
    assert_eq!(mistakes("min = 0"), [""; 0]);
}

#[test]
fn values_are_where_they_belong() {
    one_mistake("growth", "`growth` needs a value: write `growth = 1.5`");
    one_mistake("growth =", "`growth` needs a value: write `growth = 1.5`");
    one_mistake("growth = , async", "`growth` needs a value");
    one_mistake("growth(1.5)", "`growth` takes its value after `=`");
    one_mistake("growth: 1.5", "expected `=` or a comma after `growth`");
    one_mistake("growth async", "expected a comma after `growth`");
    one_mistake("growth = 1.5 async", "expected a comma after `1.5`");
    one_mistake("async = true", "`async` takes no value: write `async`, or leave it out");
    one_mistake("skip =", "`skip` takes no value");
    one_mistake("skip: true", "expected `=` or a comma after `skip`");
}

#[test]
fn keys_are_words() {
    one_mistake("1.5", "expected a key, such as `growth = 1.5`, found `1.5`");
    one_mistake("\"growth\" = 1.5", "expected a key, such as `growth = 1.5`, found `\"growth\"`");
    one_mistake("(growth = 1.5)", "found `(`");
    one_mistake(", async", "expected a key, such as `growth = 1.5`, before this comma");
    one_mistake("async,, growth = 2", "before this comma");
}

#[test]
fn unknown_keys_are_corrected_or_listed() {
    one_mistake("grwoth = 1.3", "unknown key `grwoth`: did you mean `growth`?");
    one_mistake("asnyc", "did you mean `async`?");
    one_mistake("colour = 3", "a buffer takes `growth`, `max`, `min`, `async` and `skip`");
    assert!(read("skpi").0.unclear);
}

#[test]
fn planned_keys_are_refused_by_name() {
    for tokens in ["stable", "name = \"x\"", "preset = \"edges\"", "config = SPEC"] {
        one_mistake(tokens, "is not supported yet");
    }
    one_mistake("async(slots = 3)", "options of `async` are not supported yet");
    one_mistake("skip(default)", "options of `skip` are not supported yet");
}

#[test]
fn a_key_is_given_once() {
    one_mistake("async, async", "`async` is given twice: this is the second");
    one_mistake("growth = 2, async, growth = 3", "`growth` is given twice");
    // The first was wrong, and is still the first.
    assert_eq!(mistakes("max = 0, max = 1").len(), 2);
}

#[test]
fn every_mistake_of_an_attribute_is_reported() {
    let found = mistakes("grwoth = 1.3, max = \"lots\", async = 1, 7, min = -1, preset = \"edges\", async");
    assert_eq!(found.len(), 7, "{found:#?}");
}

#[test]
fn literals_that_macros_pass_on_are_literals() {
    use proc_macro2::{Delimiter, Group, Literal};
    let number = Group::new(Delimiter::None, quote!(1.5));
    assert!((growth(&quote!(#number)).unwrap() - 1.5).abs() < f64::EPSILON);
    let size = Group::new(Delimiter::None, Literal::string("1KiB").into_token_stream());
    assert_eq!(bytes(&quote!(#size)).unwrap().bytes, 1024);
}

#[test]
fn the_crate_can_be_named() {
    let (settings, mistakes) = read_struct(&quote!(#[buffers(crate = crate::reexported::gpumem)]));
    assert_eq!(mistakes, [""; 0]);
    assert_eq!(crate::text::of(settings.crate_path.unwrap().value.unwrap()), "crate::reexported::gpumem");
    for (attrs, part) in [
        (quote!(#[buffers(crate = "x")]), "without quotes: `crate = x`"),
        (quote!(#[buffers(crate = 5)]), "expected the path of the crate"),
        (quote!(#[buffers(crate = a::)]), "expected the path of the crate"),
        (quote!(#[buffers(crate = a b)]), "expected the path of the crate"),
        (quote!(#[buffers(crate)]), "`crate` needs a value"),
        (quote!(#[buffers(crat = a)]), "did you mean `crate`?"),
        (quote!(#[buffers(skip)]), "`skip` belongs to a field: write `#[buffer(skip)]` above it"),
        (quote!(#[buffers(growth = 2.0)]), "not supported yet: write it on each field"),
        (quote!(#[buffers(lens = Sizes)]), "`lens` for a whole struct is not supported yet"),
        (quote!(#[buffers(colour)]), "a struct takes `crate`"),
        (quote!(#[buffers = 5]), "expected `(`"),
        (quote!(#[buffer(growth = 2)]), "the struct takes `#[buffers(…)]`"),
    ] {
        let (_, found) = read_struct(&attrs);
        assert_eq!(found.len(), 1, "{attrs}: {found:?}");
        assert!(found[0].contains(part), "{attrs}: {}", found[0]);
    }
    one_mistake("crate = ::gpumem", "belongs to the struct: write `#[buffers(crate = path)]`");
}
