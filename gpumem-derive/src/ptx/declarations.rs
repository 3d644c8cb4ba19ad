//! The declarations of kernels in a PTX file, as data.

/// The header and the kernels of a PTX file.
#[derive(Debug)]
pub(crate) struct Ptx {
    /// The version of the language: `(8, 3)` for `.version 8.3`.
    pub(crate) version: (u32, u32),
    /// The architecture: `sm_90a`.
    pub(crate) target: String,
    /// The bits of an address: 64 or 32.
    pub(crate) address_size: u32,
    /// The kernels that have a body, in the order of the file.
    pub(crate) entries: Vec<Entry>,
}

/// A kernel.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// The line of the name.
    pub(crate) line: u32,
    pub(crate) params: Vec<Param>,
    /// The size of blocks that each launch must have (`.reqntid`).
    pub(crate) required_block: Option<[u32; 3]>,
    /// The largest size of a block (`.maxntid`). Only the product counts: [`Entry::max_threads`].
    pub(crate) max_block: Option<[u32; 3]>,
}

/// A parameter of a kernel.
#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) name: String,
    /// The line of the name.
    pub(crate) line: u32,
    pub(crate) kind: Kind,
    /// The alignment that the file declares, or 1. The type can have a larger one.
    pub(super) declared_alignment: u32,
}

/// The kind of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number. [`Kind::may_be_pointer`] tells whether it can also be a pointer.
    Scalar(Scalar),
    /// Structs are arrays of `.b8`.
    Array { element: Scalar, length: u32 },
    /// A pointer, because the file says so.
    Pointer {
        bits: u32,
        space: Space,
        /// The alignment that the kernel expects of the address. 1 is also written by compilers that do not
        /// know it.
        alignment: u32,
    },
}

/// The type of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) class: Class,
    pub(crate) bits: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// `.u32`. Compilers write it for integers with a sign too.
    Unsigned,
    /// `.s32`
    Signed,
    /// `.b32`: any type of this size.
    Bits,
    /// `.f32`
    Float,
    /// `.bf16`
    BrainFloat,
}

/// The memory that a pointer leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    /// Any of them: the file does not say which.
    Generic,
    Global,
    Shared,
    Constant,
    Local,
}

impl Entry {
    /// The most threads that a block can have, if the file limits them.
    pub(crate) fn max_threads(&self) -> Option<u64> {
        let block = self.required_block.or(self.max_block)?;
        Some(block.iter().fold(1, |product: u64, size| product.saturating_mul(u64::from(*size))))
    }
}

impl Param {
    /// The size in bytes.
    pub(crate) fn size(&self) -> u64 {
        match self.kind {
            Kind::Scalar(Scalar { bits, .. }) | Kind::Pointer { bits, .. } => u64::from(bits / 8),
            Kind::Array { element, length } => u64::from(element.bits / 8) * u64::from(length),
        }
    }

    /// The alignment in bytes: that of the type, or the declared one if that is larger.
    pub(crate) fn alignment(&self) -> u32 {
        self.natural_alignment().max(self.declared_alignment)
    }

    pub(super) fn natural_alignment(&self) -> u32 {
        match self.kind {
            Kind::Scalar(Scalar { bits, .. }) | Kind::Pointer { bits, .. } => bits / 8,
            Kind::Array { element, .. } => element.bits / 8,
        }
    }
}

impl Kind {
    /// Whether a pointer can be passed, though the file does not call this one: it is any 64-bit integer.
    pub(crate) fn may_be_pointer(&self) -> bool {
        let is_integer = |class| matches!(class, Class::Unsigned | Class::Signed | Class::Bits);
        matches!(self, Kind::Scalar(Scalar { class, bits: 64 }) if is_integer(*class))
    }
}

impl Scalar {
    /// The type of this name, without its point.
    pub(super) fn of(name: &str) -> Option<Self> {
        let (class, bits) = name.split_at(name.find(|c: char| c.is_ascii_digit())?);
        let (class, sizes): (_, &[u32]) = match class {
            "u" => (Class::Unsigned, &[8, 16, 32, 64]),
            "s" => (Class::Signed, &[8, 16, 32, 64]),
            "b" => (Class::Bits, &[8, 16, 32, 64, 128]),
            "f" => (Class::Float, &[16, 32, 64]),
            "bf" => (Class::BrainFloat, &[16]),
            _ => return None,
        };
        let bits = *sizes.iter().find(|size| size.to_string() == bits)?;
        Some(Scalar { class, bits })
    }
}
