//! The documentation of the generated items: the user's own, and facts about this struct and its buffers.

mod example;

use super::context::{Context, Part};
use crate::model::{Buffer, Field};
use crate::parse::settings::given;
use crate::syntax::attrs_named;
use crate::text;
use proc_macro2::TokenStream;
use quote::quote;

/// `#[doc]` attributes, one per line.
fn of_lines<S: AsRef<str>>(lines: impl IntoIterator<Item = S>) -> TokenStream {
    // `/// text` has a space before the text, which rustdoc removes.
    let lines = lines.into_iter().map(|line| match line.as_ref() {
        "" => String::new(),
        line => format!(" {line}"),
    });
    quote!(#(#[doc = #lines])*)
}

/// `#[doc]` attributes, one per line of `text`.
pub(super) fn of_text(text: &str) -> TokenStream {
    of_lines(text.lines())
}

/// The field's own documentation, or a line with its name.
fn of_field(field: &Field<'_>) -> TokenStream {
    let own = attrs_named(field.attrs, "doc");
    if own.is_empty() { of_lines([format!("The `{}` buffer.", field.name)]) } else { own }
}

/// The documentation of an accessor: the field's own, then `lead` and the facts about the buffer.
pub(super) fn with_facts(part: &Part<'_>, lead: &str) -> TokenStream {
    let docs = of_field(part.field);
    let facts = of_lines([String::new(), format!("{lead}{}", facts(part.buffer))]);
    quote!(#docs #facts)
}

/// Element type, bytes per element, growth, limit, whether the address is stable, and the kind of downloads,
/// in one line.
fn facts(buffer: &Buffer<'_>) -> String {
    let Buffer { element_text, growth, slots, .. } = buffer;
    let size = match buffer.element_size {
        Some(1) => ", 1 byte per element".to_owned(),
        Some(size) => format!(", {size} bytes per element"),
        None => String::new(),
    };
    let limit = match (&buffer.min, &buffer.max) {
        (None, None) if buffer.config.is_some() => String::new(),
        (None, None) => ", without a limit of its own".to_owned(),
        (None, Some(max)) => format!(", up to {}", max.text),
        (Some(min), None) => format!(", from {}, without a limit of its own", min.text),
        (Some(min), Some(max)) => format!(", from {} up to {}", min.text, max.text),
    };
    let grows = match &buffer.config {
        Some(config) if buffer.growth_is_given => {
            format!("Has the settings of `{}`, but grows by a factor of {growth}{limit}", text::of(config))
        }
        Some(config) => format!("Grows as `{}` specifies{limit}", text::of(config)),
        None => format!("Grows by a factor of {growth}{limit}"),
    };
    let stable = if buffer.stable == Some(true) { ", at a stable address" } else { "" };
    let mode = match (buffer.asynchronous, buffer.snapshot) {
        (false, _) => "Blocking downloads",
        (true, false) => "Async downloads",
        (true, true) => "Async downloads, from a snapshot on the device",
    };
    let slots = match slots {
        Some(1) => ", one at a time".to_owned(),
        Some(slots) => format!(", up to {slots} at a time"),
        None => String::new(),
    };
    format!("`{element_text}`{size}. {grows}{stable}. {mode}{slots}.")
}

/// The page of the manager: a table of its buffers, the constructors, and an example.
pub(super) fn manager(cx: &Context<'_>) -> TokenStream {
    let (name, root) = (&cx.model.name, text::of(cx.root));
    let lengths = &cx.model.names.lengths;
    let mut page = vec![
        format!(
            "The buffers of a [`{name}`] on a device: one [`Buffer`]({root}::Buffer) per field, each with its own type."
        ),
        String::new(),
    ];
    if cx.buffers.is_empty() {
        page.push(format!("`{name}` has no field that is a buffer, so this set is always empty."));
    } else {
        page.push("| buffer | element | bytes | growth | max | downloads |".to_owned());
        page.push("| --- | --- | ---: | ---: | ---: | --- |".to_owned());
        page.extend(cx.buffers.iter().map(row));
        if let Some(limit) = given(cx.model.settings.limit.as_ref()) {
            page.push(String::new());
            page.push(format!("All buffers together have a limit of {}.", limit.text));
        }
    }
    page.extend([
        String::new(),
        format!(
            "[`upload`]({root}::GpuBuffers::upload) creates the set from a `{name}`, [`new`](Self::new) creates an empty set, \
             and [`with_capacity`](Self::with_capacity) creates an empty set with the capacities of a [`{lengths}`]. \
             [`close`](Self::close) gives all memory back, and reports buffers that are alive outside the set. Dropping \
             the set gives the memory back too, and reports nothing.",
        ),
    ]);
    page.extend(example::lines(cx));
    of_lines(page)
}

/// A row of the table of buffers.
fn row(part: &Part<'_>) -> String {
    let Buffer { element_text, element_size, max, asynchronous, .. } = part.buffer;
    let config = part.buffer.config.as_ref().map(|config| format!("`{}`", text::of(config)));
    let growth = match &config {
        Some(config) if !part.buffer.growth_is_given => config.clone(),
        _ => part.buffer.growth.to_string(),
    };
    let stable = if part.buffer.stable == Some(true) { ", stable" } else { "" };
    // A `|` ends a cell of the table, even inside code.
    let element = element_text.replace('|', "\\|");
    let bytes = element_size.map_or_else(|| "–".to_owned(), |size| size.to_string());
    let max = max.as_ref().map_or(config.as_deref().unwrap_or("none"), |max| &max.text);
    let mode = if *asynchronous { "async" } else { "blocking" };
    let name = &part.field.name;
    let accessor = &part.buffer.accessor;
    format!("| [`{name}`](Self::{accessor}) | `{element}` | {bytes} | {growth}{stable} | {max} | {mode} |")
}
