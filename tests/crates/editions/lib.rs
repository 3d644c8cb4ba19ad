//! One source, built in every edition.
#![deny(warnings, missing_docs, rust_2018_idioms)]

use gpumem::{Device, GpuBuffers, Result};

/// What can be a field.
#[derive(GpuBuffers, Default)]
pub struct Mesh<T: Copy = u32, const N: usize = 4>
where
    T: 'static,
{
    /// Async, with everything said.
    #[buffer(growth = 1.3, max = "512MiB", min = "1KiB", async)]
    pub positions: Vec<[f32; 3]>,
    /// A parameter.
    pub indices: std::vec::Vec<T>,
    /// A keyword in some editions.
    pub r#dyn: Vec<[u8; 4]>,
    /// Another.
    #[buffer(async)]
    pub r#async: Vec<f64>,
    /// Not there.
    #[cfg(any())]
    pub gone: Vec<NoSuchType>,
    /// On the host.
    #[buffer(skip)]
    pub on_host: Option<[T; N]>,
}

/// Borrows from the host.
#[derive(GpuBuffers, Default)]
pub(crate) struct Named<'name> {
    pub(crate) numbers: Vec<u64>,
    #[buffer(skip)]
    pub(crate) name: &'name str,
}

/// Kernels, on parameters that are keywords in some editions.
#[gpumem::kernels]
pub mod kernels {
    /// Adds.
    #[requires(r#async.len() == r#dyn.len())]
    pub fn r#try(r#async: &mut [f64], r#dyn: &[[u8; 4]], mut r#gen: f64) {
        r#gen += 1.0;
        for (sum, term) in r#async.iter_mut().zip(r#dyn) {
            *sum += f64::from(term[0]) + r#gen;
        }
    }
}

/// Kernels of a card.
#[gpumem::kernels(unsafe(ptx = "../../src/kernels.ptx"), slices = "pointer, length")]
pub mod of_a_card {
    /// Adds 1.
    pub fn add_one(elements: &mut [super::Element]);
}

/// An element whose size the compiler alone knows.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub struct Element(u32);

/// Uses the generated items.
pub fn run() -> Result<usize> {
    let device = Device::host();
    let mesh: Mesh = Mesh::default();
    let mut gpu = mesh.upload(&device)?;
    gpu.resize(MeshLengths { positions: 3, indices: 3, r#dyn: 1, r#async: 2 })?;
    let all = gpu.split_mut();
    all.r#async.fill(1.0)?;
    let kernels = kernels::Kernels::load(&device)?;
    kernels.r#try(gpumem::Launch::over(2), all.r#async, &*all.r#dyn, 1.0)?;
    let arrived = gpu.start_download()?.wait()?.r#async().len();
    gpu.close()?;
    let named = Named { numbers: vec![1], name: "a name" };
    let back = named.upload(&device)?.download()?;
    Ok(arrived + back.numbers.len() + back.name.len())
}
