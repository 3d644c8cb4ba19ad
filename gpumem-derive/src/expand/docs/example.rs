//! The example on the manager's page. It is a documentation test of the user's crate, so it must compile
//! there.
//!
//! A derive does not know the path of the struct in that crate, nor whether a documentation test can see it.
//! So the example has a hidden struct of its own, with the same name and the same buffers, and shows only
//! calls that are valid for the user's struct too. rustdoc compiles the example and does not run it, so it
//! costs little and has no effects in the user's tests.

use crate::expand::context::{Context, Part};
use crate::model::Buffer;
use crate::text;
use proc_macro2::{Ident, TokenStream, TokenTree};

/// The number of elements in the example, if the buffer's limit has room for them.
const LEN: u64 = 1_000;

/// The lines of the example with its heading. There are none if no buffer can be shown, or if the test may
/// not find the crate.
pub(super) fn lines(cx: &Context<'_>) -> Vec<String> {
    let Some(root) = external(cx.root) else { return Vec::new() };
    if is_taken(&cx.model.name) {
        return Vec::new();
    }
    // A deprecated buffer is no good example.
    let Some(shown) = cx.buffers.iter().find(|part| part.deprecated.is_empty()) else { return Vec::new() };
    let downloaded = cx.async_parts().find(|part| part.deprecated.is_empty());
    let part = downloaded.unwrap_or(shown);
    let (name, manager) = (&cx.model.name, &cx.model.names.manager);
    let (value, accessor_mut) = (variable(name), &part.buffer.accessor_mut);
    let len = len(part.buffer);
    let mut lines = vec![
        String::new(),
        "# Example".to_owned(),
        String::new(),
        "```no_run".to_owned(),
        format!("use {root}::{{Device, GpuBuffers}};"),
        String::new(),
        "# #[derive(GpuBuffers, Default)]".to_owned(),
        format!("# #[buffers(crate = ::{root})]"),
        format!("# struct {name} {{"),
    ];
    lines.extend(cx.buffers.iter().map(field));
    lines.extend([
        "# }".to_owned(),
        format!("# let {value} = {name}::default();"),
        "let device = Device::host();".to_owned(),
        format!("let mut gpu = {value}.upload(&device)?; // {manager}, with the contents of a {name}"),
        format!("gpu.{accessor_mut}().resize({len})?; // new elements are zero"),
    ]);
    lines.extend(download(&part.buffer.accessor, downloaded.is_some(), len));
    lines.extend([
        "gpu.close()?; // gives all memory back, or reports a leak".to_owned(),
        format!("# Ok::<(), {root}::Error>(())"),
        "```".to_owned(),
    ]);
    lines
}

/// The lines that download the elements of one buffer.
fn download(accessor: &Ident, is_async: bool, len: u64) -> Vec<String> {
    if !is_async {
        return vec![format!("assert_eq!(gpu.{accessor}().download()?.len(), {len});")];
    }
    vec![
        "let download = gpu.start_download()?; // more work can be queued while the copies run".to_owned(),
        "let frame = download.wait()?;".to_owned(),
        format!("assert_eq!(frame.{accessor}().len(), {len});"),
    ]
}

/// The path of `gpumem` for a documentation test. `None` if it does not start with `::`: then it may lead
/// through a module of the user's crate, and the test is not inside that module.
fn external(root: &TokenStream) -> Option<String> {
    let starts =
        matches!(root.clone().into_iter().next(), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    starts.then(|| text::of(root).trim_start_matches(':').to_owned())
}

/// Whether a struct of this name, or an item generated for it, would hide a name that the example uses.
fn is_taken(name: &str) -> bool {
    ["Default", "Device", "Gpu", "GpuBuffers", "Ok", "Vec"].contains(&name)
        || syn::parse_str::<syn::Ident>(name).is_err()
}

/// A field like the user's. Its element is a primitive type, which every crate has.
fn field(part: &Part<'_>) -> String {
    let Buffer { element_text, element_size, asynchronous, accessor, .. } = part.buffer;
    let element = element_size.map_or("u32", |_| element_text);
    let mode = if *asynchronous { "#[buffer(async)] " } else { "" };
    format!("#     {mode}{accessor}: Vec<{element}>,")
}

/// The number of elements that fit into the buffer, up to `LEN`.
fn len(buffer: &Buffer<'_>) -> u64 {
    match (&buffer.max, buffer.element_size) {
        (Some(max), Some(size)) => (max.bytes / size.max(1)).clamp(1, LEN),
        (Some(_), None) => 1,
        _ => LEN,
    }
}

/// The name of a variable for a value of the struct: `force_graph` for `ForceGraph`.
fn variable(name: &str) -> String {
    let mut variable = String::new();
    let mut before = None::<char>;
    for letter in name.chars() {
        if letter.is_uppercase() && before.is_some_and(|before| before.is_lowercase() || before.is_numeric())
        {
            variable.push('_');
        }
        variable.extend(letter.to_lowercase());
        before = Some(letter);
    }
    let taken = ["gpu", "device", "download", "frame", "_"].contains(&variable.as_str());
    if taken || syn::parse_str::<syn::Ident>(&variable).is_err() { "data".to_owned() } else { variable }
}

#[cfg(test)]
mod tests {
    use super::{is_taken, variable};

    #[test]
    fn structs_that_would_hide_names_have_no_example() {
        assert!(is_taken("Device") && is_taken("type") && !is_taken("Graph"));
    }

    #[test]
    fn variables_are_named_after_the_struct() {
        for (name, expected) in [
            ("Graph", "graph"),
            ("ForceGraph", "force_graph"),
            ("Grid2D", "grid2_d"),
            ("HTMLPage", "htmlpage"),
            ("Type", "data"),
            ("Device", "data"),
            ("Self_", "self_"),
        ] {
            assert_eq!(variable(name), expected);
        }
    }
}
