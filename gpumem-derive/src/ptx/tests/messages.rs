//! Parameters and kernels as messages speak of them.

use super::*;

#[test]
fn parameters_are_described() {
    for (declaration, text) in [
        (".param .u64 .ptr .global .align 1 x", "a 64-bit pointer to global memory"),
        (".param .u64 .ptr .global .align 16 x", "a 64-bit pointer to global memory, aligned to 16"),
        (".param .u64 .ptr .align 1 x", "a 64-bit pointer"),
        (".param .u64 .ptr .align 4 x", "a 64-bit pointer, aligned to 4"),
        (".param .u64 .ptr .shared x", "a 64-bit pointer to shared memory"),
        (".param .u64 .ptr .const x", "a 64-bit pointer to constant memory"),
        (".param .u64 .ptr .local x", "a 64-bit pointer to local memory"),
        (".param .u64 x", "a 64-bit integer (a pointer may be passed as one)"),
        (".param .s64 x", "a 64-bit integer (a pointer may be passed as one)"),
        (".param .b64 x", "a 64-bit value of any type (a pointer may be passed as one)"),
        (".param .align 16 .u64 x", "a 64-bit integer, aligned to 16 (a pointer may be passed as one)"),
        (".param .u8 x", "an 8-bit integer"),
        (".param .s16 x", "a 16-bit integer"),
        (".param .u32 x", "a 32-bit integer"),
        (".param .align 8 .u32 x", "a 32-bit integer, aligned to 8"),
        (".param .b8 x", "an 8-bit value of any type"),
        (".param .b128 x", "a 128-bit value of any type"),
        (".param .f16 x", "an `f16`"),
        (".param .f32 x", "an `f32`"),
        (".param .f64 x", "an `f64`"),
        (".param .bf16 x", "a `bf16`"),
        (".param .align 8 .b8 x[24]", "24 bytes aligned to 8"),
        (".param .align 1 .b8 x[3]", "3 bytes"),
        (".param .b8 x[1]", "1 byte"),
        (".param .f32 x[4]", "16 bytes aligned to 4 (4 `f32`)"),
        (".param .s16 x[2]", "4 bytes aligned to 2 (2 `i16`)"),
        (".param .b64 x[2]", "16 bytes aligned to 8 (2 `b64`)"),
    ] {
        assert_eq!(param(declaration).to_string(), text, "{declaration}");
    }
}

/// A file with kernels of these names.
fn with(names: &[&str]) -> Ptx {
    with_header(
        &names.iter().map(|name| format!(".visible .entry {name}() {{ ret; }}\n")).collect::<String>(),
    )
}

#[test]
fn finds_kernels_by_name() {
    let ptx = with(&["add_one", "occupy"]);
    assert_eq!(ptx.entry("occupy").unwrap().line, 5);
}

#[test]
fn a_missing_kernel_may_be_another_one() {
    let many: Vec<String> = (0..10).map(|number| format!("kernel_{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (names, wanted, hint) in [
        (&["add_one", "occupy"][..], "ad_one", "did you mean `add_one`?"),
        (&["add_one", "occupy"], "scan", "it has `add_one` and `occupy`"),
        (&["frame"], "scan", "it has `frame`"),
        (&[], "scan", "it has no kernels at all"),
        (
            &["_Z3addPf", "added"],
            "add",
            "it has `_Z3addPf`. A kernel keeps its name with `extern \"C\"` in C++, and with \
             `#[unsafe(no_mangle)]` in Rust",
        ),
        (&["_ZN2ns3addIfEEvPT_"], "add", "it has `_ZN2ns3addIfEEvPT_`."),
        (&["_RNvCs1234_7kernels3add"], "add", "it has `_RNvCs1234_7kernels3add`."),
        (&["_Z13addition_of_it"], "add", "it has `_Z13addition_of_it`"),
        (
            &many,
            "scan",
            "it has `kernel_0`, `kernel_1`, `kernel_2`, `kernel_3`, `kernel_4`, `kernel_5`, `kernel_6`, \
             `kernel_7` and 2 more",
        ),
    ] {
        let message = with(names).entry(wanted).unwrap_err();
        let start = format!("the PTX has no kernel `{wanted}`: {hint}");
        assert!(message.starts_with(&start), "{message}");
    }
}
