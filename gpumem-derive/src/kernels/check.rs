//! Compares the kernels with the entries of the PTX.
//!
//! The PTX has the sizes of parameters and not their types: a struct is an array of bytes. So numbers are
//! compared here, by their names, and the size of every other type is left to the compiler: an array of as
//! many bytes as the PTX has must be one of as many bytes as the type has, and if it is not, the error shows
//! both sizes.

use super::parse::{Kernel, Kind, Options, Param};
use crate::ptx::{self, Class, Entry, Kind as PtxKind, Param as PtxParam, Ptx, Scalar};
use crate::sink::Sink;
use crate::syntax::{bare, size_from_syntax};
use crate::text;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use std::path::Path;
use syn::Type;
use syn::spanned::Spanned;

/// The result for all kernels.
#[derive(Default)]
pub(super) struct Checked {
    /// For each kernel, in their order.
    pub(super) kernels: Vec<CheckedKernel>,
    /// The entries of the PTX that no kernel declares.
    pub(super) undeclared: Vec<String>,
    /// Whether the macro has read the PTX.
    pub(super) has_read: bool,
    /// The version and the architecture of the PTX, for the documentation.
    pub(super) compiled_for: Option<String>,
}

#[derive(Default)]
pub(super) struct CheckedKernel {
    /// The origin of each parameter in the PTX.
    pub(super) slots: Vec<Slot>,
    /// Assertions for the compiler.
    pub(super) assertions: TokenStream,
    /// The threads that a block must have.
    pub(super) block: Option<[u32; 3]>,
    /// The parameters in the PTX, for the documentation.
    pub(super) described: Vec<String>,
    /// The most threads of a block, if the PTX limits them, for the documentation.
    pub(super) max_threads: Option<u64>,
}

/// The origin of a parameter in the PTX: the runtime's `Slot`, by the number of the slice or of the value.
#[derive(Clone, Copy)]
pub(super) enum Slot {
    Slice(usize),
    Length(usize, u32),
    Value(usize),
}

/// Reads the PTX and checks the kernels.
pub(super) fn check(
    options: &Options,
    kernels: &[Kernel],
    folder: Option<&Path>,
    sink: &mut Sink,
) -> Checked {
    let ptx = options.ptx.as_ref().zip(folder).and_then(|(given, folder)| {
        let path = folder.join(given.path.value());
        read(&path).map_err(|message| sink.at(&given.path, message)).ok()
    });
    if options.ptx.is_none() {
        for kernel in kernels.iter().filter(|kernel| !kernel.has_body) {
            sink.at(
                &kernel.name,
                format!(
                    "`{}` has no body, and the module has no PTX: `#[gpumem::kernels(unsafe(ptx = \"kernels.ptx\"))]`",
                    kernel.name
                ),
            );
        }
    }
    let mut checked = Checked { has_read: ptx.is_some(), ..Checked::default() };
    for kernel in kernels {
        checked.kernels.push(match &ptx {
            Some(ptx) => against(ptx, kernel, options.lengths, sink),
            None => unchecked(kernel, options.lengths),
        });
    }
    if let Some(ptx) = &ptx {
        let is_declared = |entry: &&Entry| !kernels.iter().any(|kernel| kernel.name == entry.name);
        let (major, minor) = ptx.version;
        checked.compiled_for = Some(format!("PTX {major}.{minor}, for {}", ptx.target));
        checked.undeclared = ptx.entries.iter().filter(is_declared).map(|entry| entry.name.clone()).collect();
    }
    checked
}

fn read(path: &Path) -> Result<Ptx, String> {
    let shown = path.display();
    let file = std::fs::read(path).map_err(|error| {
        format!(
            "cannot read the PTX: {shown}: {error}; `nvcc -ptx {}` makes it",
            Path::new(path.file_name().unwrap_or_default()).with_extension("cu").display()
        )
    })?;
    let at = |error: ptx::Error| format!("{shown}, line {}: {}", error.line, error.message);
    let ptx = ptx::read(ptx::text(&file).map_err(at)?).map_err(at)?;
    if ptx.address_size == 64 {
        return Ok(ptx);
    }
    Err(format!(
        "{shown} has {}-bit addresses, and gpumem needs 64: compile it with `nvcc -m64 -ptx`",
        ptx.address_size
    ))
}

/// The slots of a kernel whose PTX is not known.
fn unchecked(kernel: &Kernel, lengths: bool) -> CheckedKernel {
    let (mut slots, mut slices, mut values) = (Vec::new(), 0, 0);
    for param in &kernel.params {
        if let Kind::Slice { .. } = param.kind {
            slots.push(Slot::Slice(slices));
            slots.extend(lengths.then_some(Slot::Length(slices, 32)));
            slices += 1;
        } else {
            slots.push(Slot::Value(values));
            values += 1;
        }
    }
    CheckedKernel { slots, ..CheckedKernel::default() }
}

fn against(ptx: &Ptx, kernel: &Kernel, lengths: bool, sink: &mut Sink) -> CheckedKernel {
    let mut checked = unchecked(kernel, lengths);
    let entry = match ptx.entry(&kernel.name.to_string()) {
        Ok(entry) => entry,
        Err(message) => {
            sink.at(&kernel.name, message);
            return checked;
        }
    };
    checked.block = entry.required_block;
    checked.max_threads = entry.max_threads();
    checked.described = entry.params.iter().map(ToString::to_string).collect();
    if entry.params.len() != checked.slots.len() {
        sink.at(&kernel.name, other_number(entry, kernel, checked.slots.len(), lengths));
        return checked;
    }
    let mut theirs = entry.params.iter().enumerate();
    let mut take = || theirs.next().expect("there are as many");
    let mut slot = 0;
    for param in &kernel.params {
        let (number, their) = take();
        checked.assertions.extend(parameter(param, their, number, sink));
        slot += 1;
        if lengths && matches!(param.kind, Kind::Slice { .. }) {
            let (number, their) = take();
            if let Some(bits) = length(param, their, number, sink)
                && let Slot::Length(_, width) = &mut checked.slots[slot]
            {
                *width = bits;
            }
            slot += 1;
        }
    }
    checked
}

fn other_number(entry: &Entry, kernel: &Kernel, ours: usize, lengths: bool) -> String {
    let theirs: Vec<_> = entry.params.iter().map(ToString::to_string).collect();
    let list = if theirs.is_empty() { String::new() } else { format!(": {}", theirs.join("; ")) };
    let slices = kernel.params.iter().filter(|param| matches!(param.kind, Kind::Slice { .. })).count();
    let hint = if !lengths && slices > 0 && theirs.len() == ours + slices {
        ". If it takes the length of each slice after its address, write `slices = \"pointer, length\"`"
    } else if lengths && theirs.len() + slices == ours {
        ". If it takes no lengths of slices, leave `slices` out"
    } else {
        ""
    };
    let s = if theirs.len() == 1 { "" } else { "s" };
    format!(
        "`{}` has {} parameter{s} in the PTX (line {}), and {ours} here{list}{hint}",
        kernel.name,
        theirs.len(),
        entry.line
    )
}

/// A parameter against that of the PTX. Returns assertions.
fn parameter(param: &Param, theirs: &PtxParam, number: usize, sink: &mut Sink) -> TokenStream {
    let place = || {
        format!("parameter {} in the PTX, `{}` in line {}, is {theirs}", number + 1, theirs.name, theirs.line)
    };
    match param.element() {
        Some(element) => {
            let alignment = match theirs.kind {
                PtxKind::Pointer { bits: 64, alignment, .. } => alignment,
                _ if theirs.kind.may_be_pointer() => 1,
                _ => {
                    sink.at(&param.ty, format!("a slice is passed as a 64-bit pointer, and {}", place()));
                    return TokenStream::new();
                }
            };
            aligned(element, alignment, place, sink)
        }
        None => {
            if let PtxKind::Pointer { .. } = theirs.kind {
                let ty = text::of(&param.ty);
                sink.at(
                    &param.ty,
                    format!(
                        "{}, and `{ty}` is passed by value: a buffer is `&[{ty}]` or `&mut [{ty}]`",
                        place()
                    ),
                );
                return TokenStream::new();
            }
            value(&param.ty, theirs, place, sink)
        }
    }
}

/// The PTX may expect addresses that are a multiple of `alignment`: then elements are as large, since a view
/// may begin at any of them.
fn aligned(element: &Type, alignment: u32, place: impl Fn() -> String, sink: &mut Sink) -> TokenStream {
    let alignment = alignment as usize;
    if alignment <= 1 {
        return TokenStream::new();
    }
    match size_from_syntax(element) {
        Some(size) if size % alignment as u64 == 0 => TokenStream::new(),
        Some(size) => {
            sink.at(
                element,
                format!(
                    "{}, and an element has {size} bytes: a view may begin at any element, so the size is a multiple of the alignment",
                    place()
                ),
            );
            TokenStream::new()
        }
        None => {
            let message = "the PTX expects elements whose size is a multiple of this alignment";
            quote_spanned! {element.span()=>
                const _: () = assert!(::core::mem::size_of::<#element>() % #alignment == 0, #message);
            }
        }
    }
}

fn value(ty: &Type, theirs: &PtxParam, place: impl Fn() -> String, sink: &mut Sink) -> TokenStream {
    if let Some((class, bits)) = number(ty) {
        let fits = match theirs.kind {
            PtxKind::Scalar(scalar) => scalar.bits == bits && same_class(class, scalar),
            _ => false,
        };
        if !fits {
            let name = ty.to_token_stream();
            sink.at(ty, format!("{}, and here it is `{name}`", place()));
        }
        return TokenStream::new();
    }
    let size = usize::try_from(theirs.size()).unwrap_or(usize::MAX);
    // The PTX's alignment may be larger: that of `float4`, for one.
    let alignment = theirs.alignment() as usize;
    let message = format!("{}, and the type in Rust is aligned to more than that", place());
    quote_spanned! {ty.span()=>
        const _: [(); #size] = [(); ::core::mem::size_of::<#ty>()];
        const _: () = assert!(::core::mem::align_of::<#ty>() <= #alignment, #message);
    }
}

/// The width of the length of a slice.
fn length(param: &Param, theirs: &PtxParam, number: usize, sink: &mut Sink) -> Option<u32> {
    if let PtxKind::Scalar(Scalar {
        class: Class::Unsigned | Class::Signed | Class::Bits,
        bits: bits @ (32 | 64),
    }) = theirs.kind
    {
        return Some(bits);
    }
    sink.at(
        &param.ty,
        format!(
            "the length of the slice `{}` is a `u32` or `u64`, and parameter {} in the PTX, `{}` in line {}, is {theirs}",
            param.name,
            number + 1,
            theirs.name,
            theirs.line
        ),
    );
    None
}

/// The class and the bits of a primitive number, by its name.
fn number(ty: &Type) -> Option<(Class, u32)> {
    let Type::Path(path) = bare(ty) else { return None };
    Some(match path.path.get_ident()?.to_string().as_str() {
        "u8" => (Class::Unsigned, 8),
        "u16" => (Class::Unsigned, 16),
        "u32" => (Class::Unsigned, 32),
        "u64" | "usize" => (Class::Unsigned, 64),
        "i8" => (Class::Signed, 8),
        "i16" => (Class::Signed, 16),
        "i32" => (Class::Signed, 32),
        "i64" | "isize" => (Class::Signed, 64),
        "f32" => (Class::Float, 32),
        "f64" => (Class::Float, 64),
        _ => return None,
    })
}

/// Whether the PTX may have a number of this class there. It does not tell integers with a sign from others.
fn same_class(ours: Class, theirs: Scalar) -> bool {
    match theirs.class {
        Class::Bits => true,
        Class::Float => ours == Class::Float,
        Class::BrainFloat => false,
        Class::Unsigned | Class::Signed => ours != Class::Float,
    }
}
