//! Structs that the rules reject, and structs that they accept.

use super::check;
use crate::expand;
use crate::model::Model;
use crate::sink::Sink;
use syn::DeriveInput;

fn mistakes(source: &str) -> Vec<String> {
    let input: DeriveInput = syn::parse_str(source).unwrap();
    let mut sink = Sink::default();
    let mut model = Model::read(&input, &mut sink);
    check(&mut model, &mut sink);
    sink.messages()
}

#[track_caller]
fn one_mistake(source: &str, part: &str) {
    let found = mistakes(source);
    assert_eq!(found.len(), 1, "{source}: {found:#?}");
    assert!(found[0].contains(part), "{source}: {}", found[0]);
}

fn field(ty: &str) -> String {
    format!("struct S {{ f: {ty} }}")
}

#[test]
fn a_buffer_is_a_vec_by_any_path() {
    for ty in [
        "Vec<u8>",
        "std::vec::Vec<u8>",
        "::alloc::vec::Vec<[f32; 4]>",
        "gpumem::__private::Vec<T>",
        "(Vec<u8>)",
    ] {
        assert_eq!(mistakes(&field(ty)), [""; 0], "{ty}");
    }
    for ty in [
        "String",
        "[u8; 4]",
        "Vec",
        "Vec<u8, A>",
        "Vec<'a>",
        "Points",
        "&'a [u8]",
        "Option<Vec<u8>>",
        "HashMap<u8, u8>",
    ] {
        one_mistake(&field(ty), "a buffer is a `Vec<T>`, and the type of `f` is");
        assert_eq!(mistakes(&format!("struct S {{ #[buffer(skip)] f: {ty} }}")), [""; 0], "{ty}");
    }
}

#[test]
fn the_message_about_an_element_suggests_another() {
    for (element, part) in [
        ("(f32, f32)", "write `[f32; 2]`"),
        ("(f32, u32)", "a `#[repr(C)]` struct"),
        ("()", "must have a size"),
        ("[(u8, u8); 3]", "write `[u8; 2]`"),
        ("&'static u8", "store an index"),
        ("*const u8", "store an index"),
        ("[u32; 0]", "must have a size"),
        ("[[T; 0_usize]; 3]", "must have a size"),
        ("[u8]", "an element has a fixed size"),
        ("str", "an element has a fixed size"),
        ("dyn Fn()", "plain data"),
        ("fn(u8)", "plain data"),
    ] {
        one_mistake(&field(&format!("Vec<{element}>")), part);
    }
}

#[test]
fn named_types_are_left_to_the_compiler() {
    for element in [
        "Option<NonZeroU32>",
        "String",
        "Cell<T>",
        "Vec<u8>",
        "bool",
        "geometry::Box",
        "my::Option<u8>",
        "T",
        "T::Point",
        "<T as Shape>::Point",
    ] {
        assert_eq!(mistakes(&field(&format!("Vec<{element}>"))), [""; 0], "{element}");
    }
}

#[test]
fn min_is_at_most_max() {
    one_mistake(
        "struct S { #[buffer(min = \"1GiB\", max = \"512MiB\")] f: Vec<u8> }",
        "`min` is 1 GiB, more than `max`, which is 512 MiB",
    );
    assert_eq!(mistakes("struct S { #[buffer(min = 8, max = 8)] f: Vec<u8> }"), [""; 0]);
}

#[test]
fn sizes_come_from_the_field_its_preset_or_the_struct() {
    let both = |of_struct: &str, of_field: &str| {
        format!(
            "#[buffers({of_struct})] struct S {{ #[buffer({of_field})] f: Vec<[f32; 2]>, #[buffer(skip)] g: u8 }}"
        )
    };
    one_mistake(&both("max = \"1MiB\"", "min = \"1GiB\""), "more than the `max` of the struct, 1 MiB");
    one_mistake(
        &both("min = \"1GiB\"", "max = \"1MiB\""),
        "less than `min`, which is 1 GiB for the whole struct",
    );
    one_mistake(&both("min = \"1GiB\", max = 64", ""), "`min` is 1 GiB, more than `max`, which is 64 bytes");
    one_mistake(&both("max = 4", ""), "less than one element of `f`");
    one_mistake(
        &both("", "preset = \"positions\", min = \"1GiB\""),
        "the `max` of the preset `positions`, 512 MiB",
    );
    one_mistake(&both("limit = 64", "min = 65"), "less than the `min` of the buffers together, 65 bytes");
    for (of_struct, of_field) in [
        ("max = 4", "max = 8"),
        ("max = 4", "preset = \"edges\""),
        ("max = 4", "config = SPEC"),
        ("min = \"1GiB\"", "config = SPEC, max = 64"),
        ("", "preset = \"edges\", max = \"4GiB\", min = \"3GiB\""),
    ] {
        assert_eq!(mistakes(&both(of_struct, of_field)), [""; 0], "{of_struct} {of_field}");
    }
}

#[test]
fn a_preset_and_a_constant_exclude_each_other() {
    one_mistake(
        "struct S { #[buffer(preset = \"edges\", config = SPEC)] f: Vec<u8> }",
        "remove one of the two",
    );
}

#[test]
fn constants_do_not_depend_on_parameters() {
    one_mistake("struct S<T> { #[buffer(config = T::SPEC)] f: Vec<T> }", "`T` is a parameter of the struct");
    one_mistake(
        "struct S<const N: usize> { #[buffer(config = Of::<N>::SPEC)] f: Vec<u8> }",
        "`N` is a parameter",
    );
    assert_eq!(mistakes("struct S<T> { #[buffer(config = Self_::SPEC)] f: Vec<T> }"), [""; 0]);
}

#[test]
fn items_have_different_names() {
    for (keys, part) in [
        ("name = \"S\"", "`S` would be the manager, and is the struct itself"),
        ("lengths = \"S\"", "`S` would be the struct of lengths, and is the struct itself"),
        ("name = \"Gpu\", lengths = \"Gpu\"", "`Gpu` would be the struct of lengths, and is the manager"),
        ("lengths = \"SFrame\"", "would be what a download brings, and is the struct of lengths"),
    ] {
        one_mistake(&format!("#[buffers({keys})] struct S {{ f: Vec<u8> }}"), part);
    }
}

#[test]
fn max_has_room_for_one_element() {
    one_mistake(
        "struct S { #[buffer(max = \"4B\")] f: Vec<[f32; 2]> }",
        "`max` is 4 B, less than one element: `[f32; 2]` takes 8 bytes",
    );
    assert_eq!(
        mistakes("struct S { #[buffer(max = 8)] f: Vec<[f32; 2]>, #[buffer(max = 1)] g: Vec<Vertex> }"),
        [""; 0]
    );
}

#[test]
fn the_message_about_another_type_suggests_a_vec() {
    for (ty, part) in [
        ("[u32; 4]", "write `Vec<u32>`, or keep"),
        ("&'a [u8]", "write `Vec<u8>`, or keep"),
        ("geometry::Points", "a derive cannot see through an alias"),
        ("String", "`String`: write one, or keep"),
        ("Box<[u8]>", "write `Vec<u8>`, or keep"),
        ("Option<std::vec::Vec<u8>>", "write `Vec<u8>`, or keep"),
        ("VecDeque<T>", "write `Vec<T>`, or keep"),
        ("HashMap<u8, u8>", "`HashMap<u8, u8>`: write one, or keep"),
    ] {
        one_mistake(&field(ty), part);
    }
}

#[test]
fn skip_stands_alone() {
    let found = mistakes("struct S { #[buffer(skip, growth = 2.0, async, stable)] f: Vec<u8> }");
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].contains("`growth` has no effect"), "{}", found[0]);
    assert!(found[1].contains("`async` has no effect"), "{}", found[1]);
    assert!(found[2].contains("`stable` has no effect"), "{}", found[2]);
    // The defaults of the struct do not count as keys of a field that is no buffer.
    assert_eq!(mistakes("#[buffers(stable)] struct S { #[buffer(skip)] f: u8, g: Vec<u8> }"), [""; 0]);
}

#[test]
fn names_do_not_collide() {
    for name in expand::manager_methods() {
        one_mistake(
            &format!("struct S {{ {name}: Vec<u8> }}"),
            &format!("#[buffer(name = \"{name}_data\")]"),
        );
        assert_eq!(
            mistakes(&format!("struct S {{ #[buffer(name = \"{name}_data\")] {name}: Vec<u8> }}")),
            [""; 0]
        );
        assert_eq!(mistakes(&format!("struct S {{ #[buffer(skip)] {name}: Vec<u8> }}")), [""; 0]);
    }
    one_mistake(
        "struct S { split: Vec<u8> }",
        "the accessor `split_mut` of this buffer is a method of `SBuffers` itself",
    );
    one_mistake("struct S { x: Vec<u8>, x_mut: Vec<u8> }", "the buffer `x` has an accessor `x_mut` already");
    for name in expand::private_names() {
        one_mistake(
            &format!("struct S {{ {name}: Vec<u8> }}"),
            &format!("give the buffer another one, as in `#[buffer(name = \"{}_data\")]`", &name[2..]),
        );
        assert_eq!(mistakes(&format!("struct S {{ #[buffer(name = \"a\")] {name}: Vec<u8> }}")), [""; 0]);
    }
    one_mistake(
        "struct S { x_mut: Vec<u8>, x: Vec<u8> }",
        "`x_mut` of this buffer is one of the buffer `x_mut` already",
    );
    one_mistake(
        "struct S { x: Vec<u8>, #[buffer(name = \"x\")] y: Vec<u8> }",
        "accessor `x` already: choose another",
    );
    assert_eq!(
        mistakes("struct S { #[buffer(name = \"y\")] x: Vec<u8>, #[buffer(name = \"x\")] y: Vec<u8> }"),
        [""; 0]
    );
    assert_eq!(mistakes("struct S { x: Vec<u8>, #[buffer(skip)] x_mut: Vec<u8> }"), [""; 0]);
}

#[test]
fn an_unsized_type_has_no_default() {
    for ty in ["[u8]", "str", "dyn Shape"] {
        one_mistake(&format!("struct S {{ #[buffer(skip(default))] f: {ty} }}"), "write `skip` alone");
        assert_eq!(mistakes(&format!("struct S {{ #[buffer(skip)] f: {ty} }}")), [""; 0]);
    }
}

#[test]
fn only_structs_with_named_fields() {
    one_mistake("#[repr(C, packed)] struct S { f: Vec<u8> }", "remove `packed`");
    one_mistake("#[repr(packed(2))] struct S { f: Vec<u8> }", "remove `packed`");
    assert_eq!(mistakes("#[repr(C)] struct S { f: Vec<u8> }"), [""; 0]);

    one_mistake("enum S { A }", "this is an enum: write `struct S {");
    one_mistake("union S { a: u8 }", "this is a union");
    one_mistake("struct S(Vec<u8>);", "needs named fields");
    one_mistake("struct S;", "there is none");
    assert_eq!(mistakes("struct S {}"), [""; 0]);
}

#[test]
fn mistakes_add_up_and_do_not_repeat() {
    let found = mistakes(
        "struct S { #[buffer(grwoth = 1.3, max = \"lots\", colour)] a: Vec<u8>, b: Vec<(f32, f32)>, #[buffer(skpi)] c: String, #[buffer(skpi)] d: Vec<String> }",
    );
    assert_eq!(found.len(), 6, "{found:#?}");
}
