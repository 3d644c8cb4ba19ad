//! Attributes that are accepted, and the message about each mistake.

use super::value::{bytes, growth};
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
    let settings = field_settings(&data.fields.iter().next().unwrap().attrs, &mut sink);
    (settings, sink.messages())
}

/// Reads the attributes of a struct.
fn read_struct(attrs: &TokenStream) -> (StructSettings, Vec<String>) {
    let input: syn::DeriveInput = syn::parse2(quote!(#attrs struct S {})).unwrap();
    let mut sink = Sink::default();
    let settings = struct_settings(&input.attrs, &mut sink);
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
    let (settings, mistakes) = read(r#"growth = 1.3, max = "512MiB", min = 4096, async, stable"#);
    assert_eq!(mistakes, [""; 0]);
    let Tuning { growth, max, min, asynchronous, stable } = settings.tuning;
    assert_eq!(growth.unwrap().value, Some(1.3));
    assert_eq!(max.unwrap().value.unwrap().bytes, 512 << 20);
    assert_eq!(min.unwrap().value.unwrap().bytes, 4096);
    assert_eq!(asynchronous.unwrap().value, Some(AsyncOptions { on: true, slots: None, snapshot: false }));
    assert_eq!(stable.unwrap().value, Some(true));
    assert!(settings.skip.is_none());
    let (settings, mistakes) =
        read("preset = \"edges\", config = some::SPEC, name = \"links\", skip(default)");
    assert_eq!(mistakes, [""; 0]);
    assert_eq!(settings.preset.unwrap().value.unwrap().name, "edges");
    assert_eq!(crate::text::of(settings.config.unwrap().value.unwrap()), "some::SPEC");
    assert_eq!(settings.name.unwrap().value.unwrap(), "links");
    assert!(settings.skip.unwrap().value.unwrap().default);
    assert!(!read("skip").0.skip.unwrap().value.unwrap().default);
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
        assert_eq!(settings.tuning.growth.unwrap().value, Some(value));
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
    assert!(read("growth = 1.5 async").0.tuning.asynchronous.is_some());
    assert_eq!(mistakes("async growth = 1 max = \"lots\" min = 5").len(), 5);
    one_mistake("async = 3", "`async` stands alone, or with options, as in `async(slots = 3)`");
    one_mistake("async =", "`async` stands alone");
    one_mistake("skip = true", "`skip` takes no value: write `skip`, or leave it out");
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
    for word in ["stabel", "Stable", "sta", "stable_address"] {
        one_mistake(word, "did you mean `stable`?");
    }
    one_mistake(
        "colour = 3",
        "a buffer takes `growth`, `max`, `min`, `async`, `stable`, `preset`, `config`, `name` and `skip`",
    );
    assert!(read("skpi").0.unclear);
}

#[test]
fn async_has_options() {
    let mode = |tokens: &str| {
        let (settings, mistakes) = read(tokens);
        assert_eq!(mistakes, [""; 0], "{tokens}");
        settings.tuning.asynchronous.unwrap().value.unwrap()
    };
    assert_eq!(mode("async(slots = 3, snapshot)"), AsyncOptions { on: true, slots: Some(3), snapshot: true });
    assert_eq!(mode("async(snapshot,)"), AsyncOptions { on: true, slots: None, snapshot: true });
    assert_eq!(mode("async(slots = 64)"), AsyncOptions { on: true, slots: Some(64), snapshot: false });
    assert_eq!(mode("async = true"), mode("async"));
    assert!(!mode("async = false").on);
    for slots in ["0", "65", "300", "-1", "1.5", "\"3\"", "many", "3u8"] {
        one_mistake(&format!("async(slots = {slots})"), "a whole number from 1 to 64");
    }
    one_mistake("async(slots)", "`slots` needs a value: write `slots = 3`");
    one_mistake("async(slot = 3)", "did you mean `slots`?");
    one_mistake("async(depth = 3)", "`async(…)` takes `slots` and `snapshot`");
    one_mistake("async(snapshot = 3)", "`snapshot` takes no value");
    one_mistake("async(3)", "expected a key, such as `slots = 3`, found `3`");
    one_mistake("async, slots = 3", "`slots` is an option of `async`: write `async(slots = 3)`");
    one_mistake("default", "`default` is an option of `skip`: write `skip(default)`");
    one_mistake("async()", "`async(…)` takes `slots` and `snapshot`: name one, or write `async`");
    one_mistake("async(slots = 1, slots = 2)", "`slots` is given twice");
    assert_eq!(mistakes("async(slots = 0, snapshto, growth = 2)").len(), 3);
}

#[test]
fn skip_has_one_option() {
    one_mistake("skip()", "`skip(…)` takes `default`: name it, or write `skip`");
    one_mistake("skip(defualt)", "did you mean `default`?");
    one_mistake("skip(default = 5)", "`default` takes no value");
}

#[test]
fn names_are_identifiers() {
    let name = |tokens: &str| read(&format!("name = {tokens}")).0.name.unwrap().value.unwrap().to_string();
    assert_eq!(
        (name("\"links\""), name("\"r#type\""), name("\"größe\"")),
        ("links".into(), "r#type".into(), "größe".into())
    );
    for (value, part) in [
        ("links", "write the name in quotes: `\"links\"`"),
        ("5", "expected a name in quotes"),
        ("\"\"", "a name cannot be empty"),
        ("\"node-edges\"", "cannot be a name in Rust: write `\"node_edges\"`, for example"),
        ("\"2d\"", "use letters, digits and `_`"),
        ("\"type\"", "is a keyword: write `\"r#type\"`, or another name"),
        ("\"self\"", "means something else everywhere"),
        ("\"_\"", "cannot be a name"),
        ("\"a // positions\"", "write `\"a_positions\"`, for example"),
        ("\"a /* b */\"", "cannot be a name"),
        ("\"  a  \"", "write `\"a\"`, for example"),
        ("\"it's\"", "write `\"it_s\"`, for example"),
        ("\"1e\"", "use letters, digits and `_`"),
        ("\"a\\u{b2}\"", "write `\"a\"`, for example"),
        ("\"r##x\"", "cannot be a name"),
        ("\"r#\"", "cannot be a name"),
        ("\"r#_\"", "cannot be a name"),
        ("\"r#self\"", "means something else everywhere"),
        ("\"'a\"", "cannot be a name"),
        ("\"a b\"", "cannot be a name"),
    ] {
        one_mistake(&format!("name = {value}"), part);
    }
    one_mistake("name", "`name` needs a value: write `name = \"points\"`");
}

#[test]
fn presets_and_constants() {
    one_mistake("preset = \"postions\"", "did you mean `positions`? There are `\"positions\"`");
    one_mistake("preset = \"mesh\"", "unknown preset `mesh`: there are");
    one_mistake("preset = edges", "write the preset in quotes: `\"edges\"`");
    one_mistake("preset = 5", "one of `\"positions\"`");
    one_mistake("preset =", "`preset` needs a value: write `preset = \"positions\"`, or another of");
    one_mistake("config = \"SPEC\"", "write the path without quotes: `config = SPEC`");
    for path in [
        "Of::<f32, 3>::SPEC",
        "Of::<fn(u8) -> u8, Vec<(u8, u8)>>::SPEC",
        "<A as B<C, D>>::SPEC",
        "a::<{ 3 }>::B",
    ] {
        let (settings, found) = read(&format!("config = {path}, growth = 2"));
        assert_eq!(found, [""; 0], "{path}");
        assert!(settings.config.is_some_and(|path| path.value.is_some()) && settings.tuning.growth.is_some());
    }
    // A half-typed path hides no other key.
    assert!(read("config = Of::<f32, growth = 2").0.tuning.growth.is_some());
    one_mistake("config = Self::SPEC", "write the name of the type");
    one_mistake("config = Of::<Self>::SPEC", "write the name of the type");
    one_mistake("config = BufferSpec::new(\"x\")", "expected the path of a `const`");
    one_mistake("config", "`config` needs a value: write `config = SPEC`");
}

#[test]
fn stable_is_a_word_that_can_be_switched_off() {
    let stable = |tokens: &str| {
        let (settings, mistakes) = read(tokens);
        assert_eq!(mistakes, [""; 0], "{tokens}");
        settings.tuning.stable.unwrap().value.unwrap()
    };
    assert!(stable("stable") && stable("stable = true") && stable("r#stable"));
    assert!(!stable("stable = false"));
    for tokens in ["stable = 3", "stable =", "stable = \"yes\"", "stable = on", "stable()", "stable(max = 5)"]
    {
        one_mistake(tokens, "`stable` is on or off: write `stable`, or `stable = false`");
        // The key counts as given.
        assert_eq!(read(tokens).0.tuning.stable.unwrap().value, Some(true), "{tokens}");
    }
    one_mistake("stable async", "expected a comma after `stable`");
    one_mistake("stable, stable = false", "`stable` is given twice: this is the second");
    one_mistake("async(stable)", "unknown key `stable`: `async(…)` takes `slots` and `snapshot`");
}

#[test]
fn a_key_is_given_once() {
    one_mistake("async, async", "`async` is given twice: this is the second");
    one_mistake("growth = 2, async, growth = 3", "`growth` is given twice");
    // A key counts as given even if its value is wrong.
    assert_eq!(mistakes("max = 0, max = 1").len(), 2);
}

#[test]
fn every_mistake_of_an_attribute_is_reported() {
    let found = mistakes("grwoth = 1.3, max = \"lots\", async = 1, 7, min = -1, stable = 3, async");
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
fn a_struct_gives_defaults_and_names() {
    let (settings, mistakes) = read_struct(&quote!(
        #[buffers(name = "Gpu", lengths = "Counts", label = "a graph", limit = "4GiB")]
        #[buffers(growth = 2, max = "1GiB", min = 64, async(slots = 3), stable)]
    ));
    assert_eq!(mistakes, [""; 0]);
    assert_eq!(settings.name.unwrap().value.unwrap(), "Gpu");
    assert_eq!(settings.lengths.unwrap().value.unwrap(), "Counts");
    assert_eq!(settings.label.unwrap().value.unwrap(), "a graph");
    assert_eq!(settings.limit.unwrap().value.unwrap().bytes, 4 << 30);
    assert_eq!(settings.tuning.growth.unwrap().value, Some(2.0));
    assert_eq!(settings.tuning.asynchronous.unwrap().value.unwrap().slots, Some(3));
    assert_eq!(settings.tuning.stable.unwrap().value, Some(true));
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
        (quote!(#[buffers(preset = "edges")]), "`preset` belongs to a field: write `#[buffer(preset = "),
        (quote!(#[buffers(growth = 13)]), "did you mean `1.3`?"),
        (quote!(#[buffers(lengths = Sizes)]), "write the name in quotes: `\"Sizes\"`"),
        (quote!(#[buffers(limit = "0B")]), "a `limit` of zero leaves no room"),
        (quote!(#[buffers(label = "")]), "a label cannot be empty"),
        (quote!(#[buffers(label = graph)]), "expected a text in quotes"),
        (quote!(#[buffers(stable = 3)]), "`stable` is on or off"),
        (quote!(#[buffers(colour)]), "a struct takes `name`, `lengths`, `label`, `limit`, `growth`"),
        (quote!(#[buffers = 5]), "expected `(`"),
        (quote!(#[buffer(growth = 2)]), "the struct takes `#[buffers(…)]`"),
    ] {
        let (_, found) = read_struct(&attrs);
        assert_eq!(found.len(), 1, "{attrs}: {found:?}");
        assert!(found[0].contains(part), "{attrs}: {}", found[0]);
    }
    one_mistake("crate = ::gpumem", "belongs to the struct: write `#[buffers(crate = ::gpumem)]`");
}

/// The reference page has a heading for each key.
#[test]
fn every_key_is_documented() {
    let page = include_str!("../../pages/gpu_buffers.md");
    for key in [&FIELD, &STRUCT].iter().flat_map(|place| place.keys) {
        let name = key.name;
        let heading = |end: &str| page.contains(&format!("\n## `{name}{end}"));
        assert!(heading(" = ") || heading("`"), "{name}");
    }
    for heading in ["## `async(slots = N, snapshot)`", "## `skip` and `skip(default)`"] {
        assert!(page.contains(heading), "{heading}");
    }
}
