//! A C++ compiler of this machine, for headers of kernels. `cuda_on_host.h` gives it the words of CUDA.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// The messages of a compiler about a text. `None` if the machine has no compiler.
fn compile(text: &str) -> Option<Output> {
    let names = std::env::var("CXX").into_iter().chain(["g++", "clang++"].map(String::from));
    for name in names {
        let compiler = Command::new(&name)
            .args(["-fsyntax-only", "-std=gnu++17", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"])
            .args(["-I", super::FOLDER, "-include", "cuda_on_host.h", "-x", "c++", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        if let Ok(mut compiler) = compiler {
            compiler.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            return Some(compiler.wait_with_output().unwrap());
        }
    }
    eprintln!("skipped: no C++ compiler (`CXX`, g++, clang++)");
    None
}

pub(super) fn accepts(text: &str) {
    let Some(output) = compile(text) else { return };
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
}

pub(super) fn refuses(text: &str, message: &str) {
    let Some(output) = compile(text) else { return };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(message), "{message}\n{said}\n{text}");
}
