//! A crate without a prelude, and with names of its own for whatever generated code might have named without a path.
#![no_implicit_prelude]
#![deny(warnings, missing_docs, unsafe_code)]
#![allow(
    dead_code,
    non_camel_case_types,
    clippy::upper_case_acronyms,
    reason = "the names are there to be in the way"
)]

macro_rules! shadow {
    ($($name:ident)*) => { $(
        /// In the way.
        #[::std::prelude::v1::derive(::std::prelude::v1::Default)]
        pub struct $name;
    )* };
}
shadow! {
    Option Some None Result Ok Err Vec Box String Default Clone Copy Debug PartialEq Eq Hash Into From Deref Send Sync Sized Drop Fn Iterator ToOwned AsRef ToString
        u8 u16 u32 u64 usize i32 f32 f64 bool str char Backend Host Device Buffer BufferSpec Element Async Blocking Download DownloadGuard
        SetStats PhantomData Formatter Kernel KernelSet Launch Length ParamOrigin Source Value Entry B PlainData __PlainData Set Manager Self_ RawBuffer GpuBuffers_
}

/// In the way.
pub mod core {}
/// In the way.
pub mod std {}
/// In the way.
pub mod alloc {}
/// In the way.
pub mod gpumem {}

/// All kinds of fields.
#[::std::prelude::v1::derive(::gpumem::GpuBuffers)]
pub struct Strict {
    /// Async.
    #[buffer(growth = 1.5, max = "4KiB", min = 16, async)]
    pub first: ::std::vec::Vec<::std::primitive::u32>,
    /// Blocking.
    pub second: ::std::vec::Vec<[::std::primitive::f32; 2]>,
    /// On the host, of a type of this crate.
    #[buffer(skip)]
    pub host: Option,
    /// Named like the parameter that would be added.
    #[buffer(skip)]
    pub b: B,
}

/// A parameter of a name that is taken, and one that is not.
#[::std::prelude::v1::derive(::gpumem::GpuBuffers)]
pub struct Generic<T: ::std::marker::Copy, const N: ::std::primitive::usize> {
    /// The parameter.
    #[buffer(async)]
    pub of: ::std::vec::Vec<T>,
    /// More of it.
    #[buffer(skip)]
    pub host: [T; N],
}

/// Kernels, with all of these names in scope.
#[::gpumem::kernels]
pub mod kernels {
    use super::*;

    /// In the way, if it is not that of the generated code.
    pub const K: B = B;

    /// Moves.
    #[requires(positions.len() == velocities.len() && step[1] > 0.0)]
    pub fn advance(
        positions: &mut [::std::primitive::f32],
        velocities: &[::std::primitive::f32],
        step: [::std::primitive::f32; 2],
        is_first: ::std::primitive::bool,
    ) {
        if is_first {
            positions[0] = velocities[0] * step[0];
        }
    }
}

/// Uses the generated items.
///
/// # Errors
///
/// None that are expected.
pub fn run() -> ::gpumem::Result<()> {
    use ::gpumem::GpuBuffers as _;

    let device = ::gpumem::Device::host();
    let mut positions = ::gpumem::Buffer::from_slice(&device, "positions", &[1.0])?;
    let velocities = ::gpumem::Buffer::from_slice(&device, "velocities", &[1.0])?;
    let kernels = kernels::Kernels::load(&device)?;
    kernels.advance(::gpumem::Launch::over(1), &mut positions, &velocities, [1.0, 2.0], true)?;
    let strict = Strict { first: ::std::vec![1, 2], second: ::std::vec![[0.5; 2]], host: Option, b: B };
    let gpu = strict.upload(&::gpumem::Device::host())?;
    ::std::mem::drop(gpu.start_download()?.wait()?);
    let Strict { host: Option, .. } = gpu.download()?;
    gpu.close()
}
