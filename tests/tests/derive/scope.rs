//! Structs in a scope where names that generated code uses are items of the user.

#![allow(unreachable_pub, dead_code, private_bounds, reason = "a test has no outside")]
#![allow(
    non_upper_case_globals,
    non_camel_case_types,
    non_snake_case,
    unused_imports,
    reason = "they are in the way"
)]

use gpumem::{Device, GpuBuffers};

/// Constants, statics, a unit struct and a trait with the names of parameters, locals, fields and a trait of
/// the output.
mod taken {
    pub(super) const set: usize = 3;
    pub(super) const made: usize = 3;
    pub(super) const data: usize = 3;
    pub(super) const buffers: usize = 3;
    pub(super) const device: usize = 3;
    pub(super) static capacity: usize = 3;
    pub(super) static additional: usize = 3;
    pub(super) static lengths: usize = 3;
    pub(super) const parts: usize = 3;
    pub(super) const f: usize = 3;
    pub(super) const positions: usize = 3;
    pub(super) struct velocities;
    pub(super) trait AnyThread {}
    impl<T> AnyThread for T {}
}
use taken::*;

/// Fields with these names, and a bound by the trait.
#[derive(GpuBuffers, Default)]
#[buffers(limit = "1GiB")]
pub struct Crowded<T: AnyThread> {
    /// See above.
    pub set: Vec<u32>,
    /// See above.
    #[buffer(async)]
    pub positions: Vec<[f32; 2]>,
    /// See above.
    pub velocities: Vec<T>,
    /// See above.
    pub parts: Vec<[u32; parts]>,
    /// See above.
    #[buffer(skip)]
    pub f: u8,
}

/// A parameter with the name of the trait.
#[derive(GpuBuffers)]
pub struct Threads<AnyThread> {
    /// See above.
    pub threads: Vec<AnyThread>,
}

/// A field with the name of a constant parameter.
#[derive(GpuBuffers)]
pub struct Rows<const N: usize> {
    /// See above.
    pub N: Vec<[u32; 4]>,
    /// See above.
    #[buffer(skip)]
    pub rest: [u8; N],
}

/// Kernels beside these names, and beside those of what their module has.
#[gpumem::kernels]
mod kernels {
    use super::taken::*;

    pub(super) const launch: usize = 3;
    pub(super) const source: usize = 3;
    pub(super) const text: usize = 3;
    pub(super) const holds: usize = 3;
    pub(super) const number: usize = 3;
    pub(super) static unit: usize = 3;
    pub(super) struct N;
    pub(super) struct B(pub(super) u32);
    pub(super) trait KernelBackend {}
    pub(super) mod core {}
    pub(super) mod gpumem {}

    #[requires(elements.len() == set + data - parts && factor > 0 && launch == unit)]
    pub(super) fn scale(elements: &mut [u32], factor: u32) {
        elements.iter_mut().for_each(|element| *element *= factor);
    }

    /// Like the parameter of the backend.
    pub(super) fn fill(elements: &mut [u32], value: [u32; number]) {
        elements.fill(value[0] + B(2).0);
    }
}

#[test]
fn no_name_in_scope_is_in_the_way_of_kernels() {
    let gpu_device = Device::host();
    let loaded = kernels::Kernels::load(&gpu_device).unwrap();
    let mut elements = gpumem::Buffer::from_slice(&gpu_device, "elements", &[1_u32, 2, 3]).unwrap();
    loaded.scale(gpumem::Launch::over(3), &mut elements, 2).unwrap();
    assert_eq!(elements.download().unwrap(), [2, 4, 6]);
    loaded.fill(gpumem::Launch::over(3), &mut elements, [1; kernels::number]).unwrap();
    assert_eq!(elements.download().unwrap(), [3; 3]);
}

#[test]
fn no_name_in_scope_is_in_the_way() {
    let gpu_device = Device::host();
    let crowded: Crowded<u16> = Crowded { set: vec![1, 2], velocities: vec![7], ..Crowded::default() };
    let mut gpu = crowded.upload(&gpu_device).unwrap();
    gpu.resize(CrowdedLengths { positions: 4, parts: 1, ..gpu.lengths() }).unwrap();
    assert_eq!(gpu.lengths(), CrowdedLengths { set: 2, positions: 4, velocities: 1, parts: 1 });
    gpu.reserve(CrowdedLengths { set: 10, ..CrowdedLengths::default() }).unwrap();
    assert!(gpu.capacities().set >= 12);
    assert_eq!(gpu.start_download().unwrap().wait().unwrap().positions().len(), 4);
    assert_eq!((gpu.download().unwrap().set, gpu.set().len()), (vec![1, 2], 2));
    assert!(format!("{gpu:?}").contains("velocities"));
    assert_eq!(
        Threads { threads: vec![1_u8] }.upload(&gpu_device).unwrap().lengths(),
        ThreadsLengths { threads: 1 }
    );
    let rows = Rows::<3> { N: vec![[1; 4]], rest: [0; 3] }.upload(&gpu_device).unwrap();
    assert_eq!((rows.N().len(), rows.lengths().N), (1, 1));
}
