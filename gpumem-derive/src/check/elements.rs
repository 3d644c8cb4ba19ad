//! Rules about the type of a buffer: it is a `Vec`, and its element is plain data.

use crate::model::{Field, Role};
use crate::sink::Sink;
use crate::syntax::{bare, is_empty_array, is_unsized, size_from_syntax};
use crate::text;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{GenericArgument, PathArguments, Type, TypeTuple};

/// The type of a buffer is a `Vec`. `Role::Broken` is a field whose type is something else.
pub(super) fn type_is_a_vec(field: &Field<'_>, sink: &mut Sink) {
    if matches!(field.role, Role::Broken) {
        report(field, field.ty, not_a_vec(field), sink);
    }
}

/// The element of a buffer can be plain data. If the syntax shows that it cannot, a substitute takes its
/// place.
pub(super) fn element_is_plain_data(field: &mut Field<'_>, sink: &mut Sink) {
    let Role::Buffer(buffer) = &mut field.role else { return };
    let Some((wrong, message)) = never_plain(buffer.written) else { return };
    buffer.element = substitute(wrong);
    (buffer.substituted, buffer.generic) = (true, false);
    report(field, wrong, message, sink);
}

/// Reports a wrong type, unless a key of the field is unknown: that key may be a misspelt `skip`, which would
/// be reported twice.
fn report(field: &Field<'_>, wrong: &Type, message: String, sink: &mut Sink) {
    if !field.settings.unclear {
        sink.at(wrong, message);
    }
}

/// The element that the user will probably write instead of `wrong`.
fn substitute(wrong: &Type) -> TokenStream {
    if let Type::Tuple(tuple) = wrong
        && let Some(first) = tuple.elems.first()
        && size_from_syntax(first).is_some()
    {
        let len = tuple.elems.len();
        return quote!([#first; #len]);
    }
    quote!(::core::primitive::u8)
}

/// The message about a type that is no `Vec`.
fn not_a_vec(field: &Field<'_>) -> String {
    let (name, ty) = (&field.name, text::of(field.ty));
    let write = match (flat_element(field.ty), bare(field.ty)) {
        (Some(element), _) => format!("write `Vec<{}>`", text::of(element)),
        // A path without arguments may be an alias of a `Vec`.
        (None, Type::Path(path))
            if path.path.segments.iter().all(|segment| segment.arguments.is_none())
                && size_from_syntax(field.ty).is_none()
                && !["String", "bool", "char", "usize", "isize"].contains(&ty.as_str()) =>
        {
            "write it in full, since a derive cannot see through an alias (sets do not nest: a struct that is one itself is \
             uploaded by itself)"
                .to_owned()
        }
        _ => "write one".to_owned(),
    };
    format!(
        "a buffer is a `Vec<T>`, and the type of `{name}` is `{ty}`: {write}, or keep the field on the host with `#[buffer(skip)]`"
    )
}

/// The element of an array, a slice or another collection, for a `Vec` in its place.
fn flat_element(ty: &Type) -> Option<&Type> {
    const COLLECTIONS: &[&str] = &["Vec", "VecDeque", "LinkedList", "HashSet", "BTreeSet", "BinaryHeap"];
    const WRAPPERS: &[&str] = &["Box", "Rc", "Arc", "Option", "Cow", "RefCell", "Mutex", "RwLock"];
    match bare(ty) {
        Type::Array(array) => Some(&array.elem),
        Type::Slice(slice) => Some(&slice.elem),
        Type::Reference(reference) => match bare(&reference.elem) {
            Type::Slice(slice) => Some(&slice.elem),
            _ => None,
        },
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let PathArguments::AngleBracketed(args) = &last.arguments else { return None };
            let inner = args.args.iter().find_map(|arg| match arg {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })?;
            let name = last.ident.to_string();
            if COLLECTIONS.contains(&name.as_str()) {
                Some(inner)
            } else if WRAPPERS.contains(&name.as_str()) {
                flat_element(inner)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// The part of an element type that can never be plain data, and the message about it. Only types of the
/// language are judged: the compiler alone knows the meaning of a name, and the trait bound in the output
/// rejects a name that is not plain data.
fn never_plain(ty: &Type) -> Option<(&Type, String)> {
    let ty = bare(ty);
    let message = match ty {
        Type::Array(array) if is_empty_array(array) => format!(
            "an element must have a size: a buffer of `{}` would hold no bytes",
            text::of(ty)
        ),
        Type::Array(array) => return never_plain(&array.elem),
        Type::Tuple(tuple) => instead_of_tuple(tuple),
        Type::Reference(_) | Type::Ptr(_) => "a host address means nothing on a device: store an index, such as `u32`, \
                                              into a buffer that holds the values"
            .to_owned(),
        Type::Slice(_) | Type::Path(_) if is_unsized(ty) => {
            "an element has a fixed size: write an array, such as `[f32; 4]`, or keep the values in a flat buffer with \
             a `Vec<u32>` of offsets"
                .to_owned()
        }
        Type::TraitObject(_) | Type::ImplTrait(_) | Type::FnPtr(_) | Type::Never(_) => {
            "a buffer holds plain data: use numbers, arrays of them, or a `#[repr(C)]` struct that derives \
             `bytemuck::Pod` and `bytemuck::Zeroable`"
                .to_owned()
        }
        _ => return None,
    };
    Some((ty, message))
}

/// The message about a tuple.
fn instead_of_tuple(tuple: &TypeTuple) -> String {
    let texts: Vec<String> = tuple.elems.iter().map(text::of).collect();
    match texts.split_first() {
        Some((first, rest)) if !rest.is_empty() && rest.iter().all(|other| other == first) => {
            format!("the layout of a tuple is not fixed: write `[{first}; {}]`", texts.len())
        }
        Some(_) => "the layout of a tuple is not fixed: write a `#[repr(C)]` struct that derives `bytemuck::Pod` and \
                    `bytemuck::Zeroable`"
            .to_owned(),
        None => "an element must have a size: a buffer of `()` would hold no bytes".to_owned(),
    }
}
