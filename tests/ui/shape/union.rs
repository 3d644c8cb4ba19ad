use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
union Graph {
    whole: u32,
    parts: [u16; 2],
}

fn main() {}
