//! Reads the declarations of kernels in a PTX file, so that a macro can compare declarations in Rust with it.
//!
//! PTX is the assembly language of NVIDIA's compilers. A file is a header and then definitions:
//!
//! ```text
//! .version 9.0
//! .target sm_75
//! .address_size 64
//!
//! .visible .entry rise(
//!     .param .u64 .ptr .global .align 16 heights,      // a pointer
//!     .param .align 8 .b8 settings[24],                // a struct, passed by value
//!     .param .u32 count
//! )
//! .maxntid 256
//! {
//!     ..                                               // instructions
//! }
//! ```
//!
//! Reading has two steps. [`text`] takes the bytes of a file and refuses those that are no text. [`read`]
//! takes the text. It reads the header and each `.entry`, and it skips everything else: bodies, functions,
//! variables, sections for debuggers. It skips unknown directives too, so it can read the PTX of later
//! compilers. The driver reads the text again when it loads the kernels, and reports all other mistakes.
//!
//! The types of parameters are those of the machine and not those of the source:
//!
//! * A pointer can look like any 64-bit integer, because older compilers do not write `.ptr`. [`Kind`] keeps
//!   apart the facts of the file and the open questions.
//! * Compilers write `.u32` for `int` too, so an integer does not tell whether it has a sign.
//! * A struct is an array of bytes with an alignment. Its fields are not in the file.

mod declarations;
mod lexer;
mod messages;
mod parser;
#[cfg(test)]
mod tests;

pub(crate) use self::declarations::{Class, Entry, Kind, Param, Ptx, Scalar, Space};
pub(crate) use self::lexer::Error;
pub(crate) use self::parser::read;

use self::lexer::count_lines;

/// The text of a PTX file, without a byte order mark. NVIDIA's assembler refuses such a mark, so this text
/// and not the file is what a driver should load.
///
/// # Errors
///
/// The file is binary, or its text is not UTF-8.
pub(crate) fn text(file: &[u8]) -> Result<&str, Error> {
    let binary = |what: &str| {
        let message = format!("{what}, and the macro needs PTX, the text that `nvcc -ptx` writes");
        Error { line: 1, message }
    };
    let line = |at: usize| 1 + count_lines(&file[..at]);
    match file {
        [0x7f, b'E', b'L', b'F', ..] => return Err(binary("this file is a cubin")),
        [0x50, 0xed, 0x55, 0xba, ..] => return Err(binary("this file is a fatbin")),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            return Err(Error { line: 1, message: "this file is UTF-16: save it as UTF-8".to_owned() });
        }
        _ => {}
    }
    if let Some(at) = file.iter().position(|byte| *byte == 0) {
        // NVRTC counts the NUL at the end of its PTX.
        if at > 0 && file[at..].iter().all(|byte| *byte == 0) {
            let message = "the text ends with a NUL: write the file without it".to_owned();
            return Err(Error { line: line(at), message });
        }
        return Err(binary("this file is binary, perhaps a cubin"));
    }
    let text = std::str::from_utf8(file).map_err(|error| Error {
        line: line(error.valid_up_to()),
        message: "the text is not UTF-8".to_owned(),
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}
