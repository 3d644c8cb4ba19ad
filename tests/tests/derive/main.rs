//! The derive, seen from outside: the generated manager on the host, and the structs that the derive must
//! handle. Mistakes are in `ui/`.

// The crate root, under another name and path. Generated code must reach it by the path in the attribute.
mod renamed {
    pub(crate) use gpumem as memory;
}

mod kernel_items;
mod kernel_names;
mod keys;
mod scope;
mod strict;
mod types;
mod visibility;

use gpumem::{Async, Backend, Blocking, Buffer, Device, Element, Error, GpuBuffers, Host};

/// A graph.
#[derive(GpuBuffers, Default, Clone, Debug, PartialEq)]
pub struct Graph {
    /// Positions of the nodes.
    #[buffer(growth = 1.3, max = "1MiB", async)]
    pub positions: Vec<[f32; 2]>,
    /// Velocities of the nodes.
    #[buffer(async)]
    pub velocities: Vec<[f32; 2]>,
    /// Pairs of nodes.
    #[buffer(growth = 2, max = "2KB", min = 64)]
    pub edges: Vec<[u32; 2]>,
    /// Stays on the host.
    #[buffer(skip)]
    pub title: String,
}

fn graph() -> Graph {
    Graph {
        positions: vec![[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]],
        velocities: vec![[0.5, 0.5]; 3],
        edges: vec![[0, 1], [1, 2]],
        title: "a path".to_owned(),
    }
}

#[test]
fn attributes_become_specifications() {
    let [positions, velocities, edges] = Graph::BUFFERS else { panic!("three buffers") };
    assert_eq!((positions.name(), velocities.name(), edges.name()), ("positions", "velocities", "edges"));
    assert_eq!(
        (positions.growth_factor(), velocities.growth_factor(), edges.growth_factor()),
        (1.3, 1.5, 2.0)
    );
    assert_eq!(
        (positions.max_bytes(), velocities.max_bytes(), edges.max_bytes()),
        (Some(1 << 20), None, Some(2000))
    );
    assert_eq!((positions.min_bytes(), edges.min_bytes()), (0, 64));
    assert_eq!((positions.is_async(), velocities.is_async(), edges.is_async()), (true, true, false));
    assert_eq!((positions.element_size(), edges.element_size()), (8, 8));
}

#[test]
fn a_set_is_uploaded_and_downloaded() {
    let device = Device::host();
    let mut gpu = graph().upload(&device).unwrap();
    assert_eq!(gpu.lengths(), GraphLengths { positions: 3, velocities: 3, edges: 2 });
    assert!(gpu.capacities().edges >= 8, "{:?}", gpu.capacities());
    // Fields that stay on the host are not downloaded.
    assert_eq!(gpu.download().unwrap(), Graph { title: String::new(), ..graph() });

    let mut back = Graph { title: "kept".to_owned(), ..Graph::default() };
    gpu.positions_mut().write(1, &[[9.0, 9.0]]).unwrap();
    gpu.download_into(&mut back).unwrap();
    assert_eq!(back.positions, [[0.0, 1.0], [9.0, 9.0], [4.0, 5.0]]);
    assert_eq!((back.edges, back.title.as_str()), (graph().edges, "kept"));

    gpu.upload_from(&Graph { edges: vec![[7, 7]], ..Graph::default() }).unwrap();
    assert_eq!(gpu.lengths(), GraphLengths { edges: 1, ..GraphLengths::default() });
    assert_eq!(gpu.edges().download().unwrap(), [[7, 7]]);
    gpu.close().unwrap();
    device.check_leaks().unwrap();
}

#[test]
fn accessors_have_the_types_of_their_fields() {
    fn is_async<T: Element, B: Backend>(_: &Buffer<T, B, Async>) {}
    fn is_blocking<T: Element, B: Backend>(_: &mut Buffer<T, B, Blocking>) {}
    let mut gpu = GraphBuffers::new(&Device::host()).unwrap();
    is_async::<[f32; 2], Host>(gpu.positions());
    is_blocking::<[u32; 2], Host>(gpu.edges_mut());
    assert!(format!("{:?}", gpu.split_mut()).starts_with("GraphBuffersMut { positions: "));
    assert!(format!("{:?}", gpu.start_download()).starts_with("Ok(Ticket { positions: "));
    let GraphBuffersMut { positions, velocities, edges } = gpu.split_mut();
    positions.upload(&[[1.0, 1.0]]).unwrap();
    velocities.upload(&[[2.0, 2.0]]).unwrap();
    edges.resize(4).unwrap();
    assert_eq!(gpu.lengths(), GraphLengths { positions: 1, velocities: 1, edges: 4 });
    assert_eq!(gpu.device().name(), Device::host().name());
}

#[test]
fn a_frame_holds_the_async_buffers() {
    let mut gpu = graph().upload(&Device::host()).unwrap();
    let download: GraphDownload = gpu.start_download().unwrap();
    gpu.clear();
    let frame: GraphFrame = download.wait().unwrap();
    assert_eq!(format!("{frame:?}"), "GraphFrame { positions: 3, velocities: 3 }");
    assert_eq!(frame.positions(), graph().positions);
    assert_eq!(frame.velocities(), graph().velocities);
    let later = gpu.start_download().unwrap();
    while !later.is_ready().unwrap() {
        std::thread::yield_now();
    }
    assert!(later.wait().unwrap().positions().is_empty());
}

#[test]
fn lengths_change_in_all_buffers_or_in_none() {
    let mut gpu = GraphBuffers::with_capacity(
        &Device::host(),
        GraphLengths { positions: 10, ..GraphLengths::default() },
    )
    .unwrap();
    assert!(gpu.capacities().positions >= 10);
    gpu.resize(GraphLengths { positions: 4, velocities: 5, edges: 6 }).unwrap();
    assert_eq!(gpu.download().unwrap().velocities, [[0.0; 2]; 5]);
    gpu.reserve(GraphLengths { edges: 100, ..GraphLengths::default() }).unwrap();
    assert!(gpu.capacities().edges >= 106);
    let before = (gpu.lengths(), gpu.capacities());
    // 2 KB are 250 edges. The other buffers have room.
    let error = gpu.resize(GraphLengths { positions: 1_000, velocities: 1_000, edges: 251 }).unwrap_err();
    assert!(error.to_string().contains("edges"), "{error}");
    assert_eq!((gpu.lengths(), gpu.capacities()), before);
    let many = Graph { edges: vec![[0, 0]; 251], positions: vec![[1.0; 2]; 900], ..Graph::default() };
    gpu.upload_from(&many).unwrap_err();
    assert_eq!((gpu.lengths(), gpu.capacities()), before);
    gpu.clear();
    gpu.shrink_to_fit().unwrap();
    assert_eq!(gpu.capacities().positions, 0);
}

#[test]
fn statistics_leaks_and_debug_name_the_set() {
    let device = Device::host();
    let mut gpu = graph().upload(&device).unwrap();
    let stats = gpu.stats();
    assert_eq!((stats.label, stats.buffers.len()), ("Graph", 3));
    let text = format!("{gpu:?}");
    for part in ["GraphBuffers", "positions", "velocities", "edges"] {
        assert!(text.contains(part), "{text}");
    }
    gpu.check_leaks().unwrap();
    // A buffer of the set is replaced by another one of the same type: the first one has escaped.
    let other = Buffer::new(&device, "other").unwrap();
    let escaped = std::mem::replace(gpu.edges_mut(), other);
    let error = gpu.check_leaks().unwrap_err();
    assert!(matches!(error, Error::Leaked(_)), "{error}");
    assert!(error.to_string().contains("edges") && error.to_string().contains("derive/main.rs:"), "{error}");
    let error = gpu.close().unwrap_err();
    assert!(error.to_string().contains("edges"), "{error}");
    drop(escaped);
}

#[test]
fn managers_may_go_to_other_threads() {
    fn check<T: Send + Sync>() {}
    check::<GraphBuffers>();
    check::<GraphBuffersMut<'static>>();
    check::<GraphDownload>();
    check::<GraphLengths>();
    check::<MeshBuffers<'static, u32, std::rc::Rc<()>, 4>>();
}

/// Parameters of all kinds. Some of them are used by fields on the host only.
#[derive(GpuBuffers)]
pub struct Mesh<'a, I: bytemuck::Pod = u32, Tag: ?Sized = str, const N: usize = 4>
where
    I: PartialEq,
{
    /// Corners of triangles.
    #[buffer(async)]
    pub indices: Vec<I>,
    /// A type whose path has another prefix.
    pub weights: std::vec::Vec<[f32; 4]>,
    /// On the host.
    #[buffer(skip)]
    pub names: Option<&'a [String; N]>,
    /// On the host.
    #[buffer(skip)]
    pub tag: Option<Box<Tag>>,
}

#[test]
fn a_struct_may_have_parameters_of_all_kinds() {
    let mesh: Mesh<'_, u16, [u8], 2> =
        Mesh { indices: vec![1, 2, 3], weights: vec![[0.25; 4]], names: None, tag: None };
    let gpu: MeshBuffers<'_, u16, [u8], 2> = mesh.upload(&Device::host()).unwrap();
    assert_eq!(gpu.start_download().unwrap().wait().unwrap().indices(), [1, 2, 3]);
    assert_eq!(gpu.download().unwrap().weights, [[0.25; 4]]);
    assert_eq!(gpu.lengths(), MeshLengths { indices: 3, weights: 1 });
}

/// A shape and its points.
pub trait Shape {
    /// A point of it.
    type Point: bytemuck::Pod + Send + Sync;
}

/// A plane.
pub struct Plane;

impl Shape for Plane {
    type Point = [f32; 2];
}

/// Elements that are associated types. No other field uses the parameter.
#[derive(GpuBuffers)]
pub struct Outline<S: Shape> {
    /// Points.
    pub points: Vec<S::Point>,
    /// More of them.
    #[buffer(async)]
    pub path: Vec<<S as Shape>::Point>,
}

#[test]
fn elements_may_be_associated_types() {
    let outline: Outline<Plane> = Outline { points: vec![[1.0, 2.0]], path: Vec::new() };
    let gpu = outline.upload(&Device::host()).unwrap();
    assert_eq!(gpu.points().download().unwrap(), [[1.0, 2.0]]);
}

/// An element type of the user.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Vertex {
    position: [f32; 3],
    color: [u8; 4],
}

/// A parameter with the name that the derive would add, and a lifetime with the name that `split_mut` would
/// use.
#[derive(GpuBuffers)]
#[buffers(crate = crate::renamed::memory)]
pub struct Scene<'a, B: bytemuck::Pod> {
    /// Vertices.
    #[buffer(max = "1KiB")]
    pub vertices: Vec<Vertex>,
    /// Anything.
    pub anything: Vec<B>,
    /// On the host.
    #[buffer(skip)]
    pub title: &'a str,
}

#[test]
fn names_may_be_added_and_the_crate_be_renamed() {
    let vertex = Vertex { position: [1.0; 3], color: [255; 4] };
    let scene = Scene { vertices: vec![vertex; 3], anything: vec![1_u64], title: "scene" };
    let mut gpu = scene.upload(&Device::host()).unwrap();
    gpu.split_mut().anything.fill(5).unwrap();
    let back = gpu.download().unwrap();
    assert_eq!((back.vertices, back.anything, back.title), (vec![vertex; 3], vec![5], ""));
}

mod nested {
    pub(super) mod inner {
        use gpumem::GpuBuffers;

        /// Visible only to the parent of the parent.
        #[derive(GpuBuffers, Default)]
        pub(in super::super) struct Limited {
            /// A keyword as a name.
            #[buffer(async)]
            pub(in super::super) r#type: Vec<u32>,
            /// Not present in this configuration.
            #[cfg(any())]
            pub(in super::super) gone: Missing,
            /// Present in this configuration, with a conditional attribute.
            #[cfg(not(miri))]
            #[cfg_attr(all(), buffer(max = "1KiB"))]
            pub(in super::super) r#match: Vec<u8>,
        }
    }
}

#[test]
fn fields_may_be_raw_conditional_and_private() {
    let limited = nested::inner::Limited { r#type: vec![1, 2], r#match: vec![3] };
    let mut gpu = limited.upload(&Device::host()).unwrap();
    gpu.type_mut().resize(3).unwrap();
    assert_eq!(gpu.r#type().download().unwrap(), [1, 2, 0]);
    assert_eq!(gpu.r#match().name(), "match");
    assert_eq!(nested::inner::Limited::BUFFERS[1].max_bytes(), Some(1024));
    let lengths = nested::inner::LimitedLengths { r#type: 1, r#match: 1 };
    gpu.resize(lengths).unwrap();
    assert_eq!(gpu.start_download().unwrap().wait().unwrap().r#type(), [1]);
}

/// No field goes to the device.
#[derive(GpuBuffers, Default)]
pub struct Empty {}

/// Fields on the host only, and a parameter that no buffer uses.
#[derive(GpuBuffers, Default)]
pub struct HostOnly<T> {
    /// On the host.
    #[buffer(skip)]
    pub value: T,
}

#[test]
fn a_struct_may_have_no_buffers() {
    let device = Device::host();
    let mut gpu = Empty {}.upload(&device).unwrap();
    gpu.resize(EmptyLengths {}).unwrap();
    gpu.split_mut();
    gpu.upload_from(&Empty {}).unwrap();
    gpu.check_leaks().unwrap();
    let Empty {} = gpu.download().unwrap();
    gpu.close().unwrap();
    let gpu = HostOnly { value: 5 }.upload(&device).unwrap();
    assert_eq!(gpu.download().unwrap().value, 0);
    assert_eq!(HostOnly::<u8>::BUFFERS.len(), 0);
}

/// The host field has no default, so the set cannot be downloaded to a new struct. Everything else works.
#[derive(GpuBuffers)]
pub struct Named {
    /// Values.
    pub values: Vec<u8>,
    /// On the host.
    #[buffer(skip)]
    pub name: NoDefault,
}

/// A type without a default.
pub struct NoDefault;

#[test]
fn a_default_is_asked_for_where_it_is_needed() {
    let mut named = Named { values: vec![1], name: NoDefault };
    let gpu = named.upload(&Device::host()).unwrap();
    named.values.clear();
    gpu.download_into(&mut named).unwrap();
    assert_eq!(named.values, [1]);
}

macro_rules! declare {
    ($name:ident, $field:ident: $ty:ty, $growth:literal, $max:expr) => {
        /// Written by a macro.
        #[derive(GpuBuffers, Default)]
        pub struct $name {
            /// A field.
            #[buffer(growth = $growth, max = $max)]
            pub $field: Vec<$ty>,
        }
    };
}

declare!(Declared, values: [u16; 2], 1.25, "1KiB");

#[test]
fn structs_may_be_written_by_macros() {
    assert_eq!(Declared::BUFFERS[0].growth_factor(), 1.25);
    assert_eq!(Declared::BUFFERS[0].max_bytes(), Some(1024));
    let gpu = Declared { values: vec![[1, 2]] }.upload(&Device::host()).unwrap();
    assert_eq!(gpu.values().len(), 1);
}

/// A deprecated field and a new one.
#[derive(GpuBuffers, Default)]
pub struct Aging {
    /// The deprecated field.
    #[deprecated(note = "use `new`")]
    #[buffer(async)]
    pub old: Vec<u8>,
    /// The new field.
    pub fresh: Vec<u8>,
}

#[test]
#[expect(deprecated, reason = "the accessor is deprecated as the field is")]
fn deprecation_is_carried_over() {
    let gpu = Aging::default().upload(&Device::host()).unwrap();
    assert!(gpu.old().is_empty());
}

/// A struct with a hundred fields.
mod many {
    use gpumem::{Device, GpuBuffers};

    macro_rules! hundred {
        ($($field:ident)*) => {
            /// Many.
            #[derive(GpuBuffers, Default)]
            pub(super) struct Many {
                $(
                    /// One of many.
                    pub(super) $field: Vec<u32>,
                )*
            }
        };
    }

    hundred! {
        f00 f01 f02 f03 f04 f05 f06 f07 f08 f09 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19
        f20 f21 f22 f23 f24 f25 f26 f27 f28 f29 f30 f31 f32_ f33 f34 f35 f36 f37 f38 f39
        f40 f41 f42 f43 f44 f45 f46 f47 f48 f49 f50 f51 f52 f53 f54 f55 f56 f57 f58 f59
        f60 f61 f62 f63 f64_ f65 f66 f67 f68 f69 f70 f71 f72 f73 f74 f75 f76 f77 f78 f79
        f80 f81 f82 f83 f84 f85 f86 f87 f88 f89 f90 f91 f92 f93 f94 f95 f96 f97 f98 f99
    }

    #[test]
    fn a_struct_may_have_a_hundred_fields() {
        let gpu = Many { f99: vec![1], ..Many::default() }.upload(&Device::host()).unwrap();
        assert_eq!((Many::BUFFERS.len(), gpu.lengths().f99, gpu.lengths().f00), (100, 1, 0));
    }
}
