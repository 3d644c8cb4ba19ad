use gpumem::GpuBuffers;
use std::marker::PhantomData;

const NONE: usize = 0;
type Nothing = [f32; NONE];

#[derive(GpuBuffers)]
struct Graph<T> {
    plain: Vec<[u32; 0]>,
    nested: Vec<[[T; 0]; 4]>,
    by_constant: Vec<[u32; NONE]>,
    by_alias: Vec<Nothing>,
    of_a_type: Vec<PhantomData<u32>>,
    rest: Vec<T>,
}

fn main() {}
