//! Modules of kernels in crates whose PTX changes, or is made by a build script.

use super::random::{check, write};
use std::fs;
use std::path::Path;

/// PTX with one kernel `scale` of an address and another parameter.
fn ptx(parameter: &str) -> String {
    format!(
        ".version 8.3\n.target sm_75\n.address_size 64\n.visible .entry scale(.param .u64 .ptr .align 1 weights, {parameter})\n\
         {{ ret; }}\n"
    )
}

/// A crate with a module of kernels, whose PTX has this path.
fn source(path: &str) -> String {
    format!(
        "//! Kernels.\n#![deny(warnings, missing_docs)]\n\n/// Kernels.\n#[gpumem::kernels(unsafe(ptx = {path}))]\n\
         pub mod kernels {{\n    /// Scales.\n    pub fn scale(weights: &mut [f32], factor: f32);\n}}\n"
    )
}

/// The messages of the compiler about the crate. Empty, if it is content.
fn said(folder: &Path) -> String {
    let output = check(folder);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said
}

#[test]
fn changed_ptx_is_compared_again() {
    let folder = write("changed_ptx", &source("\"kernels.ptx\""));
    let file = folder.join("src/kernels.ptx");
    for _ in 0..2 {
        fs::write(&file, ptx(".param .f32 factor")).unwrap();
        assert_eq!(said(&folder), "");
        fs::write(&file, ptx(".param .f64 factor")).unwrap();
        let said = said(&folder);
        assert!(said.starts_with("src/lib.rs:8:"), "{said}");
        assert!(
            said.contains("parameter 2 in the PTX, `factor` in line 4, is an `f64`, and here it is `f32`"),
            "{said}"
        );
    }
}

#[test]
fn ptx_may_come_from_a_build_script() {
    let folder = write("built_ptx", &source("concat!(env!(\"OUT_DIR\"), \"/kernels.ptx\")"));
    let build = |parameter: &str| {
        let ptx = ptx(parameter);
        let script = format!(
            "fn main() {{\n    let folder = std::env::var(\"OUT_DIR\").unwrap();\n    \
             std::fs::write(std::path::Path::new(&folder).join(\"kernels.ptx\"), {ptx:?}).unwrap();\n}}\n"
        );
        fs::write(folder.join("build.rs"), script).unwrap();
    };
    build(".param .f32 factor");
    assert_eq!(said(&folder), "");
    build(".param .u32 factor");
    let said = said(&folder);
    assert!(said.contains("is a 32-bit integer, and here it is `f32`"), "{said}");
}
