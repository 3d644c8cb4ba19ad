//! The example on the manager's page. It is a documentation test of the user's crate, so it must compile there.
//!
//! Where the struct is in that crate, and whether it can be seen, a derive does not know. So the example has a hidden struct of
//! its own, with the same name and with buffers of the same names, and shows only what holds for the user's as well. It is
//! compiled and not run: that costs least, and starts nothing in tests that are none of ours.

use super::{Context, Part};
use crate::model::Buffer;
use crate::text;
use proc_macro2::{TokenStream, TokenTree};

/// Elements in the example, where the limit has room for them.
const LEN: u64 = 1_000;

/// The lines of the example with its heading; none where there is nothing to show, or where the crate may not be found.
pub(super) fn lines(cx: &Context<'_>) -> Vec<String> {
    let Some(root) = external(cx.root) else { return Vec::new() };
    if is_taken(&cx.model.name) {
        return Vec::new();
    }
    // What is on its way out is not what an example shows.
    let Some(shown) = cx.buffers.iter().find(|part| part.deprecated.is_empty()) else { return Vec::new() };
    let arriving = cx.async_parts().find(|part| part.deprecated.is_empty());
    let part = arriving.unwrap_or(shown);
    let (name, manager) = (&cx.model.name, &cx.model.names.manager);
    let (value, accessor, accessor_mut) = (variable(name), &part.buffer.accessor, &part.buffer.accessor_mut);
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
    lines.extend(cx.buffers.iter().map(stand_in));
    lines.extend([
        "# }".to_owned(),
        format!("# let {value} = {name}::default();"),
        "let device = Device::host();".to_owned(),
        format!("let mut gpu = {value}.upload(&device)?; // {manager}, with the contents of a {name}"),
        format!("gpu.{accessor_mut}().resize({len})?; // new elements are zero"),
    ]);
    if arriving.is_some() {
        lines.extend([
            "let download = gpu.start_download()?; // more work may be queued while the copies run"
                .to_owned(),
            "let frame = download.wait()?;".to_owned(),
            format!("assert_eq!(frame.{accessor}().len(), {len});"),
        ]);
    } else {
        lines.push(format!("assert_eq!(gpu.{accessor}().download()?.len(), {len});"));
    }
    lines.extend([
        "gpu.close()?; // everything given back, or an error that lists what was not".to_owned(),
        format!("# Ok::<(), {root}::Error>(())"),
        "```".to_owned(),
    ]);
    lines
}

/// The path of `gpumem` for a documentation test. One that does not start with `::` may lead through a module, which is
/// nowhere to be found there.
fn external(root: &TokenStream) -> Option<String> {
    let starts =
        matches!(root.clone().into_iter().next(), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    starts.then(|| text::of(root).trim_start_matches(':').to_owned())
}

/// Whether a struct of this name, or what is generated for it, would hide what the example uses.
fn is_taken(name: &str) -> bool {
    ["Default", "Device", "Gpu", "GpuBuffers", "Ok", "Vec"].contains(&name)
        || syn::parse_str::<syn::Ident>(name).is_err()
}

/// A field like the user's, of an element that is there in any crate.
fn stand_in(part: &Part<'_>) -> String {
    let Buffer { element_text, element_size, asynchronous, accessor, .. } = part.buffer;
    let element = element_size.map_or("u32", |_| element_text);
    let mode = if *asynchronous { "#[buffer(async)] " } else { "" };
    format!("#     {mode}{accessor}: Vec<{element}>,")
}

/// As many elements as there is room for, up to a round number.
fn len(buffer: &Buffer<'_>) -> u64 {
    match (&buffer.max, buffer.element_size) {
        (Some(max), Some(size)) => (max.bytes / size.max(1)).clamp(1, LEN),
        (Some(_), None) => 1,
        _ => LEN,
    }
}

/// A variable for a value of the struct: `ForceGraph` is a `force_graph`.
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
    fn structs_that_would_be_in_the_way_have_no_example() {
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
