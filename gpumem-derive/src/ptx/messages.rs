//! Kernels and parameters as messages speak of them.

use super::declarations::{Class, Entry, Kind, Param, Ptx, Scalar, Space};
use crate::nearest::nearest;
use crate::text::quoted_list;
use std::fmt;

/// The most names of kernels in a message.
const NAMES: usize = 8;

impl Ptx {
    /// The kernel of this name.
    ///
    /// # Errors
    ///
    /// There is none. The error is a message about the kernels that the name may stand for.
    pub(crate) fn entry(&self, name: &str) -> Result<&Entry, String> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.name == name) {
            return Ok(entry);
        }
        let names: Vec<&str> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
        let hint = if names.is_empty() {
            "it has no kernels at all".to_owned()
        } else if let Some(mangled) = names.iter().find(|mangled| is_mangled(mangled, name)) {
            format!(
                "it has `{mangled}`. A kernel keeps its name with `extern \"C\"` in C++, and with \
                 `#[unsafe(no_mangle)]` in Rust"
            )
        } else if let Some(meant) = nearest(name, &names) {
            format!("did you mean `{meant}`?")
        } else {
            format!("it has {}", some_of(&names))
        };
        Err(format!("the PTX has no kernel `{name}`: {hint}"))
    }
}

/// `` `a`, `b` and `c` ``, or the first few names and the number of the others.
fn some_of(names: &[&str]) -> String {
    match names.split_at_checked(NAMES) {
        Some((shown, more)) if !more.is_empty() => {
            let shown: Vec<String> = shown.iter().map(|name| format!("`{name}`")).collect();
            format!("{} and {} more", shown.join(", "), more.len())
        }
        _ => quoted_list(names),
    }
}

/// Whether a compiler made `mangled` of `name`: `_Z3addPf` of `add`.
fn is_mangled(mangled: &str, name: &str) -> bool {
    let Some(parts) = mangled.strip_prefix("_Z").or_else(|| mangled.strip_prefix("_R")) else { return false };
    let part = format!("{}{name}", name.len());
    parts.match_indices(&part).any(|(at, _)| !parts[..at].ends_with(|c: char| c.is_ascii_digit()))
}

/// The name of the type in Rust, or in PTX if Rust has none: `f32`, `b32`.
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let class = match self.class {
            Class::Unsigned => "u",
            Class::Signed => "i",
            Class::Bits => "b",
            Class::Float => "f",
            Class::BrainFloat => "bf",
        };
        write!(f, "{class}{}", self.bits)
    }
}

/// The kind of the parameter, for messages: "a 64-bit pointer to global memory".
impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (size, alignment) = (self.size(), self.alignment());
        match self.kind {
            Kind::Pointer { bits, space, alignment } => {
                write!(f, "a {bits}-bit pointer{space}")?;
                return if alignment > 1 { write!(f, ", aligned to {alignment}") } else { Ok(()) };
            }
            Kind::Scalar(scalar) => write!(f, "{}", ScalarWithArticle(scalar))?,
            Kind::Array { element, length } => {
                let bytes = if size == 1 { "byte" } else { "bytes" };
                write!(f, "{size} {bytes}")?;
                if alignment > 1 {
                    write!(f, " aligned to {alignment}")?;
                }
                return if element.bits == 8 { Ok(()) } else { write!(f, " ({length} `{element}`)") };
            }
        }
        if alignment > self.natural_alignment() {
            write!(f, ", aligned to {alignment}")?;
        }
        let open = self.kind.may_be_pointer();
        f.write_str(if open { " (a pointer may be passed as one)" } else { "" })
    }
}

/// A number, for messages: "a 64-bit integer".
struct ScalarWithArticle(Scalar);

impl fmt::Display for ScalarWithArticle {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self(scalar) = self;
        let article = if scalar.bits == 8 { "an" } else { "a" };
        match scalar.class {
            Class::Unsigned | Class::Signed => write!(f, "{article} {}-bit integer", scalar.bits),
            Class::Bits => write!(f, "{article} {}-bit value of any type", scalar.bits),
            Class::Float => write!(f, "an `{scalar}`"),
            Class::BrainFloat => write!(f, "a `{scalar}`"),
        }
    }
}

/// The words after "a pointer".
impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Space::Generic => "",
            Space::Global => " to global memory",
            Space::Shared => " to shared memory",
            Space::Constant => " to constant memory",
            Space::Local => " to local memory",
        })
    }
}
