//! The derive macro of `gpumem`.
//!
//! Depend on `gpumem`, which re-exports it: what is generated calls the runtime of the same version.

mod attrs;
mod check;
mod expand;
mod model;
mod nearest;
mod parse;
mod sink;
mod size;
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
/// | `GraphDownload<B>`, `GraphFrame<B>` | a download of all `async` fields under way, and arrived; only where there is such a field |
///
/// The manager has, for a field `positions`, the accessors `positions()` and `positions_mut()`, and for the whole set `new`,
/// `with_capacity`, `split_mut`, `lens`, `capacities`, `reserve`, `resize`, `clear`, `shrink_to_fit`, `upload_from`, `download`,
/// `download_into`, `start_download`, `stats`, `device`, `check_leaks` and `close`. A buffer cannot have one of these names.
///
/// # Fields
///
/// A field is a `Vec<T>`, by whatever path `Vec` is named, but not by an alias, through which a derive cannot see. `T` is plain data:
/// numbers, arrays of them, structs that derive `bytemuck::Pod`, parameters of the struct. Where a parameter is an element, the
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
/// Fields that `#[cfg(…)]` removes are not there for the derive either. Doc comments and `#[deprecated]` are carried over to the accessors.
///
/// # Keys of a field: `#[buffer(…)]`
///
/// Keys are separated by commas and may be spread over several attributes; each is given once. All are optional.
///
/// ## `growth = FACTOR`
///
/// How many times larger a full buffer is made: a number greater than 1 and at most 8. Without it, 1.5.
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
/// The limit of the buffer in bytes of device memory; without it there is none but the device's. A size is a number and a unit in quotes
/// (`B`; `KB`, `MB`, `GB`, `TB` in powers of 1000; `KiB`, `MiB`, `GiB`, `TiB` in powers of 1024), or a whole number of bytes without
/// quotes. It comes to whole bytes, and there is room for at least one element.
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
/// The buffer has downloads that run while other work goes on, its own `start_download` and a part in that of the set. Its type is
/// `Buffer<T, B, Async>`; that of the others is `Buffer<T, B>`.
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
/// ## `skip`
///
/// The field stays on the host, and may have any type. `download` fills it with its default, which is asked for where `download` is
/// called; `download_into` and `upload_from` leave it alone. It takes no other key beside it.
///
/// ```
/// # use gpumem::{Device, GpuBuffers};
/// #[derive(GpuBuffers)]
/// struct Graph {
///     positions: Vec<[f32; 2]>,
///     #[buffer(skip)]
///     title: String,
/// }
///
/// let graph = Graph { positions: Vec::new(), title: "a graph".to_owned() };
/// let gpu = graph.upload(&Device::host())?;
/// assert_eq!(gpu.download()?.title, "");
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// # Keys of the struct: `#[buffers(…)]`
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
    let input: syn::DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut sink = sink::Sink::default();
    let mut model = model::Model::read(&input, &mut sink);
    check::check(&mut model, &mut sink);
    // The manager is written whatever was wrong, so that what uses it is not wrong as well.
    let mut output = expand::expand(&model);
    output.extend(sink.into_tokens());
    output
}
