//! The shape of the input: a struct with named fields that is not packed. Reports any other shape.

use crate::sink::Sink;
use crate::syntax::identifiers;
use syn::{Data, DeriveInput, Fields, FieldsNamed};

/// The named fields of the struct.
pub(super) fn named_fields<'a>(input: &'a DeriveInput, sink: &mut Sink) -> Option<&'a FieldsNamed> {
    let write = format!("write `struct {} {{ positions: Vec<[f32; 2]> }}`", input.ident);
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => return Some(named),
            Fields::Unnamed(unnamed) => sink.at(
                &unnamed,
                format!("`GpuBuffers` needs named fields, since accessors take their names: {write}"),
            ),
            Fields::Unit => {
                sink.at(
                    &input.ident,
                    format!("`GpuBuffers` makes a buffer of each field, and there is none: {write}"),
                );
            }
        },
        Data::Enum(data) => sink.at(
            &data.enum_token,
            format!("`GpuBuffers` makes a buffer of each field of a struct, and this is an enum: {write}"),
        ),
        Data::Union(data) => sink.at(
            &data.union_token,
            format!("`GpuBuffers` makes a buffer of each field of a struct, and this is a union: {write}"),
        ),
    }
    None
}

/// Whether the struct is packed, so that its fields cannot be borrowed.
pub(super) fn is_packed(input: &DeriveInput, sink: &mut Sink) -> bool {
    let packed = input.attrs.iter().find(|attr| {
        let list = attr.path().is_ident("repr").then(|| attr.meta.require_list());
        matches!(list, Some(Ok(list)) if identifiers(list.tokens.clone()).contains("packed"))
    });
    if let Some(attr) = packed {
        let message =
            "a `Vec` in a packed struct cannot be borrowed, so it cannot be uploaded: remove `packed`";
        sink.at(&attr.meta, message);
    }
    packed.is_some()
}
