//! Text that is no PTX, and the message about each mistake.

use super::*;

/// Reads a text after a header of three lines, and expects an error in this line with these words.
#[track_caller]
fn mistake(text: &str, line: u32, words: &str) {
    mistake_in_file(&format!("{HEADER}{text}"), line, words);
}

#[track_caller]
fn mistake_in_file(file: &str, line: u32, words: &str) {
    let error = read(file).unwrap_err();
    assert!(error.message.contains(words), "{file}: {}", error.message);
    assert_eq!(error.line, line, "{file}: {}", error.message);
}

#[test]
fn a_file_that_is_no_text() {
    for (file, line, words) in [
        (
            &b"\x7fELF\x02\x01\x01"[..],
            1,
            "this file is a cubin, and the macro needs PTX, the text that `nvcc -ptx`",
        ),
        (b"\x50\xed\x55\xba\x01\0", 1, "this file is a fatbin"),
        (b"BC\xc0\xde\x35\x14\0\0\x05", 1, "this file is binary, perhaps a cubin, and the macro needs PTX"),
        (b"\0", 1, "this file is binary"),
        (b"\xff\xfe.\0v\0", 1, "UTF-16: save it as UTF-8"),
        (b"\xfe\xff\0.\0v", 1, "UTF-16"),
        (b".version 8.0\n.target sm_80\n\0", 3, "the text ends with a NUL"),
        (b".version 8.0\n// \0 \n", 1, "this file is binary"),
        (b".version 8.0\n// gr\xfcn\n", 2, "the text is not UTF-8"),
    ] {
        let error = text(file).unwrap_err();
        assert!(error.message.contains(words), "{file:?}: {}", error.message);
        assert_eq!(error.line, line, "{}", error.message);
    }
}

#[test]
fn a_text_without_the_header() {
    for (file, line, words) in [
        ("", 1, "the file is empty"),
        ("\n\n// only a comment\n", 4, "the file is empty"),
        (
            "\n#include <cuda.h>\n__global__ void f(float* x) {}",
            3,
            "this is no PTX: PTX begins with `.version`, and this text with `__global__`",
        ),
        ("; ModuleID = 'kernels'", 1, "with `;`"),
        ("\"", 1, "this string has no end"),
        (".target sm_80\n.version 8.0", 1, "with `.target`"),
        (".version", 1, "expected a version, such as `8.0`, found the end of the file"),
        (".version 8\n.target sm_80", 1, "expected a version, such as `8.0`, found `8`"),
        (".version 8.0.1\n.target sm_80", 1, "found `8.0.1`"),
        (".version 99999999999.0\n.target sm_80", 1, "expected a version"),
        (".version x\n.target sm_80", 1, "found `x`"),
        (".version 8.0\n.address_size 64", 2, "expected `.target`, found `.address_size`"),
        (".version 8.0\n.target\n.address_size 64", 3, "expected an architecture, such as `sm_80`"),
        (".version 8.0\n.target sm_80\n.address_size many", 3, "expected 32 or 64, found `many`"),
    ] {
        mistake_in_file(file, line, words);
    }
}

#[test]
fn brackets_strings_and_comments_without_an_end() {
    for (text, line, words) in [
        (".entry f()\n{\n{ ret; }\n", 5, "this `{` has no `}`"),
        (".global .b8 x[2] = {1, 2;\n", 4, "this `{` has no `}`"),
        (".entry f() { ret; } }\n", 4, "this `}` has no opening bracket"),
        (".func f) { ret; }\n", 4, "this `)` has no opening bracket"),
        (".entry f(\n.param .u64 a\n{ ret; }", 4, "this `(` has no `)`"),
        (".entry f(\n.param .u64 a\n", 4, "this `(` has no `)`"),
        (".entry f(\n.param .u64 a;", 4, "this `(` has no `)`"),
        (".entry f(.param .u64", 4, "expected `)` after the parameters, found the end of the file"),
        (".func f(.param .u64 a\n{ ret; }", 4, "this `(` has no `)`"),
        (".func (.param .u64 a", 4, "this `(` has no `)`"),
        (".pragma \"a;\n.entry f() { ret; }\n", 4, "this string has no end"),
        ("\n/* .entry f() { ret; }\n*", 5, "this comment has no `*/`"),
        ("/*/", 4, "this comment has no `*/`"),
        (".entry f() { \" }", 4, "this string has no end"),
    ] {
        mistake(text, line, words);
    }
}

#[test]
fn kernels() {
    for (text, line, words) in [
        (".entry (.param .u64 a) { ret; }", 4, "expected the name of a kernel, found `(`"),
        (".entry 1f() { ret; }", 4, "expected the name of a kernel, found `1f`"),
        (".entry", 4, "expected the name of a kernel, found the end of the file"),
        (".entry f", 4, "expected the body of `f`, found the end of the file"),
        (".entry f()\n.visible .entry g() { ret; }", 5, "expected the body of `f`, found `.visible`"),
        (".entry f() }", 4, "expected the body of `f`, found `}`"),
        (
            ".entry f() { ret; }\n.entry g() { ret; }\n.entry f() { ret; }",
            6,
            "the kernel `f` is already in line 4",
        ),
        (".entry f() .maxntid { ret; }", 4, "expected the size of a block, found `{`"),
        (".entry f() .reqntid -1 { ret; }", 4, "expected the size of a block, found `-`"),
        (".entry f() .maxntid 99999999999 { ret; }", 4, "expected the size of a block, found `99999999999`"),
        (".entry f() .maxntid 8, { ret; }", 4, "expected the size of a block, found `{`"),
        (".entry f() { ret; }\n.version 8.0\n.target sm_80\n", 5, "two PTX files in one"),
    ] {
        mistake(text, line, words);
    }
}

#[test]
fn parameters() {
    for (list, words) in [
        (".param .pred p", "the parameter `p` of `f` is a `.pred`, which a kernel cannot take"),
        (
            ".param .texref t",
            "the parameter `t` of `f` has the type `.texref`, which the macro does not know",
        ),
        (".param .v4 .f32 v", "has the type `.v4`"),
        (".param .f8 x", "has the type `.f8`"),
        (".param .u128 x", "has the type `.u128`"),
        (".param .f16x2 x", "has the type `.f16x2`"),
        (".param .u032 x", "has the type `.u032`"),
        (".param .u x", "has the type `.u`"),
        (".reg .u32 x", "has the type `.reg`"),
        (".param .u32 .f32 x", "has the type `.f32`"),
        (".param .global .u64 x", "has the type `.global`"),
        (".param x", "the parameter `x` of `f` has no type"),
        (".param .u32", "expected a parameter of `f`, found `)`"),
        (".param .u32 a,", "expected a parameter of `f`, found `)`"),
        (".param .u32 a .param .u32 b", "expected a comma or `)` after a parameter, found `.param`"),
        (".param .u32 a = 3", "found `=`"),
        (".param .u32 a<4>", "found `<`"),
        (".param .u32 grün", "found `ü`"),
        (".param .b8 a[]", "the parameter `a` of `f` is an array without a length"),
        (".param .b8 a[0]", "is an array of length 0"),
        (".param .b8 a[-1]", "expected the length of an array, found `-`"),
        (".param .b8 a[4294967296]", "expected the length of an array, found `4294967296`"),
        (".param .b8 a[09]", "expected the length of an array, found `09`"),
        (".param .b8 a[4", "expected `]`, found `)`"),
        (".param .b8 a[4][4]", "expected a comma or `)` after a parameter, found `[`"),
        (".param .align 3 .b8 a[4]", "expected a power of two after `.align`, found `3`"),
        (".param .align 0 .b8 a[4]", "expected a power of two after `.align`, found `0`"),
        (".param .align .b8 a[4]", "expected an alignment, found `.b8`"),
        (".param \"a\"", "expected a parameter of `f`, found a string"),
    ] {
        mistake(&format!(".visible .entry f({list}) {{ ret; }}"), 4, words);
    }
}

#[test]
fn long_words_are_cut() {
    let error = read(&"a".repeat(10_000)).unwrap_err();
    assert!(error.message.len() < 200, "{}", error.message);
}
