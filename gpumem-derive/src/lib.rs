//! The derive macro of `gpumem`.
//!
//! Depend on `gpumem`, which re-exports it: what is generated calls the runtime of the same version.

mod check;
mod expand;
mod model;
mod nearest;
mod own_type;
mod parse;
mod sink;
mod size;
mod syntax;
mod text;

use proc_macro2::TokenStream;

/// Generates a manager of typed GPU buffers for a struct of `Vec`s.
///
/// ```
/// use gpumem::{Device, GpuBuffers};
///
/// /// A force-directed graph.
/// #[derive(GpuBuffers, Default)]
/// pub struct Graph {
///     /// Node positions in layout units.
///     #[buffer(growth = 1.3, max = "512MiB", async)]
///     pub positions: Vec<[f32; 2]>,
///     /// Edges as pairs of node indices.
///     pub edges: Vec<[u32; 2]>,
///     /// Stays on the host.
///     #[buffer(skip)]
///     pub title: String,
/// }
///
/// let graph = Graph { positions: vec![[0.0, 0.5]], ..Graph::default() };
/// let mut gpu = graph.upload(&Device::host())?; // GraphBuffers: the generated manager
/// gpu.positions_mut().resize(5_000)?;
/// let frame = gpu.start_download()?; // queued; more work can follow at once
/// assert_eq!(frame.wait()?.positions().len(), 5_000);
/// gpu.close()?;
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// # What is generated
///
/// For `struct Graph`, with its visibility, its type parameters, and documentation made of the fields' own:
///
/// | item | what it is |
/// | --- | --- |
/// | `impl GpuBuffers for Graph` | `upload`, the type of the manager, and the buffers as constants |
/// | `GraphBuffers<B = Host>` | the manager: a `Buffer` a field on the backend `B` |
/// | `GraphLens` | a `usize` a field: lengths or capacities of the whole set |
/// | `GraphBuffersMut<'a, B>` | all buffers borrowed mutably at once, made by `split_mut` |
/// | `GraphDownload<B>`, `GraphFrame<B>` | a download of all `async` fields at one point of the stream, under way (a `gpumem::Downloads`) and arrived; only where there is such a field |
///
/// The manager has, for a field `positions`, the accessors `positions()` and `positions_mut()`, and for the
/// whole set `new`, `with_capacity`, `split_mut`, `lens`, `capacities`, `reserve`, `resize`, `clear`,
/// `shrink_to_fit`, `upload_from`, `download`, `download_into`, `start_download`, `start_download_wait`,
/// `start_download_when_free`, `stats`, `device`, `check_leaks` and `close`. A buffer cannot have one of
/// these names; `name` gives it another. Names that begin with `__` are those of the generated code: a
/// constant or a static of such a name, beside the struct, may be in its way.
///
/// # Fields
///
/// A field is a `Vec<T>`, by whatever path `Vec` is named, but not by an alias, through which a derive cannot
/// see. `T` is plain data (`bytemuck::Pod`) with a size: numbers, arrays of them, structs that derive
/// `bytemuck::Pod`, `Option<NonZeroU32>`, parameters of the struct. Where a parameter is an element, the
/// generated items ask for it to be one; the struct itself need not.
///
/// ```
/// # use gpumem::{Device, GpuBuffers};
/// #[repr(C)]
/// #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
/// struct Vertex {
///     position: [f32; 3],
///     color: [u8; 4],
/// }
///
/// #[derive(GpuBuffers)]
/// struct Mesh<I> {
///     vertices: Vec<Vertex>,
///     indices: Vec<I>,
/// }
///
/// let mesh = Mesh { vertices: Vec::new(), indices: vec![0_u16, 1, 2] };
/// assert_eq!(mesh.upload(&Device::host())?.indices().len(), 3);
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// Fields that `#[cfg(…)]` removes are not there for the derive either. Doc comments and `#[deprecated]` are
/// carried over to the accessors, `#[deprecated]` of the struct to the manager. What `#[allow(…)]` or
/// `#[expect(…)]` on the struct or on a field permits, the generated code may do as well, since it repeats
/// the types of the fields.
///
/// # Attributes
///
/// A field says what its buffer is like in `#[buffer(…)]`, the struct what holds for all of them in
/// `#[buffers(…)]`. Keys are separated by commas and may be spread over several attributes; each is given
/// once. All are optional.
///
/// | key | of a field | of the struct | without it |
/// | --- | --- | --- | --- |
/// | [`growth = FACTOR`](#growth--factor) | how a full buffer grows | the default of its fields | 1.5 |
/// | [`max = SIZE`](#max--size) | the most bytes of the buffer | the default of its fields | no limit but the device's |
/// | [`min = SIZE`](#min--size) | bytes kept from the start | the default of its fields | 0 |
/// | [`async`](#async), [`async(…)`](#asyncslots--n-snapshot) | downloads that do not block | the default of its fields | blocking downloads |
/// | [`stable`](#stable) | the address on the device stays the same | the default of its fields | it may change when the buffer grows |
/// | [`preset = "…"`](#preset--) | growth, limit and mode under one name | – | |
/// | [`config = PATH`](#config--path) | a constant with all settings | – | |
/// | [`name = "…"`](#name--) | the name of accessors and in reports | the name of the manager | the field's; `GraphBuffers` |
/// | [`skip`, `skip(default)`](#skip-and-skipdefault) | the field stays on the host | – | it is a buffer |
/// | [`lens = "…"`](#lens--) | – | the name of the struct of lengths | `GraphLens` |
/// | [`label = "…"`](#label--) | – | the set's name in reports | the struct's name |
/// | [`limit = SIZE`](#limit--size) | – | the most bytes of all buffers together | no limit but the device's |
/// | [`crate = PATH`](#crate--path) | – | where `gpumem` is | `::gpumem` |
///
/// What a field says itself comes first, then what its `preset` or its `config` says, then what the struct
/// says. A field with a `config` takes nothing from the struct: the constant says everything.
///
/// A size is a number and a unit in quotes (`B`; `KB`, `MB`, `GB`, `TB` in powers of 1000; `KiB`, `MiB`,
/// `GiB`, `TiB` in powers of 1024), or a whole number of bytes without quotes. It comes to whole bytes.
///
/// All mistakes of a struct are reported at once, and the manager is generated as well as it can be whatever
/// they are.
///
/// ## `growth = FACTOR`
///
/// How many times larger a full buffer is made: a number greater than 1 and at most 8.
///
/// ```
/// # use gpumem::GpuBuffers;
/// #[derive(GpuBuffers)]
/// struct Graph {
///     #[buffer(growth = 2)]
///     edges: Vec<[u32; 2]>,
/// }
///
/// assert_eq!(Graph::BUFFERS[0].growth_factor(), 2.0);
/// ```
///
/// ## `max = SIZE`
///
/// The limit of the buffer in bytes of device memory. There is room for at least one element.
///
/// ```
/// # use gpumem::GpuBuffers;
/// #[derive(GpuBuffers)]
/// struct Graph {
///     #[buffer(max = "1.5 GiB")]
///     positions: Vec<[f32; 2]>,
///     #[buffer(max = 4096)]
///     edges: Vec<[u32; 2]>,
/// }
///
/// assert_eq!(Graph::BUFFERS[0].max_bytes(), Some(3 << 29));
/// assert_eq!(Graph::BUFFERS[1].max_bytes(), Some(4096));
/// ```
///
/// ## `min = SIZE`
///
/// The bytes that the buffer holds from the start and keeps; at most `max`.
///
/// ```
/// # use gpumem::{Device, GpuBuffers};
/// #[derive(GpuBuffers)]
/// struct Graph {
///     #[buffer(min = "1KiB")]
///     edges: Vec<[u32; 2]>,
/// }
///
/// let gpu = GraphBuffers::new(&Device::host())?;
/// assert_eq!(gpu.capacities().edges, 128);
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// ## `async`
///
/// The buffer has downloads that run while other work goes on, its own `start_download` and a part in that of
/// the set. Its type is `Buffer<T, B, Async>`; that of the others is `Buffer<T, B>`.
///
/// ```
/// # use gpumem::{Device, GpuBuffers};
/// #[derive(GpuBuffers)]
/// struct Graph {
///     #[buffer(async)]
///     positions: Vec<[f32; 2]>,
/// }
///
/// let mut gpu = Graph { positions: vec![[1.0, 2.0]] }.upload(&Device::host())?;
/// let before = gpu.positions().start_download()?;
/// gpu.positions_mut().fill([0.0, 0.0])?;
/// assert_eq!(*before.wait()?, [[1.0, 2.0]]);
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// A ticket is a `Future`: where there is an executor, `gpu.start_download()?.await?` gives a frame of all
/// `async` fields, and `gpu.positions().start_download()?.await?` a guard of one. A choice of fields, or
/// ranges of them, is a selection:
/// `device.start_downloads((gpu.positions(), gpu.velocities().part(..100)?))?`.
///
/// `async = false` switches off what the struct or a preset says; `async = true` is the same as `async`, for
/// macros that pass it on.
///
/// ```
/// # use gpumem::GpuBuffers;
/// #[derive(GpuBuffers)]
/// #[buffers(async)]
/// struct Graph {
///     positions: Vec<[f32; 2]>,
///     #[buffer(async = false)]
///     edges: Vec<[u32; 2]>,
/// }
///
/// assert!(Graph::BUFFERS[0].is_async() && !Graph::BUFFERS[1].is_async());
/// ```
///
/// ## `async(slots = N, snapshot)`
///
/// `slots`, from 1 to 64, is how many downloads can be under way or unread at a time; without it, 2. Each is
/// pinned memory as large as what is downloaded. With `snapshot`, a download first copies on the device, so
/// that what writes the buffer next waits for that copy and not for the bus; it costs device memory as large
/// as the buffer for each slot in use. The options belong to the `async` that they stand in: a field that
/// says `async` itself has none of the struct's.
///
/// ```
/// # use gpumem::{Device, Error, GpuBuffers};
/// #[derive(GpuBuffers)]
/// struct Graph {
///     #[buffer(async(slots = 3, snapshot))]
///     positions: Vec<[f32; 2]>,
/// }
///
/// let gpu = Graph { positions: vec![[1.0, 2.0]] }.upload(&Device::host())?;
/// let downloads: Result<Vec<_>, Error> = (0..3).map(|_| gpu.positions().start_download()).collect();
/// assert!(matches!(gpu.positions().start_download(), Err(Error::SlotsBusy { .. })));
/// # drop(downloads?);
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// ## `stable`
///
/// The buffer's address on the device never changes while it grows, up to its `max`, or up to the device's
/// memory where it has none: what holds the address, such as a pointer that a kernel keeps in another buffer,
/// need not be told of growth. A stable buffer grows behind what is there and copies nothing. It takes a
/// segment of virtual memory from its first byte on, which is more than a small buffer needs; one that is not
/// stable starts in memory that it shares with others, moves once, at about 1 MiB, and grows in place above
/// that.
///
/// On a device without virtual memory, a stable buffer needs a `max`, all of which is allocated at once;
/// without one, making the buffer is an error.
///
/// ```
/// # use gpumem::GpuBuffers;
/// #[derive(GpuBuffers)]
/// struct Graph {
///     #[buffer(stable, max = "1GiB")]
///     positions: Vec<[f32; 2]>,
///     edges: Vec<[u32; 2]>,
/// }
///
/// assert!(Graph::BUFFERS[0].is_stable() && !Graph::BUFFERS[1].is_stable());
/// ```
///
/// `stable = false` switches off what the struct or a constant says; `stable = true` is the same as `stable`,
/// for macros that pass it on.
///
/// ```
/// # use gpumem::GpuBuffers;
/// #[derive(GpuBuffers)]
/// #[buffers(stable, max = "1GiB")]
/// struct Graph {
///     positions: Vec<[f32; 2]>,
///     #[buffer(stable = false)]
///     edges: Vec<[u32; 2]>,
/// }
///
/// assert!(Graph::BUFFERS[0].is_stable() && !Graph::BUFFERS[1].is_stable());
/// ```
///
/// ## `preset = "…"`
///
/// What suits the data that many programs have. Keys beside it override it.
///
/// | preset | `growth` | `max` | `async` |
/// | --- | ---: | ---: | --- |
/// | `"positions"`, `"velocities"` | 1.3 | 512 MiB | yes |
/// | `"edges"` | 2.0 | 2 GiB | no |
/// | `"grid_cells"` | 1.5 | 256 MiB | no |
///
/// ```
/// # use gpumem::GpuBuffers;
/// #[derive(GpuBuffers)]
/// struct Graph {
///     #[buffer(preset = "positions")]
///     positions: Vec<[f32; 2]>,
///     #[buffer(preset = "edges", max = "8GiB")]
///     edges: Vec<[u32; 2]>,
/// }
///
/// let [positions, edges] = Graph::BUFFERS else { unreachable!() };
/// assert!(positions.is_async() && positions.max_bytes() == Some(512 << 20));
/// assert_eq!((edges.growth_factor(), edges.max_bytes()), (2.0, Some(8 << 30)));
/// ```
///
/// ## `config = PATH`
///
/// The settings of a constant of type `BufferSpec`, under the name of the field. Keys beside it override it.
/// Whether the buffer is async is part of its type, which a constant cannot choose: one that is
/// `asynchronous` has `async` beside it, any other has not, and the compiler checks that.
///
/// ```
/// # use gpumem::GpuBuffers;
/// use gpumem::BufferSpec;
///
/// const LARGE: BufferSpec = BufferSpec::new("large").growth(1.2).max(8 << 30).asynchronous();
///
/// #[derive(GpuBuffers)]
/// struct Graph {
///     #[buffer(config = LARGE, async, growth = 1.1)]
///     positions: Vec<[f32; 2]>,
/// }
///
/// let [positions] = Graph::BUFFERS else { unreachable!() };
/// assert_eq!((positions.name(), positions.growth_factor()), ("positions", 1.1));
/// assert_eq!(positions.max_bytes(), Some(8 << 30));
/// ```
///
/// ## `name = "…"`
///
/// On a field, the name of the buffer: of its accessors, in the struct of lengths, in frames, in reports. It
/// resolves what would collide with a method of the manager.
///
/// On the struct, the name of the manager.
///
/// ```
/// # use gpumem::{Device, GpuBuffers};
/// #[derive(GpuBuffers)]
/// #[buffers(name = "GpuGraph")]
/// struct Graph {
///     #[buffer(name = "statistics")]
///     stats: Vec<f32>,
/// }
///
/// let gpu: GpuGraph = Graph { stats: vec![0.5] }.upload(&Device::host())?;
/// assert_eq!(gpu.statistics().name(), "statistics");
/// assert_eq!(gpu.lens().statistics, 1);
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// ## `skip` and `skip(default)`
///
/// The field stays on the host, and may have any type; the last may be one without a size, such as `[u8]`.
/// `download` fills it with its default; `download_into` and `upload_from` leave it alone. With `skip`, the
/// default is asked for where `download` is called, so that a type without one is no mistake where nobody
/// does; with `skip(default)` it is asked for at the field. Neither takes another key beside it.
///
/// ```
/// # use gpumem::{Device, GpuBuffers};
/// #[derive(GpuBuffers)]
/// struct Graph {
///     positions: Vec<[f32; 2]>,
///     #[buffer(skip)]
///     title: String,
///     #[buffer(skip(default))]
///     zoom: f32,
/// }
///
/// let graph = Graph { positions: Vec::new(), title: "a graph".to_owned(), zoom: 2.0 };
/// let back = graph.upload(&Device::host())?.download()?;
/// assert_eq!((back.title.as_str(), back.zoom), ("", 0.0));
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// ## Defaults of the struct
///
/// `growth`, `max`, `min`, `async` and `stable` hold for every field that does not say otherwise.
///
/// ```
/// # use gpumem::GpuBuffers;
/// #[derive(GpuBuffers)]
/// #[buffers(growth = 2, max = "1GiB")]
/// struct Graph {
///     positions: Vec<[f32; 2]>,
///     #[buffer(max = "4GiB")]
///     edges: Vec<[u32; 2]>,
/// }
///
/// let [positions, edges] = Graph::BUFFERS else { unreachable!() };
/// assert_eq!((positions.growth_factor(), positions.max_bytes()), (2.0, Some(1 << 30)));
/// assert_eq!((edges.growth_factor(), edges.max_bytes()), (2.0, Some(4 << 30)));
/// ```
///
/// ## `lens = "…"`
///
/// The name of the struct that has a number for each buffer.
///
/// ```
/// # use gpumem::{Device, GpuBuffers};
/// #[derive(GpuBuffers)]
/// #[buffers(lens = "Counts")]
/// struct Graph {
///     edges: Vec<[u32; 2]>,
/// }
///
/// let gpu = GraphBuffers::with_capacity(&Device::host(), Counts { edges: 10 })?;
/// assert_eq!(gpu.lens(), Counts { edges: 0 });
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// ## `label = "…"`
///
/// The name of the set in statistics and leak reports.
///
/// ```
/// # use gpumem::{Device, GpuBuffers};
/// #[derive(GpuBuffers)]
/// #[buffers(label = "the graph on screen")]
/// struct Graph {
///     edges: Vec<[u32; 2]>,
/// }
///
/// assert_eq!(GraphBuffers::new(&Device::host())?.stats().label, "the graph on screen");
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// ## `limit = SIZE`
///
/// The most bytes that all buffers of a set have together, beside the `max` of each.
///
/// ```
/// # use gpumem::{Device, Error, GpuBuffers};
/// #[derive(GpuBuffers)]
/// #[buffers(limit = "1KiB")]
/// struct Graph {
///     positions: Vec<[f32; 2]>,
///     edges: Vec<[u32; 2]>,
/// }
///
/// let mut gpu = GraphBuffers::new(&Device::host())?;
/// gpu.resize(GraphLens { positions: 64, edges: 64 })?;
/// assert!(matches!(gpu.edges_mut().resize(65), Err(Error::SetLimit { .. })));
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// ## `crate = PATH`
///
/// Where the crate `gpumem` is, if not at `::gpumem`: renamed, or re-exported by another crate.
///
/// ```
/// mod engine {
///     pub use gpumem as memory;
/// }
///
/// #[derive(engine::memory::GpuBuffers)]
/// #[buffers(crate = engine::memory)]
/// struct Graph {
///     edges: Vec<[u32; 2]>,
/// }
/// # use engine::memory::GpuBuffers;
/// # assert_eq!(Graph::BUFFERS.len(), 1);
/// ```
#[proc_macro_derive(GpuBuffers, attributes(buffer, buffers))]
pub fn gpu_buffers(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive(input.into()).into()
}

/// The derive on the tokens of `proc_macro2`, which tests can make.
fn derive(input: TokenStream) -> TokenStream {
    let mut input: syn::DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    own_type::replace_self(&mut input);
    let mut sink = sink::Sink::default();
    let mut model = model::Model::read(&input, &mut sink);
    check::check(&mut model, &mut sink);
    // The manager is written whatever was wrong, so that what uses it is not wrong as well.
    let mut output = expand::expand(&model);
    output.extend(sink.into_tokens());
    output
}
