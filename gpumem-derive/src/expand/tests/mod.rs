//! The output as text: it is complete and small, and it does not depend on names that the user can choose.

mod snapshots;

use proc_macro2::{TokenStream, TokenTree};

const GRAPH: &str = r#"
    /// A graph.
    pub struct Graph {
        /// Where the nodes are.
        #[buffer(growth = 1.3, max = "512MiB", async)]
        pub positions: Vec<[f32; 2]>,
        /// Pairs of nodes.
        #[buffer(growth = 2.0, max = "2GiB", min = 64)]
        pub edges: Vec<[u32; 2]>,
        #[buffer(skip)]
        pub title: String,
    }
"#;

fn expand(source: &str) -> TokenStream {
    crate::derive(source.parse().unwrap())
}

fn pretty(source: &str) -> String {
    prettyplease::unparse(&syn::parse2(expand(source)).unwrap())
}

/// Lines of code, without documentation and blank lines.
fn lines(source: &str) -> usize {
    pretty(source).lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("///")).count()
}

#[test]
fn the_output_parses_and_has_every_item() {
    let output = pretty(GRAPH);
    for item in [
        "pub struct GraphBuffers<B: ::gpumem::Backend = ::gpumem::Host> {",
        "pub struct GraphBuffersMut<'a, B: ::gpumem::Backend = ::gpumem::Host> {",
        "pub struct GraphLengths {",
        "pub type GraphDownload<B = ::gpumem::Host> = ::gpumem::Ticket<GraphFrame<B>, B>;",
        "pub struct GraphFrame<B: ::gpumem::Backend = ::gpumem::Host> {",
        "impl ::gpumem::GpuBuffers for Graph {",
        "pub fn positions(&self) -> &::gpumem::Buffer<[f32; 2], B, ::gpumem::Async> {",
        "pub fn edges_mut(&mut self) -> &mut ::gpumem::Buffer<[u32; 2], B> {",
        "`[f32; 2]`, 8 bytes per element. Grows by a factor of 1.3, up to 512 MiB. Async downloads.",
        "Grows by a factor of 2, from 64 bytes up to 2 GiB. Blocking downloads.",
    ] {
        assert!(output.contains(item), "{item}\n{output}");
    }
    for item in ["fn title", "unsafe"] {
        assert!(!output.contains(item), "{item}\n{output}");
    }
}

#[test]
fn a_stable_address_is_in_the_constant_and_in_the_documentation() {
    let output = pretty(
        "#[buffers(stable)] struct S { a: Vec<u8>, #[buffer(max = 64)] b: Vec<u8>, #[buffer(stable = false)] c: Vec<u8>, \
         #[buffer(config = SPEC)] d: Vec<u8>, #[buffer(config = SPEC, stable)] e: Vec<u8>, \
         #[buffer(config = SPEC, stable = false)] f: Vec<u8>, #[buffer(preset = \"edges\")] g: Vec<u8> }",
    );
    for part in [
        "new(\"a\").element::<u8>().stable(),",
        "new(\"b\").element::<u8>().max(64).stable(),",
        "new(\"c\").element::<u8>(),",
        "__named(SPEC, \"d\").element::<u8>(),",
        "__named(SPEC, \"e\").element::<u8>().stable(),",
        "__named(SPEC, \"f\").element::<u8>().__movable(),",
        "Grows by a factor of 1.5, without a limit of its own, at a stable address. Blocking downloads.",
        "Grows by a factor of 1.5, up to 64 bytes, at a stable address.",
        "Grows by a factor of 1.5, without a limit of its own. Blocking downloads.",
        "Grows as `SPEC` specifies. Blocking downloads.",
        "Grows as `SPEC` specifies, at a stable address. Blocking downloads.",
        "Grows by a factor of 2, up to 2 GiB, at a stable address.",
        "| [`a`](Self::a) | `u8` | 1 | 1.5, stable | none | blocking |",
        "| [`c`](Self::c) | `u8` | 1 | 1.5 | none | blocking |",
        "| [`e`](Self::e) | `u8` | 1 | `SPEC`, stable | `SPEC` | blocking |",
    ] {
        assert!(output.contains(part), "{part}\n{output}");
    }
}

/// Whether an `impl` is one of the type with this name.
fn is_of(item: &syn::ItemImpl, name: &str) -> bool {
    let syn::Type::Path(path) = &*item.self_ty else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == name)
}

/// The output for a struct without fields has no accessors, so its names are the reserved names. The
/// parameter makes a marker necessary.
#[test]
fn the_manager_has_the_reserved_names_and_no_others() {
    let output = expand("struct S<T> {}");
    let file: syn::File = syn::parse2(output).unwrap();
    let (mut methods, mut private) = (Vec::new(), Vec::new());
    for item in file.items {
        match item {
            syn::Item::Impl(item) if item.trait_.is_none() && is_of(&item, "SBuffers") => {
                for item in item.items {
                    let syn::ImplItem::Fn(method) = item else { continue };
                    let name = method.sig.ident.to_string();
                    if name.starts_with("__") { private.push(name) } else { methods.push(name) }
                }
            }
            syn::Item::Struct(item) if item.ident == "SBuffers" => {
                private.extend(item.fields.into_iter().filter_map(|field| Some(field.ident?.to_string())));
            }
            _ => {}
        }
    }
    methods.sort();
    private.sort();
    let mut reserved: [Vec<_>; 2] = [super::manager_methods().collect(), super::private_names().collect()];
    reserved.iter_mut().for_each(|names| names.sort_unstable());
    assert_eq!([methods, private], reserved);
}

#[test]
fn without_async_buffers_there_is_no_frame() {
    let output = pretty("struct S { a: Vec<u8> }");
    assert!(!output.contains("SFrame") && !output.contains("SDownload"), "{output}");
}

#[test]
fn the_output_is_small() {
    let fixed = lines("pub struct S {}");
    assert!(fixed <= 250, "{fixed} lines for a struct");
    let many = |keys: &str| {
        let fields: String =
            (0..40).map(|n| format!("#[buffer({keys})] pub field_{n}: Vec<[f32; 4]>,")).collect();
        lines(&format!("pub struct S {{ {fields} }}"))
    };
    for keys in [
        "",
        "async, growth = 1.3, max = \"1GiB\", min = 64",
        "async(slots = 3, snapshot), config = SPEC, max = 64, stable",
    ] {
        let lines = many(keys);
        assert!(lines <= 250 + 40 * 60, "{lines} lines for 40 fields with `{keys}`");
    }
}

/// The capitalised words that start a path. `before` is the mark before the next token.
fn path_starts(tokens: TokenStream, before: &mut Option<char>, found: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                let word = ident.to_string();
                let first = word.chars().next().unwrap_or_default();
                if first.is_uppercase() && *before != Some(':') {
                    found.push(word);
                }
                *before = None;
            }
            TokenTree::Punct(punct) => *before = Some(punct.as_char()),
            TokenTree::Group(group) => {
                *before = None;
                path_starts(group.stream(), before, found);
                *before = None;
            }
            TokenTree::Literal(_) => *before = None,
        }
    }
}

/// Every path starts at the root of a crate, so these are the only capitalised words that start a path.
#[test]
fn nothing_is_taken_from_the_scope_of_the_user() {
    let mut found = Vec::new();
    path_starts(expand(GRAPH), &mut None, &mut found);
    found.sort();
    found.dedup();
    assert_eq!(
        found,
        [
            "B",
            "BUFFERS",
            "Graph",
            "GraphBuffers",
            "GraphBuffersMut",
            "GraphDownload",
            "GraphFrame",
            "GraphLengths",
            "Lengths",
            "Manager",
            "Self",
            "Source",
            "String"
        ]
    );
}

#[test]
fn added_parameters_avoid_the_names_of_the_user() {
    let output = pretty("struct S<'a, B: Pod> { #[buffer(async)] b: Vec<B>, #[buffer(skip)] r: &'a B1 }");
    assert!(
        output.contains("struct SBuffers<'a, B: Pod, B2: ::gpumem::Backend = ::gpumem::Host>"),
        "{output}"
    );
    assert!(output.contains("struct SBuffersMut<'a1, 'a, B: Pod, B2: ::gpumem::Backend"), "{output}");
}

#[test]
fn generic_elements_are_asked_to_be_elements() {
    let output = pretty(
        "struct S<T, const N: usize> where T: Pod { a: Vec<T>, b: Vec<[T; N]>, c: Vec<T>, d: Vec<u8> }",
    );
    assert!(
        output.contains("T: Pod,\n    T: ::gpumem::Element,\n    [T; N]: ::gpumem::Element,\n{"),
        "{output}"
    );
}

#[test]
fn another_crate_path_reaches_everything() {
    let output = pretty("#[buffers(crate = crate::gpu)] struct S { #[buffer(async, max = 64)] a: Vec<u8> }");
    assert!(!output.contains("::gpumem"), "{output}");
}

#[test]
fn raw_names_lose_their_mark_where_they_can() {
    let output = pretty("struct r#S { #[buffer(async)] r#type: Vec<u8> }");
    for part in [
        "fn r#type(&self)",
        "fn type_mut(&mut self)",
        "BufferSpec::new(\"type\")",
        "pub struct SFrame",
        "struct SBuffers",
    ] {
        let part = part.trim_start_matches("pub ");
        assert!(output.contains(part), "{part}\n{output}");
    }
}

#[test]
fn docs_and_deprecation_are_carried_over() {
    let output = pretty(
        "pub struct S { /// Old data.\n #[deprecated(note = \"use b\")] #[doc(alias = \"past\")] a: Vec<u8> }",
    );
    assert_eq!(output.matches("/// Old data.").count(), 3, "{output}");
    assert_eq!(output.matches("#[deprecated(note = \"use b\")]").count(), 4, "{output}");
}

#[test]
fn a_struct_with_mistakes_still_gets_its_manager() {
    let output = pretty("struct S { #[buffer(grwoth = 1.3)] a: Vec<u8>, b: Vec<(f32, f32)>, c: Vec<u8> }");
    assert_eq!(output.matches("compile_error!").count(), 2, "{output}");
    for part in
        ["fn a(&self)", "fn c_mut(&mut self)", "fn download(&self)", "impl ::gpumem::GpuBuffers for S"]
    {
        assert!(output.contains(part), "{part}\n{output}");
    }
    // The substitute for the tuple, so that most code that uses the buffer is no further error.
    assert!(output.contains("fn b(&self) -> &::gpumem::Buffer<[f32; 2usize], B>"), "{output}");
}

#[test]
fn an_enum_a_union_and_a_tuple_get_an_empty_manager() {
    for source in ["enum S { A }", "union S { a: u8 }", "struct S(Vec<u8>);", "struct S;"] {
        let output = pretty(source);
        assert_eq!(output.matches("compile_error!").count(), 1, "{output}");
        assert!(output.contains("impl ::gpumem::GpuBuffers for S"), "{output}");
    }
}

#[test]
fn half_typed_attributes_keep_the_rest() {
    for keys in ["growth =", "growth", "max = \"", "asy", "growth = 1.,", "(", "= 3"] {
        // A derive never sees tokens that the tokenizer rejects.
        let Ok(source) = format!("struct S {{ #[buffer({keys})] a: Vec<u8>, b: Vec<u8> }}").parse() else {
            continue;
        };
        let output = crate::derive(source).to_string();
        assert!(output.contains("fn b_mut"), "{keys}: {output}");
    }
}

/// Tokens that a user may write, or half write, in an attribute.
const PIECES: &[&str] = &[
    "",
    "growth",
    "=",
    "1.3",
    "-",
    "max",
    "\"1KiB\"",
    "\"",
    "min = 5",
    "async",
    "(slots = 3)",
    "skip",
    ",",
    ", ,",
    ":",
    "::",
    "crate",
    "r#async",
    "[1, 2]",
    "{}",
    "'a",
    "'x'",
    "b\"1\"",
    "1.5GiB",
    "#",
    "$",
    "größe",
    "\"größe\"",
    "0x10",
    "1e400",
    "stable",
    "stable = false",
    "name = \"new\"",
    "name = \"S\"",
    "lengths = \"SBuffers\"",
    "preset = \"edges\"",
    "config = A::B",
    "config = <T as A>::B",
    "skip(default)",
    "async(snapshot, slots)",
    "limit = \"0B\"",
    "!",
    "..=",
    "()",
];

/// With any tokens in an attribute, the output parses and contains the rest of the manager.
#[test]
fn no_attribute_breaks_the_output() {
    // Each piece alone, after a key, in the place of a value, and before another key.
    for piece in PIECES {
        for keys in [
            piece.to_string(),
            format!("max {piece}"),
            format!("growth = {piece}"),
            format!("{piece}, async {piece}"),
        ] {
            let source =
                format!("#[buffers({keys})] struct S {{ #[buffer({keys})] a: Vec<u8>, b: Vec<u8> }}");
            // A derive never sees tokens that the tokenizer rejects.
            let Ok(tokens) = source.parse() else { continue };
            let output = crate::derive(tokens);
            assert!(output.to_string().contains("fn b_mut"), "{keys}");
            assert!(syn::parse2::<syn::File>(output).is_ok(), "{keys}");
        }
    }
}
