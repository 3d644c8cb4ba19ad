//! Rules between keys, between fields, and about what a field may hold.

use crate::model::{Buffer, Field, Model, Role, bare};
use crate::sink::Sink;
use crate::text;
use std::collections::HashMap;
use syn::{GenericArgument, PathArguments, Type};

/// What the manager has of its own, which no accessor may be called.
const MANAGER_METHODS: &[&str] = &[
    "new",
    "with_capacity",
    "split_mut",
    "lens",
    "capacities",
    "reserve",
    "resize",
    "clear",
    "shrink_to_fit",
    "upload_from",
    "download",
    "download_into",
    "start_download",
    "stats",
    "device",
    "check_leaks",
    "close",
];
/// Fields of the manager that are not buffers.
const MANAGER_FIELDS: &[&str] = &["__set", "__marker"];

/// Judges the model. A field with a mistake of its own that leaves nothing to generate becomes `Role::Broken`.
pub(crate) fn check(model: &mut Model<'_>, sink: &mut Sink) {
    for field in &mut model.fields {
        keys(field, sink);
        room(field, sink);
        if !kind(field, sink) {
            field.role = Role::Broken;
        }
    }
    names(model, sink);
}

/// Keys that contradict each other.
fn keys(field: &Field<'_>, sink: &mut Sink) {
    let settings = &field.settings;
    if settings.skip.is_some() {
        let others = [
            settings.growth.as_ref().map(|setting| &setting.key),
            settings.max.as_ref().map(|setting| &setting.key),
            settings.min.as_ref().map(|setting| &setting.key),
            settings.asynchronous.as_ref().map(|setting| &setting.key),
        ];
        for key in others.into_iter().flatten() {
            let message = format!(
                "`{key}` has no effect on a field that `skip` leaves on the host: remove one of the two"
            );
            sink.at(&key, message);
        }
        return;
    }
    if let (Some(min), Some(max)) = (&settings.min, &settings.max)
        && let (Some(least), Some(most)) = (&min.value, &max.value)
        && least.bytes > most.bytes
    {
        sink.at(&min.tokens, format!("`min` is {}, more than `max`, which is {}", least.text, most.text));
    }
}

/// A `max` without room for one element, where the element says its size. For the others, what is generated asserts it.
fn room(field: &Field<'_>, sink: &mut Sink) {
    if let Role::Buffer(Buffer { element_size: Some(size), element_text, max: Some(max), .. }) = &field.role
        && max.bytes < *size
        && let Some(setting) = &field.settings.max
    {
        let message =
            format!("`max` is {}, less than one element: `{element_text}` takes {size} bytes", max.text);
        sink.at(&setting.tokens, message);
    }
}

/// Whether the field can be what it is to be.
fn kind(field: &Field<'_>, sink: &mut Sink) -> bool {
    let (wrong, message) = match &field.role {
        Role::Host => return true,
        Role::Buffer(Buffer { element, .. }) => match never_pod(element) {
            Some(found) => found,
            None => return true,
        },
        Role::Broken => (field.ty, not_a_vec(field)),
    };
    // A misspelt `skip` would be reported twice otherwise: once as a key, once as what it does not do.
    if !field.settings.unclear {
        sink.at(wrong, message);
    }
    false
}

fn not_a_vec(field: &Field<'_>) -> String {
    let (name, ty) = (&field.name, text::of(field.ty));
    let write = match bare(field.ty) {
        Type::Array(array) => format!("write `Vec<{}>`", text::of(&array.elem)),
        Type::Reference(reference) => match bare(&reference.elem) {
            Type::Slice(slice) => format!("write `Vec<{}>`", text::of(&slice.elem)),
            _ => "write one".to_owned(),
        },
        // What looks like a plain name may be one for a `Vec`.
        Type::Path(path)
            if path.path.segments.iter().all(|segment| segment.arguments.is_none()) && ty != "String" =>
        {
            "write it in full, since a derive cannot see through an alias".to_owned()
        }
        _ => "write one".to_owned(),
    };
    format!(
        "a buffer is a `Vec<T>`, and `{name}` is a `{ty}`: {write}, or keep the field on the host with `#[buffer(skip)]`"
    )
}

/// What in an element type can never be plain data on a device, and what to write instead.
fn never_pod(ty: &Type) -> Option<(&Type, String)> {
    let ty = bare(ty);
    let why = match ty {
        Type::Array(array) => return never_pod(&array.elem),
        Type::Tuple(tuple) => instead_of_tuple(tuple),
        Type::Reference(_) | Type::Ptr(_) => "a host address means nothing on a device: store an index, such as `u32`, \
                                              into a buffer that holds the values"
            .to_owned(),
        Type::Path(path) => instead_of_path(&path.path)?.to_owned(),
        Type::Slice(_) => {
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
    Some((ty, why))
}

fn instead_of_tuple(tuple: &syn::TypeTuple) -> String {
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

/// Types of the standard library that are no plain data. Only where the path says plainly that they are meant: a
/// user's own `geometry::Box` is none of them.
fn instead_of_path(path: &syn::Path) -> Option<&'static str> {
    let last = path.segments.last()?;
    let standard = path.segments.len() == 1
        || path
            .segments
            .first()
            .is_some_and(|first| ["std", "core", "alloc"].iter().any(|name| first.ident == name));
    let has_type = matches!(&last.arguments, PathArguments::AngleBracketed(args)
        if args.args.iter().any(|arg| matches!(arg, GenericArgument::Type(_))));
    if !standard {
        return None;
    }
    Some(match (last.ident.to_string().as_str(), has_type) {
        ("bool", false) => "not every byte is a `bool`, and a device may write any: use `u8` or `u32`",
        ("char", false) => "not every number is a `char`, and a device may write any: use `u32`",
        ("String" | "str", false) => {
            "text lives behind an address of the host: keep its bytes in a `Vec<u8>` with a `Vec<u32>` of offsets, or \
             leave the field on the host with `#[buffer(skip)]`"
        }
        ("Vec" | "VecDeque", true) => {
            "a device cannot follow a nested `Vec`: keep the values in one flat buffer with a `Vec<u32>` of offsets, or \
             use an array, such as `[f32; 4]`"
        }
        ("Box" | "Rc" | "Arc" | "Cell" | "RefCell" | "Mutex", true) => {
            "a buffer holds the values themselves, not what points at them or guards them: write the inner type"
        }
        ("Option", true) => {
            "not every byte pattern is an `Option`: use a value that means none, such as `u32::MAX`, or a second buffer \
             of `u8` flags"
        }
        _ => return None,
    })
}

/// Accessors that would share a name with each other or with a method of the manager.
fn names(model: &mut Model<'_>, sink: &mut Sink) {
    let accessors: HashMap<String, String> = model
        .buffers()
        .map(|(field, buffer)| (buffer.accessor_mut.to_string(), field.name.clone()))
        .collect();
    let manager = model.names.manager.to_string();
    for field in &mut model.fields {
        if !matches!(field.role, Role::Buffer(_)) {
            continue;
        }
        let name = &field.name;
        let with_mut = format!("{name}_mut");
        let message = if MANAGER_METHODS.contains(&name.as_str()) {
            format!(
                "`{manager}` has a method `{name}` of its own, so no buffer can be called that: rename the field"
            )
        } else if MANAGER_METHODS.contains(&with_mut.as_str()) {
            format!(
                "the accessor `{with_mut}` of this buffer is a method of `{manager}` itself: rename the field"
            )
        } else if MANAGER_FIELDS.contains(&name.as_str()) {
            format!("`{manager}` has a field `{name}` of its own: rename this one")
        } else if let Some(other) = accessors.get(name) {
            format!("the buffer `{other}` has an accessor `{name}` already: rename one of the two fields")
        } else {
            continue;
        };
        sink.at(&field.ident, message);
        field.role = Role::Broken;
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
