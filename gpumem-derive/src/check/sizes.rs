//! Rules between `min`, `max`, `limit` and the size of an element.

use crate::model::{Buffer, Field, Model, Role, Source};
use crate::parse::settings::given;
use crate::sink::Sink;
use crate::size;

/// The `min` of a buffer is at most its `max`, wherever the two come from.
pub(super) fn min_is_at_most_max(field: &Field<'_>, sink: &mut Sink) {
    let Role::Buffer(Buffer { min: Some(min), max: Some(max), .. }) = &field.role else { return };
    if min.bytes <= max.bytes {
        return;
    }
    let (least, most) = (&min.text, &max.text);
    match (min.source, max.source) {
        // `min_of_the_struct_is_at_most_its_max` reports this once for all fields.
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

/// The `max` of a buffer has room for one element, if the size of an element follows from the syntax of its
/// type. For other types, an assertion in the output checks the same.
pub(super) fn max_holds_one_element(field: &Field<'_>, sink: &mut Sink) {
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

/// The default `min` of the struct is at most its default `max`.
pub(super) fn min_of_the_struct_is_at_most_its_max(model: &Model<'_>, sink: &mut Sink) {
    let (min, max) = (&model.settings.tuning.min, &model.settings.tuning.max);
    if let (Some(min), Some(most)) = (min, given(max.as_ref()))
        && let Some(least) = &min.value
        && least.bytes > most.bytes
    {
        sink.at(&min.tokens, format!("`min` is {}, more than `max`, which is {}", least.text, most.text));
    }
}

/// The `limit` of the set has room for the `min` of every buffer.
pub(super) fn limit_holds_every_min(model: &Model<'_>, sink: &mut Sink) {
    let Some(setting) = &model.settings.limit else { return };
    let Some(limit) = &setting.value else { return };
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
