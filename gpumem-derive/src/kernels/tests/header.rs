//! `CUDA_HEADER`, with a `#` for each number that the compiler knows. `tests/tests/header` has the whole
//! text, and a C++ compiler that reads it.

use super::{expand, messages, module, options, pretty};
use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

/// The text of the header, from its parts.
fn text(tokens: TokenStream) -> String {
    let (mut text, mut is_part) = (String::new(), false);
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                is_part = word == "Text" || word == "concat";
                text += if word == "Number" { "#" } else { "" };
            }
            TokenTree::Group(group) if is_part => {
                for token in group.stream() {
                    if let TokenTree::Literal(line) = &token {
                        text += &syn::parse2::<syn::LitStr>(quote!(#line)).unwrap().value();
                    }
                }
                text += &self::text(group.stream());
            }
            TokenTree::Group(group) => text += &self::text(group.stream()),
            _ => {}
        }
    }
    text
}

fn header(options: &str, items: &str) -> String {
    text(expand(&module(options, items)))
}

#[test]
fn declarations_are_those_of_cpp() {
    for (params, declared) in [
        ("a: &[f32]", "const float* a"),
        ("mut a: &mut [u8]", "unsigned char* a"),
        ("a: &[[f32; 2]], b: [f64; 2]", "const float2* a, double2 b"),
        ("a: &[[f64; 4]], b: &[[u8; 5]]", "const double (*a)[4], const unsigned char (*b)[5]"),
        ("a: &mut [[[u32; 2]; N]]", "unsigned int (*a)[#][2]"),
        ("a: &[[f32; 2_usize]], b: &[[f32; TWO]]", "const float2* a, const float (*b)[#]"),
        ("a: &[[bool; 2]], b: &[[[i8; 2]; 1]]", "const bool (*a)[2], const signed char (*b)[1][2]"),
        ("a: (f32), b: &[(u16)]", "float a, const unsigned short* b"),
        ("new: u32, r#for: i64, r#match: u8", "unsigned int new_, long long for_, unsigned char match"),
        ("a: a::Step, b: &[b::Of<{ 2 }, u8>]", "Step a, const Of_2_u8* b"),
        ("a: <A as B>::C", "A_as_B_C a"),
    ] {
        let header = header("", &format!("pub fn k({params}) {{}}"));
        assert!(header.contains(&format!("void k({declared});\n")), "{params}\n{header}");
    }
}

#[test]
fn what_cpp_cannot_declare_is_said() {
    for kernel in ["delete()", "r#if()", "größe()", "k(a: (f32, f32))", "k(a: [(); 2])"] {
        let header =
            header("", &format!("pub fn {kernel} {{}} pub fn other(a: PhantomData<u8>, b: u8) {{}}"));
        assert_eq!(header.matches("cannot be declared in C++").count(), 2, "{kernel}\n{header}");
        assert!(!header.contains("__global__"), "{kernel}\n{header}");
    }
}

#[test]
fn structs_of_the_module_are_repeated() {
    let repeated = |definition: &str| {
        let header = header("", &format!("{definition} pub fn k(a: A) {{}}"));
        assert_eq!(header.contains("`A` stands elsewhere"), !header.contains("A {"), "{header}");
        header.contains("A {")
    };
    for definition in [
        "#[repr(C)] struct A { b: u8 }",
        "#[derive(Clone)] #[repr(C, align(8))] pub(crate) struct A(pub u8, [[B; 2]; N]);",
        "#[repr(transparent)] struct A(f32);",
        "#[cfg(c)] #[repr(C)] struct A { #[cfg(d)] b: u8 }",
    ] {
        assert!(repeated(definition), "{definition}");
    }
    for definition in [
        "",
        "use super::A;",
        "struct A { b: u8 }",
        "#[repr(C, packed)] struct A { b: u8 }",
        "#[repr(u8)] enum A { B }",
        "#[repr(C)] union A { b: u8 }",
        "#[repr(C)] struct A {}",
        "#[repr(C)] struct A<T = u8> { b: T }",
        "#[repr(C)] struct A { b: &'static u8 }",
        "#[repr(C)] struct A(PhantomData<u8>, u8);",
        "#[cfg_attr(b, repr(C))] struct A { b: u8 }",
        "mod inner { #[repr(C)] struct A { b: u8 } }",
    ] {
        assert!(!repeated(definition), "{definition}");
    }
}

#[test]
fn structs_stand_before_their_uses() {
    let structs = "#[repr(C)] struct A { b: B, c: super::C } #[repr(C)] struct B { a: [D; 2] } #[repr(C)] struct D(u8);";
    let header = header("", &format!("{structs} pub fn k(a: &[self::A], d: D, c: super::C) {{}}"));
    let places =
        ["struct D {", "struct B {", "`C` stands", "struct A {", "void k("].map(|part| header.find(part));
    assert!(places.is_sorted() && places[0].is_some(), "{header}");
    assert_eq!(header.matches("`C` stands").count(), 1, "{header}");
    let in_itself = "#[repr(C)] struct A { b: B } #[repr(C)] struct B { a: A } pub fn k(a: A) {}";
    assert_eq!(self::header("", in_itself).matches("struct A {").count(), 1);
}

#[test]
fn comments_end_with_their_lines() {
    let header = header("", "/// One.\\\n///\n/** Two\n  three \\ */ #[doc(hidden)] pub fn k() {}");
    assert!(
        header.ends_with("\n\n// One.\n//\n// Two\n//  three\nextern \"C\" __global__ void k();\n"),
        "{header}"
    );
}

#[test]
fn lengths_follow_their_slices() {
    let sum = "pub fn k(a: &mut [f32], b: &[u8], a_len: u32) {}";
    let header = header("(slices = \"pointer, length\")", sum);
    let declared = ["float* a", "GPUMEM_LENGTH a_len1", "const unsigned char* b", "GPUMEM_LENGTH b_len"];
    assert!(header.contains(&declared.join(",\n    ")), "{header}");
    assert!(header.contains("#define GPUMEM_LENGTH unsigned int"), "{header}");
    assert!(!self::header("", sum).contains("GPUMEM_LENGTH"));
}

/// The parts of a kernel, of a struct and of a field that `#[cfg]` may remove are removed with it.
#[test]
fn parts_have_the_conditions_of_their_items() {
    let items = "#[cfg(a)] #[repr(C)] struct A { #[cfg(b)] b: super::B, c: u8 } #[cfg(d)] pub fn k(a: A, e: super::E) {}";
    let output = expand(&module("", items)).to_string();
    for part in [
        "# [cfg (a)] # [cfg (b)] :: gpumem :: __private :: HeaderPart :: Number (:: gpumem :: __private :: core :: mem :: size_of :: < super :: B > ())",
        "# [cfg (a)] :: gpumem :: __private :: HeaderPart :: Number (:: gpumem :: __private :: core :: mem :: size_of :: < A > ())",
        "# [cfg (d)] :: gpumem :: __private :: HeaderPart :: Number (:: gpumem :: __private :: core :: mem :: size_of :: < super :: E > ())",
    ] {
        assert!(output.contains(part), "{part}\n{output}");
    }
}

/// What is wrong in a kernel is reported there, and not once more in the header.
#[test]
fn broken_kernels_are_not_in_the_header() {
    let header = header("", "pub fn broken(a: &mut Vec<f32>, b: Missing) {} pub fn k() {}");
    assert!(!header.contains("broken") && header.contains("void k();"), "{header}");
}

/// While a header is written, the PTX may be missing, or that of older kernels.
#[test]
fn the_ptx_is_not_read_while_a_header_is_written() {
    for (ptx, kernels) in [("missing.ptx", "pub fn k(a: u8);"), ("kernels.ptx", "pub fn advance(b: u8) {}")] {
        let options_text = format!("(unsafe(ptx = \"{ptx}\"))");
        assert_eq!(messages(&options_text, kernels).len(), 1, "{ptx}");
        let written = module(&options_text, kernels).parse::<TokenStream>().unwrap();
        let mut tokens = written.into_iter();
        let TokenTree::Group(attribute) = tokens.nth(1).unwrap() else { panic!("no attribute") };
        let rest: TokenStream = tokens.collect();
        let folder = |_| Some(crate::snapshots::FOLDER.into());
        let output = super::super::kernels(options(&attribute).unwrap(), rest, &folder, true);
        let text = output.to_string();
        assert!(super::errors(output).is_empty() && !text.contains("include_str"), "{text}");
        assert!(
            text.contains("Source :: host") && text.contains("option_env ! (\"GPUMEM_HEADER\")"),
            "{text}"
        );
    }
    assert!(
        pretty(&module("(unsafe(ptx = \"kernels.ptx\"))", "pub fn count(a: &mut [u64]) {}"))
            .contains("option_env!")
    );
    assert!(!pretty(&module("", "pub fn count(a: &mut [u64]) {}")).contains("option_env!"));
}
