//! Rules between keys, between fields, and about what a field may hold.

use crate::model::{Buffer, Field, Model, Role, Source, bare, param_name, size_of, value, words};
use crate::parse::{FieldSettings, Setting};
use crate::sink::Sink;
use crate::{size, text};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use std::collections::HashMap;
use syn::ext::IdentExt;
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
    "start_download_wait",
    "start_download_when_free",
    "stats",
    "device",
    "check_leaks",
    "close",
];
/// Fields and private methods of the manager and of what is generated beside it.
const RESERVED: &[&str] = &["__set", "__marker", "__raw", "__raw_mut", "__from_raw"];

/// Judges the model. A field whose mistake leaves nothing to generate becomes `Role::Broken`.
pub(crate) fn check(model: &mut Model<'_>, sink: &mut Sink) {
    let params: Vec<String> = model.input.generics.params.iter().map(param_name).collect();
    for field in &mut model.fields {
        keys(field, sink);
        default(field, sink);
        constant(field, &params, sink);
        bounds(field, sink);
        room(field, sink);
        kind(field, sink);
    }
    names(model, sink);
    whole(model, sink);
}

/// Keys that contradict each other.
fn keys(field: &Field<'_>, sink: &mut Sink) {
    let FieldSettings { tuning, name, preset, config, skip, .. } = &field.settings;
    if skip.is_some() {
        let others = [
            tuning.growth.as_ref().map(|setting| &setting.key),
            tuning.max.as_ref().map(|setting| &setting.key),
            tuning.min.as_ref().map(|setting| &setting.key),
            tuning.asynchronous.as_ref().map(|setting| &setting.key),
            tuning.stable.as_ref().map(|setting| &setting.key),
            name.as_ref().map(|setting| &setting.key),
            preset.as_ref().map(|setting| &setting.key),
            config.as_ref().map(|setting| &setting.key),
        ];
        for key in others.into_iter().flatten() {
            let message = format!(
                "`{key}` has no effect on a field that `skip` leaves on the host: remove one of the two"
            );
            sink.at(&key, message);
        }
    } else if let (Some(_), Some(config)) = (preset, config) {
        let message = "`preset` and `config` each say everything: remove one of the two, and write beside the other what is to \
                       differ";
        sink.at(&config.key, message);
    }
}

/// A default of what has no size.
fn default(field: &mut Field<'_>, sink: &mut Sink) {
    if let Some(Setting { value: Some(skip), .. }) = &mut field.settings.skip
        && skip.default
        && is_unsized(field.ty)
    {
        let ty = text::of(field.ty);
        sink.at(field.ty, format!("a `{ty}` has no size, so there is no default of it: write `skip` alone"));
        skip.default = false;
    }
}

/// A constant that depends on a parameter of the struct: the compiler could not check it before the parameter is known.
fn constant(field: &mut Field<'_>, params: &[String], sink: &mut Sink) {
    let Role::Buffer(buffer) = &mut field.role else { return };
    let Some(config) = &buffer.config else { return };
    let used = words(config.clone());
    if let Some(param) = params.iter().find(|param| used.contains(*param)) {
        let message =
            format!("`{param}` is a parameter of the struct, and a `config` is the same whatever that is");
        sink.at(config, message);
        buffer.config = None;
    }
}

/// A `min` above `max`, whoever said them.
fn bounds(field: &Field<'_>, sink: &mut Sink) {
    let Role::Buffer(Buffer { min: Some(min), max: Some(max), .. }) = &field.role else { return };
    if min.bytes <= max.bytes {
        return;
    }
    let (least, most) = (&min.text, &max.text);
    match (min.source, max.source) {
        // That of the struct is said once, and not for each field.
        (Source::Struct, Source::Struct) => {}
        (Source::Struct, _) => {
            let message = format!("`max` is {most}, less than `min`, which is {least} for the whole struct");
            sink.at(&max.at, message);
        }
        (_, Source::Field) => sink.at(&min.at, format!("`min` is {least}, more than `max`, which is {most}")),
        (_, Source::Preset(name)) => sink.at(
            &min.at,
            format!("`min` is {least}, more than the `max` of the preset `{name}`, {most}: write a larger `max` beside it"),
        ),
        (_, Source::Struct) => sink.at(
            &min.at,
            format!("`min` is {least}, more than the `max` of the struct, {most}: write a larger `max` beside it"),
        ),
    }
}

/// What the struct says for all of its fields.
fn whole(model: &mut Model<'_>, sink: &mut Sink) {
    let settings = &model.settings;
    let (min, max) = (&settings.tuning.min, &settings.tuning.max);
    if let (Some(min), Some(most)) = (min, value(max.as_ref()))
        && let Some(least) = &min.value
        && least.bytes > most.bytes
    {
        sink.at(&min.tokens, format!("`min` is {}, more than `max`, which is {}", least.text, most.text));
    }
    if let Some(setting) = &settings.limit
        && let Some(limit) = &setting.value
    {
        let mins = model.buffers().filter_map(|(_, buffer)| buffer.min.as_ref());
        let together = mins.fold(0, |sum: u64, min| sum.saturating_add(min.bytes));
        if together > limit.bytes {
            let message = format!(
                "`limit` is {}, less than the `min` of the buffers together, {}: not even an empty set would fit",
                limit.text,
                size::display(together)
            );
            sink.at(&setting.tokens, message);
        }
    }
    items(model, sink);
}

/// Generated items that would be called alike.
fn items(model: &mut Model<'_>, sink: &mut Sink) {
    let (names, settings) = (&mut model.names, &model.settings);
    let given = |setting: &Option<Setting<Ident>>| setting.as_ref().map(|setting| setting.tokens.clone());
    let (name, lens) = (given(&settings.name), given(&settings.lens));
    let mut taken = vec![(model.name.clone(), "the struct itself")];
    let items = [
        (&mut names.manager, "the manager", name.clone()),
        (&mut names.split, "what `split_mut` gives", name.clone()),
        (&mut names.lens, "the struct of lengths", lens.clone()),
        (&mut names.download, "a download of the set", lens.clone().or_else(|| name.clone())),
        (&mut names.frame, "what a download brings", lens.or(name)),
    ];
    for (ident, what, at) in items {
        let name = ident.unraw().to_string();
        match (taken.iter().find(|(other, _)| *other == name), at) {
            (Some((_, other)), Some(at)) => {
                sink.at(&at, format!("`{name}` would be {what}, and is {other}: write another name"));
                // Another name, so that nothing is there twice.
                *ident = format_ident!("__{name}{}", taken.len(), span = ident.span());
            }
            _ => taken.push((name, what)),
        }
    }
}

/// A `max` without room for one element, where the element says its size. For the others, what is generated asserts it.
fn room(field: &Field<'_>, sink: &mut Sink) {
    if let Role::Buffer(Buffer { element_size: Some(size), element_text, max: Some(max), .. }) = &field.role
        && max.bytes < *size
    {
        let of = match max.source {
            Source::Struct => format!(" of `{}`", field.name),
            _ => String::new(),
        };
        let message =
            format!("`max` is {}, less than one element{of}: `{element_text}` takes {size} bytes", max.text);
        sink.at(&max.at, message);
    }
}

/// What a field cannot be. Where only the element cannot be what it is to be, another one stands in for it.
fn kind(field: &mut Field<'_>, sink: &mut Sink) {
    let (wrong, message) = match &mut field.role {
        Role::Host => return,
        Role::Buffer(buffer) => match never_pod(buffer.written) {
            Some((wrong, message)) => {
                buffer.element = stand_in(wrong);
                (buffer.stands_in, buffer.generic) = (true, false);
                (wrong, message)
            }
            None => return,
        },
        Role::Broken => (field.ty, not_a_vec(field)),
    };
    // A misspelt `skip` would be reported twice otherwise: once as a key, once as what it does not do.
    if !field.settings.unclear {
        sink.at(wrong, message);
    }
}

/// What the user will probably write instead of `wrong`.
fn stand_in(wrong: &Type) -> TokenStream {
    if let Type::Tuple(tuple) = wrong
        && let Some(first) = tuple.elems.first()
        && size_of(first).is_some()
    {
        let len = tuple.elems.len();
        return quote!([#first; #len]);
    }
    quote!(::core::primitive::u8)
}

fn not_a_vec(field: &Field<'_>) -> String {
    let (name, ty) = (&field.name, text::of(field.ty));
    let write = match (flat_element(field.ty), bare(field.ty)) {
        (Some(element), _) => format!("write `Vec<{}>`", text::of(element)),
        // What looks like a plain name may be one for a `Vec`.
        (None, Type::Path(path))
            if path.path.segments.iter().all(|segment| segment.arguments.is_none())
                && size_of(field.ty).is_none()
                && !["String", "bool", "char", "usize", "isize"].contains(&ty.as_str()) =>
        {
            "write it in full, since a derive cannot see through an alias".to_owned()
        }
        _ => "write one".to_owned(),
    };
    format!(
        "a buffer is a `Vec<T>`, and the type of `{name}` is `{ty}`: {write}, or keep the field on the host with `#[buffer(skip)]`"
    )
}

/// What the elements would be if an array, a slice or another collection were a `Vec`.
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

/// What in an element type can never be plain data on a device, and what to write instead. Only what the language itself says:
/// what a name means, only the compiler knows, and the trait tells whether that is plain data.
fn never_pod(ty: &Type) -> Option<(&Type, String)> {
    let ty = bare(ty);
    let why = match ty {
        Type::Array(array) if is_empty(array) => format!(
            "an element must have a size: a buffer of `{}` would hold no bytes",
            text::of(ty)
        ),
        Type::Array(array) => return never_pod(&array.elem),
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

/// Whether a type says that it has no size. `str` is a word of the language, as the brackets of a slice are.
fn is_unsized(ty: &Type) -> bool {
    match bare(ty) {
        Type::Slice(_) | Type::TraitObject(_) => true,
        Type::Path(path) => path.path.is_ident("str"),
        _ => false,
    }
}

/// Whether an array says that it has no elements.
fn is_empty(array: &syn::TypeArray) -> bool {
    matches!(&array.len, syn::Expr::Lit(len) if matches!(&len.lit, syn::Lit::Int(len) if len.base10_digits() == "0"))
}

/// Accessors that would share a name with each other or with a method of the manager.
fn names(model: &mut Model<'_>, sink: &mut Sink) {
    let manager = model.names.manager.to_string();
    // The accessors so far, each with its buffer.
    let mut accessors: HashMap<String, String> = HashMap::new();
    for field in &mut model.fields {
        if !matches!(field.role, Role::Buffer(_)) {
            continue;
        }
        let name = field.name.clone();
        let with_mut = format!("{name}_mut");
        let given = field.settings.name.as_ref().map(|setting| &setting.tokens);
        let instead = match given {
            Some(_) => "choose another".to_owned(),
            None => {
                let plain = name.trim_start_matches('_');
                format!("give the buffer another one, as in `#[buffer(name = \"{plain}_data\")]`")
            }
        };
        let message = if MANAGER_METHODS.contains(&name.as_str()) {
            format!("`{manager}` has a method `{name}` of its own, so the name is taken: {instead}")
        } else if MANAGER_METHODS.contains(&with_mut.as_str()) {
            format!("the accessor `{with_mut}` of this buffer is a method of `{manager}` itself: {instead}")
        } else if RESERVED.contains(&name.as_str()) {
            format!("`{name}` is what the generated code calls something of its own: {instead}")
        } else if let Some(other) = accessors.get(&name) {
            format!("the buffer `{other}` has an accessor `{name}` already: {instead}")
        } else if let Some(other) = accessors.get(&with_mut) {
            format!(
                "the accessor `{with_mut}` of this buffer is one of the buffer `{other}` already: {instead}"
            )
        } else {
            accessors.insert(with_mut, name.clone());
            accessors.insert(name.clone(), name);
            continue;
        };
        match given {
            Some(tokens) => sink.at(tokens, message),
            None => sink.at(&field.ident, message),
        }
        field.role = Role::Broken;
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
