//! Small texts, one per feature. The other files have the output of compilers, and damaged text.

mod files;
mod messages;
mod mistakes;
mod robustness;
mod samples;

use super::declarations::Space;
use super::*;

const HEADER: &str = ".version 7.8\n.target sm_80\n.address_size 64\n";

/// Reads a text after a header of three lines.
#[track_caller]
fn with_header(text: &str) -> Ptx {
    read(&format!("{HEADER}{text}")).unwrap()
}

/// The only parameter of a kernel.
#[track_caller]
fn param(declaration: &str) -> Param {
    let mut ptx = with_header(&format!(".visible .entry f({declaration}) {{ ret; }}"));
    let param = ptx.entries.remove(0).params.pop().unwrap();
    assert_eq!(param.line, 4);
    param
}

fn names(ptx: &Ptx) -> Vec<&str> {
    ptx.entries.iter().map(|entry| entry.name.as_str()).collect()
}

#[test]
fn reads_the_header() {
    for (text, version, target, address_size) in [
        (".version 9.0\n.target sm_75\n.address_size 64\n", (9, 0), "sm_75", 64),
        (".version 7.10 .target sm_90a .address_size 64", (7, 10), "sm_90a", 64),
        ("// nvcc\r\n.version 8.3\r\n.target sm_80, debug\r\n.address_size 64\r\n", (8, 3), "sm_80", 64),
        (".version 2.3 .target sm_20, texmode_independent, debug .address_size 32", (2, 3), "sm_20", 32),
        (".version 3.2 /* no size */ .target sm_30", (3, 2), "sm_30", 64),
        ("# 1 \"a.cu\"\n.version 3.2\n.target sm_30\n", (3, 2), "sm_30", 64),
    ] {
        let ptx = read(text).unwrap();
        assert_eq!((ptx.version, ptx.target.as_str(), ptx.address_size), (version, target, address_size));
        assert_eq!(names(&ptx), [""; 0]);
    }
}

#[test]
fn reads_every_number() {
    use Class::*;
    for (word, class, bits) in [
        ("u8", Unsigned, 8),
        ("u16", Unsigned, 16),
        ("u32", Unsigned, 32),
        ("u64", Unsigned, 64),
        ("s8", Signed, 8),
        ("s16", Signed, 16),
        ("s32", Signed, 32),
        ("s64", Signed, 64),
        ("b8", Bits, 8),
        ("b16", Bits, 16),
        ("b32", Bits, 32),
        ("b64", Bits, 64),
        ("b128", Bits, 128),
        ("f16", Float, 16),
        ("f32", Float, 32),
        ("f64", Float, 64),
        ("bf16", BrainFloat, 16),
    ] {
        let param = param(&format!(".param .{word} x"));
        assert_eq!(param.name, "x");
        assert_eq!(param.kind, Kind::Scalar(Scalar { class, bits }), "{word}");
        assert_eq!((param.size(), param.alignment()), (u64::from(bits / 8), bits / 8), "{word}");
        let is_open = ["u64", "s64", "b64"].contains(&word);
        assert_eq!(param.kind.may_be_pointer(), is_open, "{word}");
    }
}

#[test]
fn reads_arrays() {
    for (declaration, size, alignment) in [
        (".param .align 8 .b8 x[24]", 24, 8),
        (".param .align 16 .b8 x[16]", 16, 16),
        (".param .align 1 .b8 x[3]", 3, 1),
        (".param .b8 x[3]", 3, 1),
        (".param .align 128 .b8 x[128]", 128, 128),
        (".param .f32 x[9]", 36, 4),
        (".param .align 16 .f32 x[4]", 16, 16),
        (".param .align 1 .f64 x[4]", 32, 8),
        (".param .align 4 .align 8 .b8 x[8]", 8, 8),
        (".align 8 .param .b8 x [ 24 ]", 24, 8),
        (".param .u64 .ptr .global .align 16 x[3]", 24, 8),
        (".param.align 8 .b8 x[24]", 24, 8),
        (".param .align 0x8 .b8 x[0x18]", 24, 8),
        (".param .align 8 .b8 x[030]", 24, 8),
        (".param .align 8U .b8 x[0b11000U]", 24, 8),
        (".param .b128 x[4294967295]", 68_719_476_720, 16),
    ] {
        let param = param(declaration);
        assert!(matches!(param.kind, Kind::Array { .. }), "{declaration}");
        assert!(!param.kind.may_be_pointer(), "{declaration}");
        assert_eq!((param.size(), param.alignment()), (size, alignment), "{declaration}");
    }
    let Kind::Array { element, length } = param(".param .s16 x[5]").kind else { panic!("an array") };
    assert_eq!((element, length), (Scalar { class: Class::Signed, bits: 16 }, 5));
}

#[test]
fn reads_pointers() {
    for (declaration, space, alignment) in [
        (".param .u64 .ptr .global .align 16 x", Space::Global, 16),
        (".param .u64 .ptr .global .align 1 x", Space::Global, 1),
        (".param .u64 .ptr .global x", Space::Global, 1),
        (".param .u64 .ptr .align 4 x", Space::Generic, 4),
        (".param .u64 .ptr x", Space::Generic, 1),
        (".param .b64 .ptr .shared .align 8 x", Space::Shared, 8),
        (".param .u64 .ptr .const x", Space::Constant, 1),
        (".param .s64 .ptr .local x", Space::Local, 1),
        (".param.u64.ptr.global.align 16 x", Space::Global, 16),
    ] {
        let param = param(declaration);
        assert_eq!(param.kind, Kind::Pointer { bits: 64, space, alignment }, "{declaration}");
        // The alignment of the target is not that of the pointer.
        assert_eq!((param.size(), param.alignment()), (8, 8), "{declaration}");
        assert!(!param.kind.may_be_pointer(), "{declaration}");
    }
    let param = param(".param .u32 .ptr .global x");
    assert_eq!((param.size(), param.alignment()), (4, 4));
}

#[test]
fn an_alignment_can_only_be_raised() {
    assert_eq!(param(".param .align 16 .u32 x").alignment(), 16);
    assert_eq!(param(".param .align 1 .u32 x").alignment(), 4);
    // After the type it is about the memory that the number is an address of.
    assert_eq!(param(".param .u64 .align 16 x").alignment(), 8);
}

#[test]
fn reads_lists_of_parameters() {
    for (list, params) in [
        ("", vec![]),
        ("()", vec![]),
        ("(\n)", vec![]),
        ("(.param .u32 a)", vec!["a"]),
        ("(\r\n\t.param .u32 a,\r\n\t.param .f32 b\r\n)\r\n", vec!["a", "b"]),
        ("(.param .u64 a /* ) { */, // ;\n .param .u64 b)", vec!["a", "b"]),
        ("(\n# 7 \"a.cu\"\n.param .u64 a)", vec!["a"]),
        ("(.param .u32 %p, .param .u32 $q, .param .u32 _)", vec!["%p", "$q", "_"]),
    ] {
        let ptx = with_header(&format!(".visible .entry f{list}{{ ret; }}"));
        let found: Vec<&str> = ptx.entries[0].params.iter().map(|param| param.name.as_str()).collect();
        assert_eq!(found, params, "{list}");
    }
}

#[test]
fn knows_the_lines() {
    let ptx = with_header(
        "\n/* two\nlines */\n.visible .entry\n  f(\n.param .u32\na,\n\n.param .u32 b) {\n}\n.entry g {}",
    );
    let [f, g] = &ptx.entries[..] else { panic!("two kernels") };
    assert_eq!((f.line, f.params[0].line, f.params[1].line, g.line), (8, 10, 12, 14));
}

#[test]
fn reads_the_sizes_of_blocks() {
    for (directives, required, max, threads) in [
        ("", None, None, None),
        (".maxntid 256, 1, 1", None, Some([256, 1, 1]), Some(256)),
        (".maxntid 256", None, Some([256, 1, 1]), Some(256)),
        (".maxntid 16,8", None, Some([16, 8, 1]), Some(128)),
        (".maxntid 0x20, 2, 2 .minnctapersm 2", None, Some([32, 2, 2]), Some(128)),
        (".reqntid 128", Some([128, 1, 1]), None, Some(128)),
        (".minnctapersm 1\n.maxnreg 64\n.reqntid 8, 8, 4", Some([8, 8, 4]), None, Some(256)),
        (".maxntid 256 .maxntid 128", None, Some([128, 1, 1]), Some(128)),
        (".pragma \"nounroll\"; .maxntid 64", None, Some([64, 1, 1]), Some(64)),
        (".explicitcluster .reqnctapercluster 2, 1, 1 .maxntid 64", None, Some([64, 1, 1]), Some(64)),
        (".maxclusterrank 8 .reqntid 32", Some([32, 1, 1]), None, Some(32)),
        (".blocksareclusters\n.reqntid 128, 2, 1", Some([128, 2, 1]), None, Some(256)),
        (".noreturn .attribute(.unified(1, 2)) .later 3, word .maxntid 9", None, Some([9, 1, 1]), Some(9)),
        (".maxntid 4294967295, 4294967295, 4294967295", None, Some([u32::MAX; 3]), Some(u64::MAX)),
    ] {
        for params in ["", "()", "(.param .u32 x)"] {
            let ptx = with_header(&format!(".visible .entry f{params}\n{directives}\n{{ ret; }}"));
            let entry = &ptx.entries[0];
            assert_eq!((entry.required_block, entry.max_block), (required, max), "{directives}");
            assert_eq!(entry.max_threads(), threads, "{directives}");
        }
    }
}

#[test]
fn skips_what_is_no_kernel() {
    for text in [
        ".func helper(.param .b32 a) { ret; }",
        ".visible .func (.param .b32 r) helper(.param .b64 a, .param .align 8 .b8 b[16])\n.noreturn\n{ { } ret; }",
        ".weak .func (.reg .u32 r) helper (.reg .u32 a) { ret; }",
        ".extern .func (.param .b32 func_retval0) vprintf\n(\n.param .b64 a,\n.param .b64 b\n)\n;",
        ".func .attribute(.unified(19, 95)) helper() { ret; }",
        ".global .align 4 .u32 counter = 7;",
        ".const .align 4 .b8 table[6] = {0, 0, {1, 2}, 3};",
        ".const .align 8 .u64 names[2] = {generic($str), generic($str$1)};",
        ".visible .global .align 8 .u64 p = generic(counter);",
        ".extern .shared .align 16 .b8 sh[];",
        ".common .global .align 4 .u32 shared_by_files;",
        ".global .attribute(.managed) .align 4 .u32 managed;",
        ".global .texref texture;",
        ".pragma \"nounroll { \";",
        ".file 1 \"C:\\kernels\\\"",
        ".file 1 \"/tmp/a{b.cu\", 1700000000, 4096",
        ".section .debug_info\n{\n.b32 3431\n.b8 2,0\n.b32 .debug_abbrev\n$L__info_string0:\n.b64 $L__tmp0-1\n}",
        "\t.section\t.debug_loc\t{\t}",
        ".alias bar, foo;",
        "@@DWARF .section .debug_pubnames, \"\", @progbits\n@@DWARF .byte 0x1, 0x2",
        ".extern .entry later(.param .u64 a);",
        ".visible .entry later\n(\n.param .u64 later_param_0\n)\n;",
        "/* .entry a() { /* */ // .entry b() {\n",
        "// .globl f é {",
        "// ends in a backslash \\",
        ".later_directive 1, (2) { .entry hidden() { } }",
    ] {
        let ptx = with_header(&format!("{text}\n.visible .entry f() {{ ret; }}\n"));
        assert_eq!(names(&ptx), ["f"], "{text}");
        let ptx = with_header(&format!(".visible .entry f() {{ ret; }}\n{text}"));
        assert_eq!(names(&ptx), ["f"], "{text}");
    }
}

#[test]
fn skips_bodies() {
    for body in [
        "{ // callseq 0, 0\n.param .b64 p;\ncall (r), \n%rd3, \n(\np\n)\n, prototype_0;\n}",
        "prototype_1 : .callprototype (.param .b32 _) _ (.param .b32 _);",
        "ld.global.v2.f32 {%f26, %f27}, [%rd5+8];",
        "tex.2d.v4.f32.f32 {%f2, %f3, %f4, %f5}, [%rd1, {%f1, %f1}];",
        "$L__BB0_2:\n@%p1 bra $L__BB0_2;\n@!%p1 ret;",
        "T: .branchtargets a, b;\n.pragma \"}\";\nbra a;",
        ".loc 1 5 0 // a.cu:5:0\n.loc 1 7 2, function_name $L__info_string0, inlined_at 1 3 1",
        ".reg .pred %p<13>; .shared .align 16 .b8 box[16384]; mov.f32 %f1, 0f7E967699; add.f32 %f2, %f1, 1.5;",
        "// begin inline asm\n{ .reg .b32 t; mov.b32 t, 0; }\n// end inline asm",
        ".visible .entry inner() ret;",
    ] {
        let ptx = with_header(&format!(".visible .entry f() {{\n{body}\n}}\n.visible .entry g() {{ ret; }}"));
        assert_eq!(names(&ptx), ["f", "g"], "{body}");
    }
}

#[test]
fn a_kernel_may_be_declared_before_its_body() {
    let declaration = ".visible .entry f(.param .u64 f_param_0)";
    let ptx =
        with_header(&format!("{declaration};\n.visible .global .u64 p = f;\n{declaration} {{ ret; }}\n"));
    assert_eq!(names(&ptx), ["f"]);
    assert_eq!(ptx.entries[0].line, 6);
}

#[test]
fn linking_does_not_matter() {
    for linking in ["", ".visible", ".weak", "\t.visible\n\t"] {
        assert_eq!(names(&with_header(&format!("{linking} .entry f() {{ ret; }}"))), ["f"]);
    }
}

#[test]
fn names_have_signs_in_them() {
    for name in ["_Z3addPf", "_ZN2ns2tkI2P8EEvPT_S2_", "entry", "param", "a$b", "$a", "%a", "_a1", "f_0x1"] {
        let ptx = with_header(&format!(".visible .entry {name}(.param .u64 {name}_param_0) {{ ret; }}"));
        assert_eq!(names(&ptx), [name]);
        assert_eq!(ptx.entries[0].params[0].name, format!("{name}_param_0"));
    }
}

#[test]
fn the_text_has_no_byte_order_mark() {
    let file = format!("\u{feff}{HEADER}");
    assert_eq!(text(file.as_bytes()), Ok(HEADER));
    assert_eq!(text(HEADER.as_bytes()), Ok(HEADER));
}
