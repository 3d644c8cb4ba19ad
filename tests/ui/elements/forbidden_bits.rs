use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    fixed: Vec<bool>,
    letters: Vec<[char; 4]>,
    parents: Vec<Option<u32>>,
}

fn main() {}
