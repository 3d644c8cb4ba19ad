//! Each key has its effect in the constants, in the types, and in the behaviour of the buffers.

#![allow(unreachable_pub, reason = "a test has no outside")]

use gpumem::{Async, Backend, Blocking, Buffer, BufferSpec, Device, Element, Error, GpuBuffers};

fn is_async<T: Element, B: Backend>(_: &Buffer<T, B, Async>) {}
fn is_blocking<T: Element, B: Backend>(_: &Buffer<T, B, Blocking>) {}

/// Every preset, some with keys beside it.
#[derive(GpuBuffers, Default)]
pub struct Presets {
    /// The preset alone.
    #[buffer(preset = "positions")]
    pub positions: Vec<[f32; 2]>,
    /// With its own growth, and without async downloads.
    #[buffer(preset = "velocities", growth = 2, async = false)]
    pub velocities: Vec<[f32; 2]>,
    /// With the key before the preset.
    #[buffer(max = "1GiB", preset = "edges")]
    pub edges: Vec<[u32; 2]>,
    /// With its own options of async downloads.
    #[buffer(preset = "grid_cells", async(slots = 3, snapshot))]
    pub cells: Vec<u32>,
}

#[test]
fn presets_are_overridden_by_the_keys_beside_them() {
    let facts = |spec: &BufferSpec| (spec.growth_factor(), spec.max_bytes(), spec.is_async());
    let [positions, velocities, edges, cells] = Presets::BUFFERS else { panic!("four buffers") };
    assert_eq!(facts(positions), (1.3, Some(512 << 20), true));
    assert_eq!(facts(velocities), (2.0, Some(512 << 20), false));
    assert_eq!(facts(edges), (2.0, Some(1 << 30), false));
    assert_eq!(facts(cells), (1.5, Some(256 << 20), true));
    assert_eq!((cells.slot_count(), cells.is_snapshot()), (3, true));
    let gpu = Presets::default().upload(&Device::host()).unwrap();
    is_async(gpu.positions());
    is_blocking(gpu.velocities());
    is_async(gpu.cells());
}

mod specs {
    use gpumem::BufferSpec;

    /// A constant in another module.
    pub(super) const LARGE: BufferSpec =
        BufferSpec::new("unused").growth(1.2).max(1 << 30).min(64).asynchronous().slots(4);
}

/// A constant in this module.
const SMALL: BufferSpec = BufferSpec::new("small").max(4096);

/// Limits for all instances.
pub struct Limits;

impl Limits {
    /// An associated constant.
    pub const TINY: BufferSpec = BufferSpec::new("tiny").max(64);
}

/// Settings from constants.
#[derive(GpuBuffers, Default)]
#[buffers(growth = 4, max = "1MiB", async)]
pub struct Configured {
    /// The constant alone.
    #[buffer(config = specs::LARGE, async)]
    pub large: Vec<u32>,
    /// With keys beside the constant.
    #[buffer(config = SMALL, growth = 2, min = 16)]
    pub small: Vec<u32>,
    /// An associated constant.
    #[buffer(config = Limits::TINY)]
    pub tiny: Vec<u8>,
}

#[test]
fn constants_say_what_the_attribute_does_not() {
    let [large, small, tiny] = Configured::BUFFERS else { panic!("three buffers") };
    assert_eq!((large.name(), small.name(), tiny.name()), ("large", "small", "tiny"));
    assert_eq!(*large, specs::LARGE.named("large").element::<u32>());
    assert_eq!((small.growth_factor(), small.max_bytes(), small.min_bytes()), (2.0, Some(4096), 16));
    // The defaults of the struct do not apply to fields with a constant.
    assert_eq!((tiny.growth_factor(), tiny.max_bytes()), (1.5, Some(64)));
    let mut gpu = Configured::default().upload(&Device::host()).unwrap();
    is_async(gpu.large());
    is_blocking(gpu.tiny());
    assert!(gpu.tiny_mut().resize(65).is_err());
}

/// Defaults for all fields, and fields that differ.
#[derive(GpuBuffers, Default)]
#[buffers(name = "Engine", lengths = "Counts", label = "the engine", limit = "8KiB")]
#[buffers(growth = 2, max = "4KiB", min = 64, async(slots = 3))]
pub struct Defaults {
    /// With the defaults of the struct.
    pub plain: Vec<u32>,
    /// With other settings.
    #[buffer(growth = 1.25, max = "8KiB", min = 0, async = false)]
    pub own: Vec<u32>,
    /// Async without the options of the struct.
    #[buffer(async)]
    pub own_mode: Vec<u32>,
    /// On the host.
    #[buffer(skip)]
    pub host: u8,
}

#[test]
fn a_struct_says_what_its_fields_do_not() {
    let [plain, own, own_mode] = Defaults::BUFFERS else { panic!("three buffers") };
    assert_eq!((plain.growth_factor(), plain.max_bytes(), plain.min_bytes()), (2.0, Some(4096), 64));
    assert_eq!((plain.is_async(), plain.slot_count()), (true, 3));
    assert_eq!((own.growth_factor(), own.max_bytes(), own.min_bytes()), (1.25, Some(8192), 0));
    assert!(!own.is_async());
    assert_eq!((own_mode.is_async(), own_mode.slot_count()), (true, BufferSpec::new("").slot_count()));
    let defaults = Defaults { host: 7, ..Defaults::default() };
    let gpu: Engine = defaults.upload(&Device::host()).unwrap();
    assert_eq!((defaults.host, gpu.download().unwrap().host), (7, 0));
    is_blocking(gpu.own());
    assert_eq!(gpu.capacities().plain, 16);
    assert!(format!("{gpu:?}").starts_with("Engine"));
}

#[test]
fn items_are_named_and_the_set_is_limited() {
    let device = Device::host();
    let mut gpu = Engine::new(&device).unwrap();
    assert_eq!(gpu.stats().label, "the engine");
    let EngineMut { plain, .. } = gpu.split_mut();
    plain.resize(1_000).unwrap();
    // Each length is within the limit of its buffer. Together they exceed the limit of the set.
    let before = gpu.capacities();
    let error = gpu.resize(Counts { plain: 1_000, own: 2_000, own_mode: 0 }).unwrap_err();
    assert!(matches!(error, Error::SetLimit { .. }), "{error}");
    assert_eq!(gpu.capacities(), before);
    assert!(Engine::with_capacity(&device, Counts { own: 2_040, ..Counts::default() }).is_err());
    let download: DefaultsDownload = gpu.start_download().unwrap();
    let frame: DefaultsFrame = download.wait().unwrap();
    assert_eq!(frame.plain().len(), 1_000);
    gpu.close().unwrap();
}

/// A constant with a stable address.
const FIXED: BufferSpec = BufferSpec::new("fixed").max(4096).stable();

/// Buffers with a stable address, and some without.
#[derive(GpuBuffers)]
#[buffers(stable, max = "4KiB")]
pub struct Stable {
    /// With the defaults of the struct.
    pub plain: Vec<u32>,
    /// The preset does not set `stable`.
    #[buffer(preset = "edges", max = "4KiB")]
    pub preset: Vec<u32>,
    /// Without a stable address.
    #[buffer(stable = false)]
    pub own: Vec<u32>,
    /// The constant sets everything.
    #[buffer(config = SMALL)]
    pub constant: Vec<u32>,
    /// With the key beside the constant.
    #[buffer(config = SMALL, stable)]
    pub beside: Vec<u32>,
    /// A stable constant.
    #[buffer(config = FIXED)]
    pub fixed: Vec<u32>,
    /// With a key that overrides the stable constant.
    #[buffer(config = FIXED, stable = false)]
    pub taken_back: Vec<u32>,
    /// With another flag.
    #[buffer(async(snapshot), stable = true)]
    pub both: Vec<u32>,
}

#[test]
fn addresses_are_stable_where_something_says_so() {
    let stable: Vec<&str> =
        Stable::BUFFERS.iter().filter(|spec| spec.is_stable()).map(BufferSpec::name).collect();
    assert_eq!(stable, ["plain", "preset", "beside", "fixed", "both"]);
    let [.., fixed, taken_back, both] = Stable::BUFFERS else { panic!("eight buffers") };
    assert_eq!(*fixed, FIXED.named("fixed").element::<u32>());
    assert_eq!(*taken_back, BufferSpec::new("taken_back").max(4096).element::<u32>());
    assert!(both.is_async() && both.is_snapshot());
    // No other buffer is stable, unless a key says so.
    assert!(Presets::BUFFERS.iter().chain(Defaults::BUFFERS).all(|spec| !spec.is_stable()));
}

/// Names that the fields could not have otherwise.
#[derive(GpuBuffers, Default)]
pub struct Renamed {
    /// The manager has a method of this name.
    #[buffer(name = "statistics", async)]
    pub stats: Vec<u32>,
    /// A keyword.
    #[buffer(name = "r#type")]
    pub kind: Vec<u8>,
    /// Two names may be exchanged.
    #[buffer(name = "right")]
    pub left: Vec<u8>,
    /// As above.
    #[buffer(name = "left")]
    pub right: Vec<u8>,
}

#[test]
fn buffers_have_names_of_their_own() {
    let renamed = Renamed { stats: vec![1, 2], left: vec![7], ..Renamed::default() };
    let mut gpu = renamed.upload(&Device::host()).unwrap();
    assert_eq!(gpu.lengths(), RenamedLengths { statistics: 2, r#type: 0, right: 1, left: 0 });
    assert_eq!((gpu.statistics().name(), gpu.r#type().name()), ("statistics", "type"));
    assert_eq!(gpu.start_download().unwrap().wait().unwrap().statistics(), [1, 2]);
    gpu.type_mut().resize(3).unwrap();
    let back = gpu.download().unwrap();
    assert_eq!((back.stats, back.kind, back.left, back.right), (vec![1, 2], vec![0; 3], vec![7], vec![]));
}

/// Fields on the host with `skip(default)`, in a struct with parameters.
#[derive(GpuBuffers)]
pub struct Hosted<'a, T: Default> {
    /// Values.
    pub values: Vec<u8>,
    /// On the host.
    #[buffer(skip(default))]
    pub title: &'a str,
    /// On the host.
    #[buffer(skip(default))]
    pub extra: Option<T>,
}

#[test]
fn skipped_fields_come_down_as_their_default() {
    let hosted = Hosted { values: vec![1], title: "here", extra: Some(5) };
    let gpu = hosted.upload(&Device::host()).unwrap();
    let back = gpu.download().unwrap();
    assert_eq!((back.values, back.title, back.extra), (vec![1], "", None::<i32>));
}

macro_rules! declare {
    ($name:ident, $preset:literal, $spec:path, $slots:literal, $async:literal, $stable:literal, $label:literal) => {
        /// Written by a macro.
        #[derive(GpuBuffers, Default)]
        #[buffers(label = $label)]
        pub struct $name {
            /// A preset.
            #[buffer(preset = $preset, async = $async, stable = $stable)]
            pub a: Vec<u8>,
            /// A constant.
            #[buffer(config = $spec, max = "2KiB")]
            pub b: Vec<u8>,
            /// Options.
            #[buffer(async(slots = $slots))]
            pub c: Vec<u8>,
        }
    };
}

declare!(Declared, "edges", SMALL, 5, true, true, "declared");

#[test]
fn values_may_come_from_macros() {
    let [a, b, c] = Declared::BUFFERS else { panic!("three buffers") };
    assert!(a.is_stable() && !b.is_stable());
    assert_eq!((a.is_async(), a.growth_factor(), b.max_bytes(), c.slot_count()), (true, 2.0, Some(2048), 5));
}

#[test]
fn slots_and_snapshots_are_set_by_keys() {
    let presets = Presets { cells: vec![1, 2, 3], ..Presets::default() };
    let mut gpu = presets.upload(&Device::host()).unwrap();
    let downloads: Vec<_> = (0..3).map(|_| gpu.cells().start_download().unwrap()).collect();
    assert!(matches!(gpu.cells().start_download(), Err(Error::SlotsBusy { .. })));
    gpu.cells_mut().fill(0).unwrap();
    for download in downloads {
        assert_eq!(*download.wait().unwrap(), [1, 2, 3]);
    }
}
