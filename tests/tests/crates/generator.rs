//! Random structs that must compile without a message.
//!
//! A seed gives the same structs on every machine. Each struct is in a separate module, beside items of the
//! user with names that generated code might use.

use std::fmt::Write as _;

/// A pseudo-random sequence: splitmix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to `below - 1`.
    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % below as u64).expect("less than `below`")
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// At most `most` elements of `from`, in random order.
    fn some<T: Copy>(&mut self, from: &[T], most: usize) -> Vec<T> {
        let mut left = from.to_vec();
        let count = self.below(most.min(left.len()) + 1);
        (0..count).map(|_| left.swap_remove(self.below(left.len()))).collect()
    }
}

/// The items that all modules use.
pub(crate) const COMMON: &str = r#"
/// The parts of the structs.
pub mod common {
    /// An element.
    #[repr(C)]
    #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Vertex { position: [f32; 3], color: [u8; 4] }
    /// An element of 4 bytes and a name of the standard library.
    #[repr(transparent)]
    #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct String(u32);
    /// An element that is not plain data.
    #[derive(Clone, Copy)]
    pub struct NotPod(pub u32);
    /// An element without a size.
    pub type Nothing = [u32; NONE];
    /// See above.
    pub const NONE: usize = 0;
    /// No specification.
    pub const NO_SPEC: u32 = 5;
    /// A type without a default.
    pub struct NoDefault;
    /// What has points.
    pub trait Shape {
        /// A point.
        type Point: bytemuck::Pod + Send + Sync;
    }
    /// Specifications.
    pub struct Of<const N: usize>;
    impl<const N: usize> Of<N> {
        /// Blocking.
        pub const SPEC: gpumem::BufferSpec = gpumem::BufferSpec::new("of").growth(1.25).max(N as u64);
        /// Async.
        pub const ASYNC: gpumem::BufferSpec = Self::SPEC.asynchronous();
    }
}
"#;

/// Names of constants, statics and unit structs in scope, and names of fields.
const WORDS: &[&str] = &[
    "set",
    "made",
    "data",
    "buffers",
    "buffer",
    "additional",
    "parts",
    "f",
    "positions",
    "velocities",
    "edges",
    "values",
    "r#type",
    "r#async",
    "r#match",
    "x",
    "y",
    "gpu",
    "root",
    "N",
    "T",
    "B",
    "Vec",
    "name",
    "Result",
    "Ok",
    "Self_",
    "größe",
    "_hidden",
    "__device",
    "a1",
    "raw",
    "label",
    "spec",
    "count",
    "index",
    "frame",
    "ticket",
    "wait",
    "default",
];
/// Names that a buffer cannot have, so that its field needs the key `name`.
const TAKEN: &[&str] =
    &["new", "lengths", "stats", "close", "device", "reserve", "resize", "__raw", "__from_raw", "__set"];
/// Elements, and the bytes of each.
pub(crate) const ELEMENTS: &[(&str, u64)] = &[
    ("u8", 1),
    ("i16", 2),
    ("f32", 4),
    ("u64", 8),
    ("[f32; 2]", 8),
    ("[[u8; 4]; 3]", 12),
    ("[u32; 3]", 12),
    ("super::common::Vertex", 16),
    ("crate::common::String", 4),
    ("Option<std::num::NonZeroU32>", 4),
    ("std::num::Wrapping<u16>", 2),
    ("[super::common::Vertex; 2]", 32),
];
/// Types of fields on the host: any type may stay there. The first one needs a sized struct.
const HOST: &[&str] = &[
    "std::sync::Mutex<Vec<Self>>",
    "String",
    "Option<String>",
    "Box<dyn Fn(&str)>",
    "Box<dyn Fn(&str)>",
    "super::common::NoDefault",
    "fn(u8) -> u8",
    "std::collections::HashMap<String, Vec<u8>>",
    "(u8, String)",
    "Option<Box<Self>>",
    "[u8; 4]",
    "*const u8",
    "usize",
    "Vec<String>",
    "Vec<()>",
];

/// A struct that must compile without a warning.
pub(crate) fn valid(index: usize, random: &mut Random) -> String {
    let parameters = Parameters::choose(random);
    let asynchronous = random.once_in(8);
    let (of_struct, min, max) = struct_keys(index, asynchronous, random);
    let tail = match random.below(12) {
        _ if parameters.tail => Some("Tail"),
        0 => Some(random.pick(&["[u8]", "str", "dyn std::fmt::Debug"])),
        _ => None,
    };
    let mut fields = Vec::new();
    for name in random.some(WORDS, 7) {
        fields.push(field(name, index, &parameters, tail.is_none(), (min, max), random));
    }
    for name in random.some(TAKEN, 1) {
        let free = name.trim_start_matches('_');
        fields.push(format!("#[buffer(name = \"{free}_data\")]\npub {name}: Vec<u32>,"));
    }
    fields.extend(tail.map(|tail| format!("#[buffer(skip)]\npub tail: {tail},")));
    let documented = fields.into_iter().map(|field| format!("/// A field.\n{field}\n"));
    let fields: String = parameters.fields().into_iter().chain(documented).collect();
    let scope = scope(random);
    let lints = random.pick(&["", "", "", "#[allow(dead_code, reason = \"why not\")]\n", "#[deprecated]\n"]);
    let Parameters { declared, clause, .. } = &parameters;
    format!(
        "/// One of many.\npub mod m{index} {{\n{scope}\n/// A struct.\n{lints}#[derive(gpumem::GpuBuffers)]\n{of_struct}\
         pub struct S{index}{declared}\n{clause} {{\n{fields}}}\n}}\n"
    )
}

/// Constants, statics, unit structs and a trait, under names that have other uses as well.
fn scope(random: &mut Random) -> String {
    let words: Vec<&str> =
        WORDS.iter().filter(|word| !["N", "T", "B", "Vec"].contains(word)).copied().collect();
    let mut scope = "#![allow(non_upper_case_globals, non_camel_case_types, non_snake_case)]\n".to_owned();
    for word in random.some(&words, 8) {
        let item = match random.below(4) {
            0 => format!("pub const {word}: usize = 3;"),
            1 => format!("pub static {word}: usize = 3;"),
            2 => format!("pub struct {word};"),
            _ => format!("pub const {word}: &str = \"\";"),
        };
        // Names that begin with two underscores are reserved for the output.
        if !word.starts_with("__") {
            let _ = writeln!(scope, "/// In the way.\n{item}");
        }
    }
    if random.once_in(3) {
        scope.push_str("/// In the way.\npub trait AnyThread {}\n");
    }
    scope
}

/// The parameters of a struct.
struct Parameters {
    declared: String,
    clause: String,
    /// Elements that use them.
    elements: Vec<&'static str>,
    uses: Vec<&'static str>,
    tail: bool,
}

impl Parameters {
    fn choose(random: &mut Random) -> Self {
        let mut declared = Vec::new();
        let mut parameters = Parameters {
            declared: String::new(),
            clause: String::new(),
            elements: Vec::new(),
            uses: Vec::new(),
            tail: false,
        };
        if random.once_in(4) {
            declared.push("'a");
            parameters.uses.push("&'a str");
            if random.once_in(2) {
                declared.push("'b");
                parameters.uses.push("Option<&'a &'b u8>");
            }
        }
        if random.once_in(4) {
            declared.push(random.pick(&["T", "T: Copy", "T: bytemuck::Pod", "T: PartialEq<u8> + Send"]));
            parameters.elements.extend(["T", "[T; 2]"]);
            parameters.uses.push(if declared[0] == "'a" { "Option<&'a T>" } else { "Option<T>" });
        }
        if random.once_in(6) {
            declared.push(random.pick(&["B: super::common::Shape", "B: super::common::Shape + ?Sized"]));
            parameters.elements.extend(["B::Point", "<B as super::common::Shape>::Point"]);
            parameters.uses.push("Option<Box<B>>");
        }
        if random.once_in(8) {
            declared.push("Tail: ?Sized");
            parameters.tail = true;
        }
        if random.once_in(5) {
            declared.push("const N: usize");
            parameters.elements.push("[u16; N]");
            parameters.uses.push("[u8; N]");
        }
        if declared.iter().any(|one| *one == "T" || one.starts_with("T:")) && random.once_in(2) {
            parameters.clause =
                random.pick(&["where T: 'static", "where T: Clone, Self: Sized + 'static"]).to_owned();
            if parameters.tail || declared[0] == "'a" {
                parameters.clause = "where T: Clone".to_owned();
            }
        }
        if !declared.is_empty() {
            parameters.declared = format!("<{}>", declared.join(", "));
        }
        parameters
    }

    /// Fields on the host that use the parameters, of types that no buffer can have.
    fn fields(&self) -> Vec<String> {
        let field =
            |(index, ty): (usize, &&str)| format!("/// A field.\n#[buffer(skip)]\npub uses{index}: {ty},\n");
        self.uses.iter().enumerate().map(field).collect()
    }
}

/// The attributes of the struct, and the `min` and `max` in them.
fn struct_keys(index: usize, asynchronous: bool, random: &mut Random) -> (String, Option<u64>, Option<u64>) {
    let mut keys = Vec::new();
    let min = random.once_in(8).then(|| 8 << random.below(4));
    let max = random.once_in(6).then(|| 64 << random.below(20));
    keys.extend(min.map(|min| format!("min = {min}")));
    keys.extend(max.map(|max| format!("max = \"{max}B\"")));
    keys.extend(
        asynchronous.then(|| random.pick(&["async", "async(slots = 3)", "async(snapshot)"]).to_owned()),
    );
    for key in ["growth = 2", "stable", "limit = \"4 GiB\"", "label = \"{a} label\""] {
        keys.extend(random.once_in(10).then(|| key.to_owned()));
    }
    keys.extend(random.once_in(10).then(|| format!("name = \"Manager{index}\"")));
    keys.extend(random.once_in(10).then(|| format!("lengths = \"Lens{index}\"")));
    let attributes = keys.iter().map(|key| format!("#[buffers({key})]\n")).collect();
    (attributes, min, max)
}

fn field(
    name: &str,
    index: usize,
    parameters: &Parameters,
    sized: bool,
    (min, max): (Option<u64>, Option<u64>),
    random: &mut Random,
) -> String {
    if random.once_in(5) {
        let skip = random.pick(&["skip", "skip", "skip,"]);
        let ty = random.pick(if sized { HOST } else { &HOST[1..] });
        return format!("#[buffer({skip})]\npub {name}: {ty},");
    }
    let (element, size) = match parameters.elements.as_slice() {
        generic if !generic.is_empty() && random.once_in(3) => (random.pick(generic), 1),
        _ => random.pick(ELEMENTS),
    };
    let keys = keys(name, index, size, (min, max), random);
    // In one attribute or in several.
    let joined = keys.join(", ");
    let attributes = match random.below(3) {
        _ if keys.is_empty() => random.pick(&["", "#[buffer]\n", "#[buffer()]\n"]).to_owned(),
        0 => keys.iter().map(|key| format!("#[buffer({key})]\n")).collect(),
        1 => format!("#[buffer({joined},)]\n"),
        _ => format!("#[buffer({joined})]\n"),
    };
    let before = random.pick(&[
        "",
        "",
        "",
        "",
        "",
        "",
        "#[deprecated]\n",
        "#[cfg(not(any()))]\n",
        "#[allow(unused)]\n",
    ]);
    let vec = random.pick(&["Vec", "std::vec::Vec", "::std::vec::Vec"]);
    format!("{before}{attributes}pub {name}: {vec}<{element}>,")
}

/// The keys of a buffer whose elements have `size` bytes, in a struct with this `min` and `max`.
fn keys(
    name: &str,
    index: usize,
    size: u64,
    (min, max): (Option<u64>, Option<u64>),
    random: &mut Random,
) -> Vec<String> {
    let mut keys = Vec::new();
    match random.below(8) {
        0 => {
            let (config, mode) =
                random.pick(&[("SPEC", ""), ("ASYNC", ", async"), ("ASYNC", ", async(slots = 3)")]);
            keys.push(format!("config = super::common::Of::<4096>::{config}{mode}"));
        }
        1 => keys.push(format!("preset = \"{}\"", random.pick(&["positions", "edges", "grid_cells"]))),
        _ => {
            let modes: &[&str] =
                &["async", "async(slots = 4)", "async(snapshot, slots = 1)", "async = false", "async = true"];
            keys.extend(random.once_in(3).then(|| random.pick(modes).to_owned()));
            let least = min.unwrap_or(1).max(size).max(64);
            keys.extend(random.once_in(3).then(|| format!("max = {}", least << random.below(10))));
            let most = max.unwrap_or(64).min(64);
            let alone = !keys.iter().any(|key| key.starts_with("max"));
            keys.extend((alone && random.once_in(5)).then(|| format!("min = \"{}B\"", most / 2)));
        }
    }
    keys.extend(random.once_in(4).then(|| format!("growth = {}", random.pick(&["1.5", "2", "8", "1.001"]))));
    keys.extend(
        random.once_in(8).then(|| random.pick(&["stable", "stable = false", "stable = true"]).to_owned()),
    );
    keys.extend(
        random.once_in(8).then(|| format!("name = \"other{index}_{}\"", name.trim_start_matches("r#"))),
    );
    keys
}
