//! Compares the kernels with the entries of the PTX.
//!
//! The PTX has the sizes of parameters and not their types: a struct is an array of bytes. So numbers are
//! compared here, by their names, and the layout of every other type is left to the compiler, in assertions.

use super::assertions::{Property, assertion};
use super::options::{Options, Ptx as Given};
use super::params::Param;
use super::signature::Kernel;
use crate::ptx::{self, Class, Entry, Kind as PtxKind, Param as PtxParam, Ptx, Scalar, Space};
use crate::sink::Sink;
use crate::syntax::{bare, size_from_syntax};
use crate::text;
use proc_macro2::{Span, TokenStream};
use quote::quote;
use std::path::{Path, PathBuf};
use syn::Type;

/// The most parameters of a kernel in the PTX. The runtime has room for as many.
const MOST_PARAMETERS: usize = 64;

/// The result for all kernels.
#[derive(Default)]
pub(super) struct Checked {
    /// For each kernel, in their order.
    pub(super) kernels: Vec<CheckedKernel>,
    /// The entries of the PTX that no kernel declares.
    pub(super) undeclared: Vec<String>,
    pub(super) file: File,
    /// The version and the architecture of the PTX, for the documentation.
    pub(super) compiled_for: Option<String>,
}

/// The PTX file.
#[derive(Default)]
pub(super) enum File {
    /// The macro does not know where it is, since an editor runs it, or a header is being written.
    #[default]
    Unknown,
    /// The macro has read it.
    Read(PathBuf),
    /// It cannot be read, which was reported.
    Broken,
}

#[derive(Default)]
pub(super) struct CheckedKernel {
    /// The origin of each parameter in the PTX.
    pub(super) origins: Vec<ParamOrigin>,
    /// For each parameter, assertions about its type.
    pub(super) assertions: Vec<TokenStream>,
    /// The threads that a block must have.
    pub(super) block: Option<[u32; 3]>,
    /// The parameters in the PTX, for the documentation.
    pub(super) described: Vec<String>,
    /// The most threads of a block, if the PTX limits them, for the documentation.
    pub(super) max_threads: Option<u64>,
}

/// The origin of a parameter in the PTX: the runtime's `ParamOrigin`, by the number of the slice or of the
/// value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParamOrigin {
    Slice(usize),
    Length(usize, u32),
    Value(usize),
}

/// Reads the PTX and checks the kernels.
pub(super) fn check(
    options: &Options,
    kernels: &[Kernel],
    folder_of: &dyn Fn(Span) -> Option<PathBuf>,
    sink: &mut Sink,
) -> Checked {
    let mut checked = Checked::default();
    let path = options
        .ptx
        .as_ref()
        .filter(|_| !options.writes_header)
        .and_then(|given| Some((given, path_of(given, folder_of)?)));
    let mut ptx = None;
    if let Some((given, path)) = path {
        match read(&path) {
            Ok(read) => (ptx, checked.file) = (Some(read), File::Read(path)),
            Err(message) => {
                sink.at(&given.written, message);
                checked.file = File::Broken;
            }
        }
    }
    for kernel in kernels {
        let mut own = Sink::default();
        checked.kernels.push(check_kernel(options, ptx.as_ref(), kernel, &mut own));
        sink.append(own, &kernel.gate);
    }
    if let Some(ptx) = &ptx {
        let is_declared = |entry: &&Entry| !kernels.iter().any(|kernel| kernel.plain_name() == entry.name);
        let (major, minor) = ptx.version;
        checked.compiled_for = Some(format!("PTX {major}.{minor}, for {}", ptx.target));
        checked.undeclared = ptx.entries.iter().filter(is_declared).map(|entry| entry.name.clone()).collect();
    }
    checked
}

fn check_kernel(options: &Options, ptx: Option<&Ptx>, kernel: &Kernel, sink: &mut Sink) -> CheckedKernel {
    let name = &kernel.name;
    if options.ptx.is_none() && !kernel.has_body {
        let message = format!(
            "`{name}` has no body, and the module has no PTX that could have it: `#[gpumem::kernels(unsafe(ptx = \"kernels.ptx\"))]`"
        );
        sink.at(name, message);
    }
    let checked = match ptx {
        Some(ptx) => against(ptx, kernel, options.lengths, &core(options), sink),
        None => unchecked(kernel, options.lengths),
    };
    if checked.origins.len() > MOST_PARAMETERS {
        let message = format!(
            "a kernel has at most {MOST_PARAMETERS} parameters in the PTX, and `{name}` has {}: put values into a struct",
            checked.origins.len()
        );
        sink.at(name, message);
    }
    checked
}

/// The whole path of the PTX, if it is known.
fn path_of(given: &Given, folder_of: &dyn Fn(Span) -> Option<PathBuf>) -> Option<PathBuf> {
    let path = Path::new(&given.path);
    if path.is_absolute() { Some(path.to_owned()) } else { Some(folder_of(given.span)?.join(path)) }
}

/// The path of `core`.
pub(super) fn core(options: &Options) -> TokenStream {
    let root = &options.root;
    quote!(#root::__private::core)
}

fn read(path: &Path) -> Result<Ptx, String> {
    // Shorter, as the compiler shows paths.
    let here = std::env::current_dir().unwrap_or_default();
    let shown = path.strip_prefix(here).unwrap_or(path).display();
    let file = std::fs::read(path).map_err(|error| {
        let source = Path::new(path.file_name().unwrap_or_default()).with_extension("cu");
        format!(
            "cannot read the PTX file {shown}: {error}. NVIDIA's compiler makes it: `nvcc -ptx {}`",
            source.display()
        )
    })?;
    let at = |error: ptx::Error| format!("{shown}, line {}: {}", error.line, error.message);
    let text = ptx::text(&file).map_err(|error| match error.line {
        // A binary file has no lines.
        1 => format!("{shown}: {}", error.message),
        _ => at(error),
    })?;
    let ptx = ptx::read(text).map_err(at)?;
    if ptx.address_size == 64 {
        return Ok(ptx);
    }
    Err(format!(
        "{shown} has {}-bit addresses, and gpumem needs 64: compile it with `nvcc -m64 -ptx`",
        ptx.address_size
    ))
}

/// The origins of the parameters of a kernel whose PTX is not known.
fn unchecked(kernel: &Kernel, lengths: bool) -> CheckedKernel {
    let (mut origins, mut slices, mut values) = (Vec::new(), 0, 0);
    for param in &kernel.params {
        if param.is_slice() {
            origins.push(ParamOrigin::Slice(slices));
            origins.extend(lengths.then_some(ParamOrigin::Length(slices, 32)));
            slices += 1;
        } else {
            origins.push(ParamOrigin::Value(values));
            values += 1;
        }
    }
    CheckedKernel { origins, ..CheckedKernel::default() }
}

fn against(ptx: &Ptx, kernel: &Kernel, lengths: bool, core: &TokenStream, sink: &mut Sink) -> CheckedKernel {
    let mut checked = unchecked(kernel, lengths);
    let entry = match ptx.entry(&kernel.plain_name()) {
        Ok(entry) => entry,
        Err(message) => {
            sink.at(&kernel.name, message);
            return checked;
        }
    };
    checked.block = entry.required_block;
    checked.max_threads = entry.max_threads();
    checked.described = entry.params.iter().map(ToString::to_string).collect();
    if kernel.is_broken {
        return checked;
    }
    if entry.params.len() != checked.origins.len() {
        sink.at(&kernel.name, other_number(entry, kernel, checked.origins.len(), lengths));
        return checked;
    }
    let mut theirs = entry.params.iter().enumerate().map(|(index, theirs)| Theirs { index, theirs });
    let mut origins = checked.origins.iter_mut();
    for param in &kernel.params {
        let assertions = theirs.next().map(|theirs| parameter(param, &theirs, core, sink));
        checked.assertions.push(assertions.unwrap_or_default());
        origins.next();
        if lengths
            && param.is_slice()
            && let (Some(theirs), Some(ParamOrigin::Length(_, width))) = (theirs.next(), origins.next())
        {
            *width = length(param, &theirs, sink).unwrap_or(32);
        }
    }
    checked
}

fn other_number(entry: &Entry, kernel: &Kernel, ours: usize, lengths: bool) -> String {
    let theirs: Vec<_> = entry.params.iter().map(ToString::to_string).collect();
    let list = if theirs.is_empty() { String::new() } else { format!(": {}", theirs.join("; ")) };
    let slices = kernel.slices().count();
    let hint = if !lengths && slices > 0 && theirs.len() == ours + slices {
        ". If it takes the length of each slice after its address, write `slices = \"pointer, length\"`"
    } else if lengths && theirs.len() + slices == ours {
        ". If it takes no lengths of slices, leave `slices = \"pointer, length\"` out"
    } else {
        ""
    };
    let s = if theirs.len() == 1 { "" } else { "s" };
    let with = if lengths && slices > 0 { ", with the lengths of slices" } else { "" };
    format!(
        "`{}` has {} parameter{s} in the PTX (line {}), and {ours} here{with}{list}{hint}",
        kernel.name,
        theirs.len(),
        entry.line
    )
}

/// A parameter in the PTX.
struct Theirs<'p> {
    index: usize,
    theirs: &'p PtxParam,
}

impl Theirs<'_> {
    /// Its description, and its place.
    fn place(&self) -> String {
        let Self { index, theirs } = self;
        format!("parameter {} in the PTX, `{}` in line {}, is {theirs}", index + 1, theirs.name, theirs.line)
    }
}

/// Compares a parameter with that of the PTX. Returns assertions.
fn parameter(param: &Param, their: &Theirs<'_>, core: &TokenStream, sink: &mut Sink) -> TokenStream {
    let kind = their.theirs.kind;
    match (param.element(), kind) {
        (Some(element), PtxKind::Pointer { bits: 64, space: Space::Generic | Space::Global, alignment }) => {
            aligned(element, alignment, their, core, sink)
        }
        (Some(_), _) if kind.may_be_pointer() => TokenStream::new(),
        (Some(_), _) => {
            let message =
                format!("a slice is passed as a 64-bit pointer to global memory, and {}", their.place());
            sink.at(&param.ty, message);
            TokenStream::new()
        }
        (None, PtxKind::Pointer { .. }) => {
            let (ty, place) = (text::of(&param.ty), their.place());
            let message =
                format!("{place}, and `{ty}` is passed by value: a buffer is `&[{ty}]` or `&mut [{ty}]`");
            sink.at(&param.ty, message);
            TokenStream::new()
        }
        (None, _) => value(&param.ty, their, core, sink),
    }
}

/// The PTX may expect addresses that are a multiple of `alignment`: then elements are as large, since a view
/// may begin at any of them.
fn aligned(
    element: &Type,
    alignment: u32,
    their: &Theirs<'_>,
    core: &TokenStream,
    sink: &mut Sink,
) -> TokenStream {
    let alignment = u64::from(alignment);
    if alignment <= 1 {
        return TokenStream::new();
    }
    let message = format!(
        "{}. A view may begin at any element, so the size of an element is a multiple of {alignment}, and that of `{}` is",
        their.place(),
        text::of(element)
    );
    match size_from_syntax(element) {
        Some(size) if size % alignment == 0 => TokenStream::new(),
        Some(size) => {
            sink.at(element, format!("{message} {size}"));
            TokenStream::new()
        }
        None => assertion(element, &Property::MultipleOf(alignment), &message, core),
    }
}

fn value(ty: &Type, their: &Theirs<'_>, core: &TokenStream, sink: &mut Sink) -> TokenStream {
    let name = text::of(ty);
    if let Some((class, bits)) = number(ty) {
        let fits = match their.theirs.kind {
            PtxKind::Scalar(scalar) => scalar.bits == bits && same_class(class, scalar),
            _ => false,
        };
        if !fits {
            sink.at(ty, format!("{}, and here it is `{name}`", their.place()));
        }
        return TokenStream::new();
    }
    let (place, size) = (their.place(), Property::Size(their.theirs.size()));
    let mut assertions = assertion(ty, &size, &format!("{place}, and the size of `{name}` is"), core);
    // The alignment in the PTX may be larger: that of `float4`, for one.
    let alignment = Property::Alignment(u64::from(their.theirs.alignment()));
    let message = format!("{place}, and the alignment of `{name}` is");
    assertions.extend(assertion(ty, &alignment, &message, core));
    assertions
}

/// The width of the length of a slice.
fn length(param: &Param, their: &Theirs<'_>, sink: &mut Sink) -> Option<u32> {
    if let PtxKind::Scalar(Scalar {
        class: Class::Unsigned | Class::Signed | Class::Bits,
        bits: bits @ (32 | 64),
    }) = their.theirs.kind
    {
        return Some(bits);
    }
    let message = format!(
        "the length of the slice `{}` is a `u32` or `u64` (`slices = \"pointer, length\"`), and {}",
        param.name,
        their.place()
    );
    sink.at(&param.ty, message);
    None
}

/// The class and the bits of a primitive type, by its name.
fn number(ty: &Type) -> Option<(Class, u32)> {
    let Type::Path(path) = bare(ty) else { return None };
    Some(match path.path.get_ident()?.to_string().as_str() {
        "u8" | "bool" => (Class::Unsigned, 8),
        "u16" => (Class::Unsigned, 16),
        "u32" | "char" => (Class::Unsigned, 32),
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
