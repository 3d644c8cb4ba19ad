//! Structs with mistakes planted in them, and the lines where the compiler must report each.

use super::generator::{COMMON, ELEMENTS, Random};

/// The phase of the compiler that finds a mistake. After errors of the derive the compiler goes on to the
/// next phase. After errors of a later phase it stops.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Phase {
    Derive,
    Names,
    Types,
    Constants,
}

/// A field with a mistake, and the keys of its attribute.
struct Mistake {
    phase: Phase,
    keys: &'static str,
    ty: &'static str,
    /// Whether the error is at the field and not at its attribute.
    at_field: bool,
}

const fn key(keys: &'static str) -> Mistake {
    Mistake { phase: Phase::Derive, keys, ty: "Vec<[f32; 2]>", at_field: false }
}

const fn ty(ty: &'static str) -> Mistake {
    Mistake { phase: Phase::Derive, keys: "", ty, at_field: true }
}

const fn late(phase: Phase, keys: &'static str, ty: &'static str, at_field: bool) -> Mistake {
    Mistake { phase, keys, ty, at_field }
}

/// Each of them is one error.
const MISTAKES: &[Mistake] = &[
    key("grwoth = 1.5"),
    key("colour"),
    key("growth"),
    key("growth = "),
    key("growth = 1"),
    key("growth = 0.5"),
    key("growth = -1.5"),
    key("growth = 13"),
    key("growth = \"1.5\""),
    key("growth = 1.5f32"),
    key("growth = 1 + 1"),
    key("growth(2)"),
    key("max = \"lots\""),
    key("max = \"512mib\""),
    key("max = 5.5"),
    key("max = \"1e3MiB\""),
    key("max = -5"),
    key("max = 0"),
    key("max = 4"),
    key("max = 512MiB"),
    key("max = \"512\""),
    key("max = \"5 M\""),
    key("max = \"99999999TiB\""),
    key("max = \"0.3B\""),
    key("min = 64, max = 32"),
    key("min = \"\""),
    key("min = true"),
    key("async(slots = 0)"),
    key("async(slots = 65)"),
    key("async(slots)"),
    key("async(slot = 3)"),
    key("async()"),
    key("async = 3"),
    key("async(snapshot = 1)"),
    key("stable = 3"),
    key("stable()"),
    key("async, async"),
    key("growth = 2, growth = 3"),
    key("preset = \"postions\""),
    key("preset = edges"),
    key("preset = 5"),
    key("config = \"SPEC\""),
    key("config = Self::SPEC"),
    key("config = 5"),
    key("config = super::common::Of::<{ 64 }>::SPEC, preset = \"edges\""),
    key("skip, growth = 2"),
    key("skip = 5"),
    key("skip(defualt)"),
    key("skpi"),
    key("name = points"),
    key("name = \"\""),
    key("name = \"it's\""),
    key("name = \"1e\""),
    key("name = \"r##x\""),
    key("name = \"a // b\""),
    key("name = \" a \""),
    key("name = \"a b\""),
    key("name = \"type\""),
    key("name = \"self\""),
    key("name = \"r#self\""),
    key("name = \"close\""),
    key("name = \"__raw\""),
    key("name = \"#\""),
    key("name = \"\\\"\""),
    key("name = 5"),
    key("limit = \"1GiB\""),
    key("slots = 3"),
    key("label = \"a\""),
    key(", async"),
    key("async growth = 2"),
    key("\"growth\" = 2"),
    key("growth == 2"),
    key("growth = 2 = 3"),
    key("max: 5"),
    key("config = super::common::Of::<3, growth = 2"),
    key("growth = 1.5; async"),
    key("a::b = 5"),
    key("[growth]"),
    ty("[f32; 2]"),
    ty("&'static [u32]"),
    ty("Option<Vec<u8>>"),
    ty("u32"),
    ty("String"),
    ty("std::collections::VecDeque<u8>"),
    ty("Vec<(f32, f32)>"),
    ty("Vec<(f32, u8)>"),
    ty("Vec<()>"),
    ty("Vec<&'static u8>"),
    ty("Vec<*const u8>"),
    ty("Vec<fn()>"),
    ty("Vec<[u32; 0]>"),
    ty("Vec<[(u8, u8); 3]>"),
    ty("Box<[u8]>"),
    ty("std::sync::Arc<Vec<u8>>"),
    late(Phase::Names, "", "Vec<NoSuchType>", true),
    late(Phase::Names, "config = NO_SUCH_SPEC", "Vec<u8>", false),
    late(Phase::Names, "skip", "NoSuchType", true),
    late(Phase::Names, "config = no_such::SPEC", "Vec<u8>", false),
    late(Phase::Types, "", "Vec<bool>", true),
    late(Phase::Types, "", "Vec<[char; 2]>", true),
    late(Phase::Types, "async", "Vec<Option<u32>>", true),
    late(Phase::Types, "max = 64", "Vec<String>", true),
    late(Phase::Types, "", "Vec<Vec<u32>>", true),
    late(Phase::Types, "async", "Vec<Box<u8>>", true),
    late(Phase::Types, "growth = 2", "Vec<std::time::Instant>", true),
    late(Phase::Types, "async", "Vec<super::common::NotPod>", true),
    late(Phase::Types, "config = super::common::NO_SPEC", "Vec<u8>", false),
    late(Phase::Types, "skip(default)", "super::common::NoDefault", true),
    late(Phase::Constants, "", "Vec<super::common::Nothing>", true),
    late(Phase::Constants, "async", "Vec<[u8; super::common::NONE]>", true),
    late(Phase::Constants, "", "Vec<std::marker::PhantomData<u8>>", true),
    late(Phase::Constants, "max = 8", "Vec<super::common::Vertex>", false),
    late(Phase::Constants, "config = super::common::Of::<{ 64 }>::SPEC, async", "Vec<u8>", false),
    late(Phase::Constants, "config = super::common::Of::<{ 64 }>::ASYNC", "Vec<u8>", false),
];

/// Sources with mistakes of one phase, and the line at which each must be reported.
pub(crate) struct Planted {
    pub(crate) source: String,
    pub(crate) lines: Vec<usize>,
}

impl Planted {
    pub(crate) fn new() -> Self {
        Self { source: COMMON.to_owned(), lines: Vec::new() }
    }

    fn line(&mut self, text: &str) {
        self.source.push_str(text);
        self.source.push('\n');
    }

    /// Adds a struct with one to three mistakes among correct fields.
    pub(crate) fn plant(&mut self, index: usize, phase: Phase, random: &mut Random) {
        let mistakes: Vec<&Mistake> = MISTAKES.iter().filter(|mistake| mistake.phase == phase).collect();
        let generic = random.once_in(4);
        self.line(&format!("pub mod m{index} {{"));
        self.line("#[derive(gpumem::GpuBuffers)]");
        self.line(&format!("pub struct S{index}{} {{", if generic { "<T: Copy>" } else { "" }));
        if generic {
            self.line("pub generic: Vec<T>,");
        }
        for planted in 0..=random.below(3) {
            if random.once_in(2) {
                self.line("#[buffer(growth = 2, async)]");
                self.line(&format!("pub right{planted}: Vec<{}>,", random.pick(ELEMENTS).0));
            }
            let mistake = random.pick(&mistakes);
            let before = self.source.lines().count();
            if !mistake.keys.is_empty() {
                self.line(&format!("#[buffer({})]", mistake.keys));
            }
            let field = usize::from(!mistake.keys.is_empty() && mistake.at_field);
            self.line(&format!("pub wrong{planted}: {},", mistake.ty));
            self.lines.push(before + 1 + field);
        }
        self.line("}");
        self.line("}");
    }
}
