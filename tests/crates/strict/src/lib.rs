//! Every lint of rustc and clippy that a careful crate might turn on.
#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    unused_lifetimes,
    unused_results,
    unused_import_braces,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    let_underscore_drop,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    redundant_lifetimes,
    meta_variable_misuse,
    non_ascii_idents,
    future_incompatible,
    keyword_idents,
    nonstandard_style,
    rust_2024_compatibility,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]

use gpumem::{Device, GpuBuffers};

/// An element.
#[repr(C)]
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Vertex {
    /// Where it is.
    pub position: [f32; 3],
    /// What it looks like.
    pub color: [u8; 4],
}

/// Everything public.
#[derive(Debug, Default, GpuBuffers)]
pub struct Public<T: Copy, const N: usize> {
    /// Async.
    #[buffer(growth = 1.3, max = "512MiB", min = "1KiB", async)]
    pub vertices: Vec<Vertex>,
    /// A parameter.
    #[buffer(async)]
    pub indices: Vec<T>,
    /// Without attributes.
    pub counts: Vec<u64>,
    /// An array of a constant length.
    #[buffer(max = "1MiB")]
    pub rows: Vec<[f32; 4]>,
    /// A field that is not used any more.
    #[deprecated = "use `rows`"]
    pub old_rows: Vec<[f32; 4]>,
    /// On the host.
    #[buffer(skip)]
    pub title: String,
    /// More of the parameter.
    #[buffer(skip)]
    pub others: [Option<T>; 1],
    /// The constant.
    #[buffer(skip)]
    pub marker: std::marker::PhantomData<[(); N]>,
}

/// Not a buffer in it.
#[derive(Debug, Default, GpuBuffers)]
pub struct Empty {}

mod private {
    /// Of which most is not used.
    #[derive(Debug, gpumem::GpuBuffers)]
    #[allow(clippy::redundant_pub_crate, reason = "`unreachable_pub` wants what this does not")]
    pub(super) struct Inner {
        #[buffer(async)]
        pub(super) secrets: Vec<u8>,
        others: Vec<u8>,
    }

    impl Inner {
        pub(super) const fn new(secrets: Vec<u8>) -> Self {
            Self { secrets, others: Vec::new() }
        }
    }

    #[allow(clippy::redundant_pub_crate, reason = "`unreachable_pub` wants what this does not")]
    pub(crate) mod deeper {
        /// Seen from above only.
        #[derive(Debug, Default, gpumem::GpuBuffers)]
        pub(in crate::private) struct Deep {
            pub(in crate::private) numbers: Vec<i16>,
        }
    }

    #[allow(clippy::redundant_pub_crate, reason = "`unreachable_pub` wants what this does not")]
    pub(super) fn deep() -> usize {
        deeper::Deep::default().numbers.len()
    }
}

/// Kernels for the host: a crate that forbids unsafe code can have these.
#[gpumem::kernels]
pub mod kernels {
    use super::Vertex;

    /// A value.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Step {
        /// A part of it.
        pub dt: f32,
        /// With the name of a parameter.
        pub vertices: u32,
    }

    /// Moves each vertex.
    #[requires(step.vertices > 0)]
    #[requires(!vertices.is_empty() && step.dt > 0.0)]
    pub fn advance(vertices: &mut [Vertex], _unused: &[f32], step: Step) {
        for vertex in vertices {
            vertex.position[0] += step.dt;
        }
    }

    /// More parameters than a function should have.
    #[allow(
        clippy::too_many_arguments,
        clippy::missing_const_for_fn,
        reason = "the PTX has as many, and no constants"
    )]
    pub fn many(_a: &mut [u8], _b: &[u8], _c: u8, _d: u8, _e: u8, _f: u8, _g: f32, _h: f64) {}

    /// Not there.
    #[cfg(any())]
    pub fn gone(nothing: &[NoSuchType]) {}
}

mod private_kernels {
    #[gpumem::kernels]
    #[allow(clippy::redundant_pub_crate, reason = "`unreachable_pub` wants what this does not")]
    pub(super) mod inner {
        /// Of which one is not launched.
        pub(crate) fn launched(elements: &mut [u32]) {
            elements.fill(0);
        }
    }
}

/// Uses the generated items.
///
/// # Errors
///
/// None that are expected.
pub fn run() -> gpumem::Result<usize> {
    let device = Device::host();
    let gpu = private::Inner::new(vec![1, 2]).upload(&device)?;
    let arrived = gpu.secrets().start_download()?.wait()?.len();
    let kernels = private_kernels::inner::Kernels::load(&device)?;
    kernels.launched(gpumem::Launch::over(1), &mut gpumem::Buffer::zeroed(&device, "one", 1)?)?;
    let public: PublicBuffers<u16, 3> = PublicBuffers::new(&device)?;
    public.close()?;
    Ok(arrived + private::deep())
}
