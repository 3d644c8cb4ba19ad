//! Structs that are deprecated, or of deprecated parts. Generated code warns of none of it: the user's own tokens do, and what
//! the user allows them holds for their copies.
#![deny(warnings, missing_docs, clippy::pedantic, clippy::nursery)]

use gpumem::{Device, GpuBuffers};

/// What must not be used is not used: nothing here may be allowed.
pub mod forbidden {
    #![forbid(deprecated)]

    use gpumem::GpuBuffers;

    /// Deprecated as a whole, without and with parameters.
    #[derive(GpuBuffers)]
    #[deprecated = "there is another"]
    pub struct Whole {
        /// Some.
        #[buffer(async)]
        pub some: Vec<u32>,
        /// On the host.
        #[buffer(skip)]
        pub title: Option<String>,
    }

    /// See above.
    #[deprecated]
    #[derive(GpuBuffers)]
    pub struct Generic<'a, T: Copy, const N: usize> {
        /// Some.
        #[buffer(async)]
        pub some: Vec<[T; N]>,
        /// On the host.
        #[buffer(skip)]
        pub title: &'a str,
    }

    /// Deprecated in part: what is left of it comes and goes without a word.
    #[derive(GpuBuffers, Default)]
    pub struct Aging {
        /// The old way.
        #[deprecated(note = "use `fresh`")]
        #[buffer(async)]
        pub old: Vec<u8>,
        /// The new way.
        pub fresh: Vec<u8>,
        /// On the host.
        #[deprecated]
        #[buffer(skip)]
        pub host: u8,
        /// On the host.
        #[deprecated]
        #[buffer(skip(default))]
        pub other: u8,
    }
}

/// An element that should not be used any more.
#[deprecated]
#[allow(deprecated, reason = "its own derives name it")]
pub mod past {
    /// See above.
    #[repr(C)]
    #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Old {
        value: u32,
    }

    /// See above.
    pub const SPEC: gpumem::BufferSpec = gpumem::BufferSpec::new("old");
}

/// Allowed for the whole struct.
#[allow(deprecated, reason = "until the files of last year are gone")]
#[derive(GpuBuffers)]
pub struct Allowed {
    /// Old.
    #[buffer(async, max = "1KiB")]
    pub old: Vec<past::Old>,
    /// Old settings.
    #[buffer(config = past::SPEC)]
    pub fresh: Vec<u8>,
    /// On the host.
    #[buffer(skip)]
    pub host: Option<past::Old>,
}

/// Allowed, and expected, at the fields.
#[derive(GpuBuffers)]
pub struct Expected {
    /// Old.
    #[expect(deprecated)]
    pub old: Vec<past::Old>,
    /// On the host.
    #[allow(deprecated)]
    #[buffer(skip)]
    pub host: Option<past::Old>,
}

/// Kernels that are deprecated, and kernels of what is.
#[gpumem::kernels]
pub mod kernels {
    /// The old way.
    #[deprecated = "use `fresh`"]
    pub fn old(elements: &mut [u8]) {
        elements.fill(0);
    }

    /// The new way.
    pub fn fresh(elements: &mut [u8]) {
        elements.fill(1);
    }

    /// Of an element that should not be used any more.
    #[allow(deprecated, reason = "until the files of last year are gone")]
    pub fn allowed(elements: &mut [super::past::Old], value: super::past::Old) {
        elements.fill(value);
    }

    /// See above.
    #[expect(deprecated)]
    pub fn expected(elements: &mut [super::past::Old]) {
        elements.fill(elements[0]);
    }
}

/// Uses what is deprecated.
///
/// # Errors
///
/// None that are expected.
pub fn run() -> gpumem::Result<()> {
    let device = Device::host();
    #[expect(deprecated, reason = "the manager is deprecated as the struct is")]
    forbidden::WholeBuffers::new(&device)?.close()?;
    let aging = forbidden::Aging::default().upload(&device)?;
    #[expect(deprecated, reason = "the accessor is deprecated as the field is")]
    let _: &[u8] = &aging.old().download()?;
    let kernels = kernels::Kernels::load(&device)?;
    let mut buffer = gpumem::Buffer::zeroed(&device, "buffer", 1)?;
    kernels.fresh(gpumem::Launch::over(1), &mut buffer)?;
    #[expect(deprecated, reason = "the method is deprecated as the function is")]
    kernels.old(gpumem::Launch::over(1), &mut buffer)?;
    aging.close()
}
