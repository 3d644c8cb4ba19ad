//! The attribute: its valid forms, and the message about each mistake.

use super::super::options::Options;
use crate::sink::Sink;
use proc_macro2::TokenStream;

fn read(text: &str) -> (Options, Vec<String>) {
    let mut sink = Sink::default();
    let options = Options::read(text.parse().unwrap(), &mut sink);
    (options, sink.messages())
}

/// The options of an attribute without a mistake.
fn valid(text: &str) -> Options {
    let (options, messages) = read(text);
    assert!(messages.is_empty(), "{text}: {messages:?}");
    options
}

#[test]
fn all_options_have_a_default() {
    let options = valid("");
    assert!(options.ptx.is_none() && !options.lengths);
    assert_eq!(options.root.to_string(), ":: gpumem");
}

#[test]
fn options_come_in_any_order() {
    let unsafe_key = "unsafe(ptx = \"a/b.ptx\")";
    for text in [
        format!("{unsafe_key}, slices = \"pointer, length\", crate = engine::gpumem"),
        format!("crate = engine::gpumem, slices = \"pointer,length\", {unsafe_key},"),
        "slices = \" pointer , length \", unsafe(ptx = r\"a/b.ptx\",), crate = engine::gpumem,".to_owned(),
    ] {
        let options = valid(&text);
        let ptx = options.ptx.as_ref().unwrap();
        assert_eq!((ptx.path.as_str(), ptx.unsafe_token.is_some(), options.lengths), ("a/b.ptx", true, true));
        assert_eq!(options.root.to_string(), "engine :: gpumem");
    }
    assert!(!valid("slices = \"pointer\"").lengths);
    assert_eq!(valid("crate = ::a").root.to_string(), ":: a");
}

#[test]
fn a_path_may_be_composed_of_variables() {
    let here = env!("CARGO_MANIFEST_DIR");
    for (text, path, variables) in [
        ("concat!(\"a\", \"/b.ptx\")", "a/b.ptx".to_owned(), 0),
        ("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/b.ptx\",)", format!("{here}/b.ptx"), 1),
        (
            "::core::concat![::std::env!(\"CARGO_MANIFEST_DIR\"), \"/\", std::concat!(\"b\", \".ptx\")]",
            format!("{here}/b.ptx"),
            1,
        ),
        ("env!(\"CARGO_MANIFEST_DIR\")", here.to_owned(), 1),
        ("concat!()", String::new(), 0),
    ] {
        let ptx = valid(&format!("unsafe(ptx = {text})")).ptx.unwrap();
        assert_eq!((ptx.path, ptx.variables.len()), (path, variables), "{text}");
        assert_eq!(ptx.written.to_string(), text.parse::<TokenStream>().unwrap().to_string());
    }
}

#[test]
fn each_mistake_has_its_message() {
    let style = "`\"pointer\"`, or `\"pointer, length\"`: an address, and after it the number of elements";
    let keys = "the keys are `unsafe(ptx = ..)`, `slices` and `crate`";
    let path = "expected the path of a PTX file in quotes, such as `\"kernels.ptx\"`, or \
                `concat!(env!(\"OUT_DIR\"), \"/kernels.ptx\")` if a build script makes it";
    let ptx = "expected `ptx`: `unsafe(ptx = \"kernels.ptx\")`";
    let root = "the path of gpumem: `crate = engine::gpumem`";
    for (text, message) in [
        ("slice = \"pointer\"", "unknown key `slice`: did you mean `slices`?".to_owned()),
        ("unsfae(ptx = \"a.ptx\")", "unknown key `unsfae`: did you mean `unsafe`?".to_owned()),
        ("colour", format!("unknown key `colour`: {keys}")),
        ("5", format!("expected a key: {keys}")),
        ("slices = \"wrong\"", format!("expected {style}")),
        ("slices = \"length, pointer\"", format!("expected {style}")),
        ("slices = pointer", format!("expected {style}")),
        ("slices", format!("expected a value: {style}")),
        ("slices =", format!("expected a value: {style}")),
        ("slices = \"pointer\", slices = \"pointer\"", "`slices` is given twice".to_owned()),
        ("slices = \"pointer\" crate = gpumem", "expected a comma between two keys".to_owned()),
        ("crate = \"gpumem\"", format!("expected {root}")),
        ("crate", format!("expected a value: {root}")),
        ("crate = gpumem::", format!("expected {root}")),
        ("unsafe", "expected the path of a PTX file: `unsafe(ptx = \"kernels.ptx\")`".to_owned()),
        ("unsafe = \"a.ptx\"", "expected the path of a PTX file: `unsafe(ptx = \"kernels.ptx\")`".to_owned()),
        ("unsafe()", ptx.to_owned()),
        ("unsafe(path = \"a.ptx\")", ptx.to_owned()),
        ("unsafe(\"a.ptx\")", ptx.to_owned()),
        ("unsafe(ptx)", path.replace("expected", "expected a value:")),
        ("unsafe(ptx = a.ptx)", path.to_owned()),
        ("unsafe(ptx = 5)", path.to_owned()),
        ("unsafe(ptx = include_str!(\"a.ptx\"))", path.to_owned()),
        ("unsafe(ptx = concat!(5))", path.to_owned()),
        (
            "unsafe(ptx = env!(\"GPUMEM_NO_SUCH_VARIABLE\"))",
            "the environment variable `GPUMEM_NO_SUCH_VARIABLE` is not set".to_owned(),
        ),
        ("unsafe(ptx = \"a.ptx\", slices = 5)", "expected `)`: only `ptx` is vouched for".to_owned()),
    ] {
        assert_eq!(read(text).1, [message], "{text}");
    }
}

#[test]
fn the_keys_after_a_mistake_are_read_too() {
    let (options, messages) =
        read("slice = 5, crate = a, colour(b, c), slices = \"pointer, length\", 7 8, unsafe");
    assert_eq!(messages.len(), 4, "{messages:?}");
    assert_eq!((options.root.to_string().as_str(), options.lengths), ("a", true));
}

#[test]
fn ptx_that_nobody_vouches_for_is_refused_and_compared() {
    let (options, messages) = read("ptx = \"kernels.ptx\"");
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0].starts_with("PTX is code that the compiler cannot check: vouch for it"),
        "{messages:?}"
    );
    let ptx = options.ptx.unwrap();
    assert!(ptx.unsafe_token.is_none() && ptx.path == "kernels.ptx");
}
