//! The macros of `gpumem`: the derive of managers, and typed kernels.
//!
//! Depend on `gpumem`, which re-exports it: the generated code calls the runtime of the same version.

mod check;
mod expand;
mod kernels;
mod model;
mod nearest;
mod own_type;
mod parse;
mod ptx;
mod sink;
mod size;
#[cfg(test)]
mod snapshots;
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
/// # Generated items
///
/// For `struct Graph`, the derive generates these items. They have the visibility and the type parameters of
/// the struct, and documentation that includes the documentation of the fields. An accessor of a buffer, and
/// a field for it in one of these structs, has the visibility of the buffer's field: a private field stays
/// private.
///
/// | item | description |
/// | --- | --- |
/// | `impl GpuBuffers for Graph` | `upload`, the type of the manager, and the buffers as constants |
/// | `GraphBuffers<B = Host>` | the manager: one `Buffer` per field, on the backend `B` |
/// | `impl BufferSet<B>`, `impl AnySet for GraphBuffers<B>` | for code that does not know the struct |
/// | `GraphLengths` | one `usize` per field: lengths or capacities of the whole set; `GraphLengths::all(n)` |
/// | `GraphBuffersMut<'a, B>` | mutable borrows of all buffers at once, returned by `split_mut` |
/// | `GraphDownload<B>`, `GraphFrame<B>` | a download of all `async` fields at one point of the stream: the ticket (a `gpumem::Ticket`) and the downloaded elements, one guard per field; only if a field is `async` |
///
/// For a field `positions`, the manager has the accessors `positions()` and `positions_mut()`. For the whole
/// set it has `new`, `with_capacity`, `split_mut`, `lengths`, `capacities`, `reserve`, `reserve_to`,
/// `resize`, `truncate`,
/// `swap_remove`, `clear`, `shrink_to_fit`, `upload_from`, `extend_from`, `copy_from`, `download`,
/// `download_into`, `start_download`, `start_download_when_free`, `frame_queue`, `stats`, `device`,
/// `check_leaks` and `close`. A buffer cannot have one of
/// these names; the key `name` gives it another. Names that begin with `__` belong to the generated code: a
/// constant or a static with such a name, beside the struct, can conflict with it.
///
/// ```
/// # use gpumem::{Device, GpuBuffers};
/// #[derive(GpuBuffers, Default)]
/// struct Particles {
///     #[buffer(async)]
///     positions: Vec<[f32; 3]>,
///     ages: Vec<u32>,
/// }
///
/// let device = Device::host();
/// let mut gpu = ParticlesBuffers::with_capacity(&device, ParticlesLengths::all(1_000))?;
/// gpu.extend_from(&Particles { positions: vec![[0.0; 3], [1.0; 3], [2.0; 3]], ages: vec![3, 2, 1] })?;
/// gpu.swap_remove(0)?; // the last particle takes its place
/// assert_eq!(gpu.ages().download()?, [1, 2]);
/// assert_eq!(gpu.lengths(), ParticlesLengths::all(2));
///
/// let mut before = ParticlesBuffers::new(&device)?;
/// before.copy_from(&gpu)?; // on the device
/// gpu.truncate(ParticlesLengths::all(1));
/// let ParticlesFrame { positions, .. } = before.start_download()?.wait()?; // a guard by itself
/// assert_eq!(positions, [[2.0; 3], [1.0; 3]]);
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// # Fields
///
/// A field is a `Vec<T>`. Any path can name `Vec`, but an alias cannot: a derive does not see its definition.
/// `T` is plain data (`bytemuck::Pod`) with a size: numbers, arrays of them, structs that derive
/// `bytemuck::Pod`, `Option<NonZeroU32>`, parameters of the struct. If a parameter is an element, the
/// generated items have the bound that it needs; the struct itself needs no bound.
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
/// The derive does not see fields that `#[cfg(…)]` removes. It copies doc comments and `#[deprecated]` of a
/// field to the accessors, and `#[deprecated]` of the struct to the manager. The generated code repeats the
/// types of the fields, so each `#[allow(…)]` and `#[expect(…)]` of the struct and of a field applies to it
/// as well.
///
/// # Attributes
///
/// `#[buffer(…)]` on a field has the settings of its buffer. `#[buffers(…)]` on the struct has settings for
/// all of them. Commas separate the keys, which can be spread over several attributes. Each key is given
/// once, and all keys are optional.
///
/// | key | on a field | on the struct | without it |
/// | --- | --- | --- | --- |
/// | [`growth = FACTOR`](#growth--factor) | growth of a full buffer | the default of its fields | 1.5 |
/// | [`max = SIZE`](#max--size) | the most bytes of the buffer | the default of its fields | no limit but the device's |
/// | [`min = SIZE`](#min--size) | bytes that the buffer always has | the default of its fields | 0 |
/// | [`async`](#async), [`async(…)`](#asyncslots--n-snapshot) | downloads that do not block | the default of its fields | blocking downloads |
/// | [`stable`](#stable) | the address on the device stays the same | the default of its fields | it can change when the buffer grows |
/// | [`preset = "…"`](#preset--) | `growth`, `max` and `async` under one name | – | |
/// | [`config = PATH`](#config--path) | a constant with all settings | – | |
/// | [`name = "…"`](#name--) | the name of the accessors and in reports | the name of the manager | the field's; `GraphBuffers` |
/// | [`skip`, `skip(default)`](#skip-and-skipdefault) | the field stays on the host | – | it is a buffer |
/// | [`lengths = "…"`](#lengths--) | – | the name of the struct of lengths | `GraphLengths` |
/// | [`label = "…"`](#label--) | – | the set's name in reports | the struct's name |
/// | [`limit = SIZE`](#limit--size) | – | the most bytes of all buffers together | no limit but the device's |
/// | [`crate = PATH`](#crate--path) | – | the path of `gpumem` | `::gpumem` |
///
/// The keys of a field override its `preset` or `config`, and these override the defaults of the struct. The
/// struct's defaults do not apply to a field with a `config`: the constant has every setting.
///
/// A size is a number and a unit in quotes (`B`; `KB`, `MB`, `GB`, `TB` in powers of 1000; `KiB`, `MiB`,
/// `GiB`, `TiB` in powers of 1024), or a whole number of bytes without quotes. The result must be a whole
/// number of bytes.
///
/// The compiler reports all mistakes of a struct in one build. The derive generates the manager in spite of
/// them, so that code that uses the manager has no further errors.
///
/// ## `growth = FACTOR`
///
/// The factor by which the capacity of a full buffer grows: a number greater than 1 and at most 8.
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
/// The limit of the buffer in bytes of device memory. It must have room for at least one element.
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
/// The number of bytes that the buffer has from the start, and never gives back. It is at most `max`.
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
/// The buffer has downloads that run in parallel with other work. It has a `start_download` of its own, and
/// takes part in the `start_download` of the set. Its type is `Buffer<T, B, Async>`; the type of other
/// buffers is `Buffer<T, B>`.
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
/// A ticket is a `Future`. In a task, `gpu.start_download()?.await?` returns a frame of all `async` fields,
/// and `gpu.positions().start_download()?.await?` returns a guard of one. A selection names some of the
/// fields, or ranges of them: `device.start_downloads((gpu.positions(), gpu.velocities().view(..100)?))?`.
///
/// A queue of frames is for a loop that reads one frame while the next one comes down:
///
/// ```
/// # use gpumem::{Device, GpuBuffers};
/// # #[derive(GpuBuffers)]
/// # struct Graph {
/// #     #[buffer(async)]
/// #     positions: Vec<[f32; 2]>,
/// # }
/// # let mut gpu = Graph { positions: vec![[1.0, 2.0]] }.upload(&Device::host())?;
/// # let mut drawn = 0;
/// # let mut draw = |frame: &GraphFrame| drawn += frame.positions().len();
/// let mut frames = gpu.frame_queue();
/// for step in 0..10 {
///     gpu.positions_mut().fill([step as f32, 0.0])?; // or a kernel
///     if let Some(frame) = frames.push(gpu.start_download()?)? { draw(&frame) }
/// }
/// for frame in frames.drain() { draw(&frame?) }
/// # assert_eq!(drawn, 10);
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// `async = false` overrides the struct and the preset. `async = true` is the same as `async`, for macros
/// that pass the value on.
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
/// `slots`, from 1 to 64, is the number of downloads that can be in flight or unread at a time. The default
/// is 2. Each of them has pinned memory of the size of the download. With `snapshot`, a download first copies
/// the elements on the device. A later write to the buffer then waits for that copy, and not for the copy
/// over the bus. It costs device memory of the size of the buffer for each slot in use. The options belong to
/// the `async` that they stand in: a field with its own `async` takes none of the struct's options.
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
/// The buffer's address on the device never changes while the buffer grows, up to its `max`, or up to the
/// device's memory if it has none. A pointer to the buffer, such as one that a kernel keeps in another
/// buffer, stays valid. A stable buffer grows at its end and copies nothing. It takes a segment of virtual
/// memory from its first byte on, which is more than a small buffer needs. A buffer that is not stable starts
/// in memory that it shares with other buffers, moves once, at about 1 MiB, and then grows in place.
///
/// On a device without virtual memory, a stable buffer needs a `max`, and allocates all of it at once.
/// Without a `max`, creating the buffer is an error.
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
/// `stable = false` overrides the struct and the constant. `stable = true` is the same as `stable`, for
/// macros that pass the value on.
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
/// Settings for data that many programs have. Keys beside `preset` override them.
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
/// The settings of a constant of type `BufferSpec`, with the name of the field. Keys beside `config` override
/// them. The type of a buffer depends on whether it is async, and a constant cannot change that type: write
/// `async` beside a constant that is `asynchronous`, and leave it out beside any other. The compiler checks
/// this.
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
/// resolves a collision with a method of the manager.
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
/// assert_eq!(gpu.lengths().statistics, 1);
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// ## `skip` and `skip(default)`
///
/// The field stays on the host and can have any type. The type of the last field may be unsized, such as
/// `[u8]`. `download` fills the field with its default; `download_into` and `upload_from` do not touch it.
/// With `skip`, the program needs the default only if it calls `download`: then a type without one is an
/// error at the call. With `skip(default)`, it is an error at the field. Neither takes another key beside it.
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
/// `growth`, `max`, `min`, `async` and `stable` on the struct apply to every field that has no setting of its
/// own.
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
/// ## `lengths = "…"`
///
/// The name of the struct with one number per buffer.
///
/// ```
/// # use gpumem::{Device, GpuBuffers};
/// #[derive(GpuBuffers)]
/// #[buffers(lengths = "Counts")]
/// struct Graph {
///     edges: Vec<[u32; 2]>,
/// }
///
/// let gpu = GraphBuffers::with_capacity(&Device::host(), Counts { edges: 10 })?;
/// assert_eq!(gpu.lengths(), Counts { edges: 0 });
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
/// The limit of the bytes of all buffers of a set together, in addition to the `max` of each.
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
/// gpu.resize(GraphLengths { positions: 64, edges: 64 })?;
/// assert!(matches!(gpu.edges_mut().resize(65), Err(Error::SetLimit { .. })));
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// ## `crate = PATH`
///
/// The path of the crate `gpumem`, if it is not `::gpumem`: for a renamed crate, or one that another crate
/// re-exports.
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

#[doc = include_str!("../pages/kernels.md")]
#[proc_macro_attribute]
pub fn kernels(options: proc_macro::TokenStream, module: proc_macro::TokenStream) -> proc_macro::TokenStream {
    kernels::kernels(options.into(), module.into(), &kernels::folder_of).into()
}

/// The derive on tokens of `proc_macro2`, which tests can construct.
fn derive(input: TokenStream) -> TokenStream {
    let mut input: syn::DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    own_type::replace_self(&mut input);
    let mut sink = sink::Sink::default();
    let mut model = model::Model::read(&input, &mut sink);
    check::check(&mut model, &mut sink);
    // After a mistake the manager is there too, so that the code that uses it has no further errors.
    let mut output = expand::expand(&model);
    output.extend(sink.into_tokens());
    output
}
