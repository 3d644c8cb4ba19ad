//! Kernels against PTX: the origin of each parameter, and the message about each mismatch.

use super::super::check::{Checked, File, ParamOrigin, check};
use super::super::options::Options;
use super::super::parse::Module;
use super::{expand, messages, module, pretty};
use crate::sink::Sink;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of its own for the PTX of a test.
pub(super) fn folder(name: &str, ptx: impl AsRef<[u8]>) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("gpumem-kernels-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("kernels.ptx"), ptx).unwrap();
    folder
}

/// PTX with one kernel `a` of these parameters.
fn ptx(params: &str) -> String {
    format!(".version 8.3\n.target sm_75\n.address_size 64\n.visible .entry a({params})\n{{ ret; }}\n")
}

/// Compares the items of a module with PTX in a folder.
pub(super) fn compare_in(folder: &Path, options: &str, items: &str) -> (Checked, Vec<String>) {
    let mut sink = Sink::default();
    let options =
        Options::read(format!("unsafe(ptx = \"kernels.ptx\") {options}").parse().unwrap(), &mut sink);
    let module: Module = syn::parse_str(&format!("mod m {{ {items} }}")).unwrap();
    let (_, kernels) = module.into_kernels(&mut sink);
    let checked = check(&options, &kernels, &|_| Some(folder.to_path_buf()), &mut sink);
    (checked, sink.messages())
}

/// Compares `fn a(declared)` with a kernel that has `params`.
pub(super) fn compare(name: &str, options: &str, params: &str, declared: &str) -> (Checked, Vec<String>) {
    let folder = folder(name, ptx(params));
    let result = compare_in(&folder, options, &format!("pub fn a({declared});"));
    fs::remove_dir_all(folder).unwrap();
    result
}

#[test]
fn parameters_that_match_are_accepted() {
    for (params, declared) in [
        ("", ""),
        (".param .u64 p", "p: &[u8]"),
        (".param .b64 p", "p: &mut [u8]"),
        (".param .s64 p", "p: (&mut [u8])"),
        (".param .u64 .ptr .align 1 p", "p: &'_ [u8]"),
        (".param .u64 .ptr .global .align 16 p", "p: &[[f32; 4]]"),
        (".param .u64 .ptr .global .align 4 p", "p: &[[f32; 3]]"),
        (".param .u64 .ptr .global .align 8 p", "p: &[Of]"),
        (".param .u64 n", "n: u64"),
        (".param .u64 n", "n: isize"),
        (".param .s32 n", "n: u32"),
        (".param .u32 n", "n: i32"),
        (".param .b32 n", "n: f32"),
        (".param .b32 n", "n: (char)"),
        (".param .f32 n", "n: f32"),
        (".param .f64 n", "n: f64"),
        (".param .u16 n", "n: u16"),
        (".param .u8 n", "n: bool"),
        (".param .b8 n", "n: i8"),
        (".param .f16 n", "n: half::f16"),
        (".param .align 4 .b8 n[12]", "n: Step"),
        (".param .align 4 .b8 n[12]", "n: [f32; 3]"),
        (".param .f32 n", "n: Seconds"),
    ] {
        let (checked, messages) = compare("accepted", "", params, declared);
        assert!(messages.is_empty(), "{params} | {declared}: {messages:?}");
        assert_eq!(checked.kernels[0].described.len(), usize::from(!params.is_empty()));
    }
}

#[test]
fn each_mismatch_has_its_message() {
    let first = |is: &str| format!("parameter 1 in the PTX, `p` in line 4, is {is}");
    let slice =
        |is: &str| format!("a slice is passed as a 64-bit pointer to global memory, and {}", first(is));
    for (params, declared, message) in [
        (".param .f32 p", "p: &[f32]", slice("an `f32`")),
        (".param .f64 p", "p: &[f32]", slice("an `f64`")),
        (".param .u32 p", "p: &mut [u32]", slice("a 32-bit integer")),
        (".param .align 8 .b8 p[8]", "p: &mut [u32]", slice("8 bytes aligned to 8")),
        (".param .u32 .ptr p", "p: &[u32]", slice("a 32-bit pointer")),
        (".param .u64 .ptr .shared .align 4 p", "p: &[u32]", slice("a 64-bit pointer to shared memory, aligned to 4")),
        (".param .u64 .ptr .const p", "p: &[u32]", slice("a 64-bit pointer to constant memory")),
        (
            ".param .u64 .ptr p",
            "p: u64",
            format!("{}, and `u64` is passed by value: a buffer is `&[u64]` or `&mut [u64]`", first("a 64-bit pointer")),
        ),
        (
            ".param .u64 .ptr .global .align 16 p",
            "p: &[[f32; 3]]",
            format!(
                "{}. A view may begin at any element, so the size of an element is a multiple of 16, and that of `[f32; 3]` is 12",
                first("a 64-bit pointer to global memory, aligned to 16")
            ),
        ),
        (".param .u32 p", "p: f32", format!("{}, and here it is `f32`", first("a 32-bit integer"))),
        (".param .f32 p", "p: u32", format!("{}, and here it is `u32`", first("an `f32`"))),
        (".param .f32 p", "p: f64", format!("{}, and here it is `f64`", first("an `f32`"))),
        (".param .f64 p", "p: f32", format!("{}, and here it is `f32`", first("an `f64`"))),
        (".param .f32 p", "p: i32", format!("{}, and here it is `i32`", first("an `f32`"))),
        (".param .u8 p", "p: u16", format!("{}, and here it is `u16`", first("an 8-bit integer"))),
        (".param .u32 p", "p: bool", format!("{}, and here it is `bool`", first("a 32-bit integer"))),
        (".param .b32 p", "p: u64", format!("{}, and here it is `u64`", first("a 32-bit value of any type"))),
        (".param .bf16 p", "p: u16", format!("{}, and here it is `u16`", first("a `bf16`"))),
        (".param .align 4 .b8 p[4]", "p: f32", format!("{}, and here it is `f32`", first("4 bytes aligned to 4"))),
        ("", "p: u8", "`a` has 0 parameters in the PTX (line 4), and 1 here".to_owned()),
        (".param .u8 p", "", "`a` has 1 parameter in the PTX (line 4), and 0 here: an 8-bit integer".to_owned()),
        (
            ".param .u64 p, .param .u32 n",
            "p: &[u8]",
            "`a` has 2 parameters in the PTX (line 4), and 1 here: a 64-bit integer (a pointer may be passed as one); \
             a 32-bit integer. If it takes the length of each slice after its address, write `slices = \"pointer, length\"`"
                .to_owned(),
        ),
    ] {
        assert_eq!(compare("mismatch", "", params, declared).1, [message], "{params} | {declared}");
    }
}

#[test]
fn layouts_that_only_the_compiler_knows_are_asserted() {
    let assertions = |params, declared| {
        let (checked, messages) = compare("assertions", "", params, declared);
        assert!(messages.is_empty(), "{messages:?}");
        checked.kernels[0].assertions.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let [of_struct] = assertions(".param .align 8 .b8 n[24]", "n: Step").try_into().unwrap();
    for part in [
        "size_of :: < Step > () == 24",
        "align_of :: < Step > () <= 8",
        "is 24 bytes aligned to 8, and the size of `Step` is ",
        "is 24 bytes aligned to 8, and the alignment of `Step` is ",
    ] {
        assert!(of_struct.contains(part), "{part}: {of_struct}");
    }
    let [of_element] = assertions(".param .u64 .ptr .align 16 p", "p: &[a::Of]").try_into().unwrap();
    assert!(of_element.contains("size_of :: < a :: Of > () % 16 == 0"), "{of_element}");
    for (params, declared) in [
        (".param .u64 .ptr .align 1 p", "p: &[Of]"),
        (".param .u64 p", "p: &[Of]"),
        (".param .u64 .ptr .align 4 p", "p: &[[f32; 3]]"),
        (".param .u32 n", "n: u32"),
    ] {
        assert_eq!(assertions(params, declared), [""], "{params}");
    }
}

#[test]
fn lengths_follow_their_slices() {
    let lengths = ", slices = \"pointer, length\"";
    let params =
        ".param .u64 a, .param .u32 b, .param .f32 c, .param .u64 .ptr d, .param .u64 e, .param .b32 f";
    let (checked, messages) = compare("lengths", lengths, params, "a: &[u8], c: f32, d: &mut [u8], f: u32");
    assert!(messages.is_empty(), "{messages:?}");
    assert_eq!(
        checked.kernels[0].origins,
        [
            ParamOrigin::Slice(0),
            ParamOrigin::Length(0, 32),
            ParamOrigin::Value(0),
            ParamOrigin::Slice(1),
            ParamOrigin::Length(1, 64),
            ParamOrigin::Value(1)
        ]
    );
    for (params, is) in [
        (".param .u64 p, .param .f32 n", "an `f32`"),
        (".param .u64 p, .param .u16 n", "a 16-bit integer"),
        (".param .u64 p, .param .align 4 .b8 n[4]", "4 bytes aligned to 4"),
        (".param .u64 p, .param .u64 .ptr n", "a 64-bit pointer"),
    ] {
        let message = format!(
            "the length of the slice `p` is a `u32` or `u64` (`slices = \"pointer, length\"`), and parameter 2 in the PTX, `n` in \
             line 4, is {is}"
        );
        assert_eq!(compare("length", lengths, params, "p: &[u8]").1, [message]);
    }
    assert_eq!(
        compare("no-length", lengths, ".param .u64 p", "p: &[u8]").1,
        [
            "`a` has 1 parameter in the PTX (line 4), and 2 here, with the lengths of slices: a 64-bit integer (a pointer may be \
          passed as one). If it takes no lengths of slices, leave `slices = \"pointer, length\"` out"
        ]
    );
}

#[test]
fn a_kernel_has_up_to_64_parameters_in_the_ptx() {
    let values = |count| (0..count).map(|index| format!("a{index}: u8,")).collect::<String>();
    let found =
        |options, slices, count| messages(options, &format!("pub fn a({slices} {}) {{}}", values(count)));
    assert!(found("", "b: &[u8],", 63).is_empty());
    assert_eq!(
        found("", "b: &[u8],", 64),
        ["a kernel has at most 64 parameters in the PTX, and `a` has 65: put values into a struct"]
    );
    let lengths = "(slices = \"pointer, length\")";
    assert!(found(lengths, "b: &[u8],", 62).is_empty());
    assert_eq!(found(lengths, "b: &[u8],", 63).len(), 1);
}

#[test]
fn entries_are_found_by_their_plain_names() {
    let folder =
        folder("names", format!("{}\n.entry type() {{ }}\n.entry other() .reqntid 32, 2 {{ }}", ptx("")));
    let (checked, messages) = compare_in(&folder, "", "pub fn r#type(); pub fn a();");
    assert!(messages.is_empty(), "{messages:?}");
    assert_eq!(checked.undeclared, ["other"]);
    assert!(matches!(&checked.file, File::Read(path) if *path == folder.join("kernels.ptx")));
    assert_eq!(checked.compiled_for.as_deref(), Some("PTX 8.3, for sm_75"));
    let (checked, messages) = compare_in(&folder, "", "pub fn othr(); pub fn other();");
    assert_eq!(messages, ["the PTX has no kernel `othr`: did you mean `other`?"]);
    assert_eq!(checked.kernels[1].block, Some([32, 2, 1]));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn mistakes_of_the_declaration_alone_are_reported() {
    let found = compare("broken", "", ".param .u64 a, .param .u64 b", "a: *const u8, &self").1;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(!found.iter().any(|message| message.contains("PTX (line")), "{found:?}");
}

#[test]
fn files_that_are_no_ptx_are_refused() {
    for (name, contents, message) in [
        (
            "cubin",
            b"\x7fELF\x02\x01\x01".as_slice(),
            "kernels.ptx: this file is a cubin, and the macro needs PTX",
        ),
        ("text", b"hello", "kernels.ptx, line 1: this is no PTX: PTX begins with `.version`"),
        ("cut", b".version 8.3\n.target sm_75\n.address_size 64\n.entry a(", "kernels.ptx, line 4: "),
        (
            "narrow",
            b".version 8.3\n.target sm_75\n.address_size 32\n",
            "kernels.ptx has 32-bit addresses, and gpumem needs 64",
        ),
        ("latin", b".version 8.3\n// gr\xf6\xdfe\n", "kernels.ptx, line 2: the text is not UTF-8"),
    ] {
        let folder = folder(name, contents);
        let (checked, messages) = compare_in(&folder, "", "pub fn a();");
        fs::remove_dir_all(folder).unwrap();
        assert_eq!(messages.len(), 1, "{name}: {messages:?}");
        assert!(messages[0].contains(message), "{name}: {messages:?}");
        assert!(matches!(checked.file, File::Broken));
    }
    let [message] = compare_in(Path::new("/no/such/folder"), "", "pub fn a();").1.try_into().unwrap();
    assert!(message.starts_with("cannot read the PTX file /no/such/folder/kernels.ptx: "), "{message}");
    assert!(message.ends_with(". NVIDIA's compiler makes it: `nvcc -ptx kernels.cu`"), "{message}");
}

#[test]
fn the_text_is_that_of_the_file_that_was_compared() {
    let text = |options: &str| {
        let output = pretty(&module(options, "pub fn count(steps: &mut [u64]) {}"));
        let text = output
            .split("include_str!(")
            .nth(1)
            .map(|rest| rest.split(')').next().unwrap().trim().to_owned());
        (text, output)
    };
    assert_eq!(text("(unsafe(ptx = \"kernels.ptx\"))").0.as_deref(), Some("\"snapshots/kernels.ptx\""));
    let (composed, output) =
        text("(unsafe(ptx = concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/snapshots/kernels.ptx\")))");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/kernels.ptx");
    assert_eq!(composed, Some(format!("{path:?}")));
    assert_eq!(output.matches("core::env!(").count(), 1, "{output}");
    // A file that cannot be read is one error, and PTX without `unsafe` is not loaded.
    let (none, output) = text("(unsafe(ptx = \"no_such.ptx\"))");
    assert!(none.is_none() && output.contains("unsafe {"), "{output}");
    let (none, output) = text("(ptx = \"kernels.ptx\")");
    assert!(none.is_none() && !output.contains("unsafe {"), "{output}");
    // An editor does not tell where the source is. The compiler will.
    let options = "unsafe(ptx = \"kernels.ptx\"), slices = \"pointer, length\"".parse().unwrap();
    let module = "mod m { pub fn anything(a: &[u8]); }".parse().unwrap();
    let output = super::super::kernels(options, module, &|_| None, false).to_string();
    assert!(!output.contains("compile_error"), "{output}");
    assert!(output.contains("include_str ! (\"kernels.ptx\")"), "{output}");
}

#[test]
fn without_ptx_every_kernel_has_a_body() {
    assert!(messages("", "pub fn a() {}").is_empty());
    assert_eq!(
        messages("", "pub fn a() {} pub fn b();"),
        [
            "`b` has no body, and the module has no PTX that could have it: `#[gpumem::kernels(unsafe(ptx = \"kernels.ptx\"))]`"
        ]
    );
    // A file that cannot be read may have it.
    assert_eq!(messages("(unsafe(ptx = \"no_such.ptx\"))", "pub fn b();").len(), 1);
}

#[test]
fn errors_of_a_conditional_kernel_are_conditional() {
    let items = "#[cfg(a)] pub fn cuont(a: *const u8) -> u8; #[cfg(a)] pub fn b(); #[cfg(not(a))] pub fn b(); pub fn c();";
    let output = expand(&module("(unsafe(ptx = \"kernels.ptx\"))", items)).to_string();
    assert_eq!(
        output.matches("# [cfg (a)] const _ : () = { :: core :: compile_error !").count(),
        3,
        "{output}"
    );
    assert_eq!(
        output.matches("# [cfg (not (a))] const _ : () = { :: core :: compile_error !").count(),
        1,
        "{output}"
    );
    assert_eq!(output.matches("compile_error !").count(), 6, "{output}");
    assert_eq!(output.matches("# [cfg (a)] :: gpumem :: __private :: Entry").count(), 2, "{output}");
    assert!(
        output.contains("enum __Kernel { # [cfg (a)] cuont , # [cfg (a)] b , # [cfg (not (a))] b , c }"),
        "{output}"
    );
}
