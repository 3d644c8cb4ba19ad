use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Points {
    positions: Vec<[f32; 2]>,
}

#[derive(GpuBuffers)]
struct Scene {
    points: Points,
    edges: Vec<[u32; 2]>,
}

fn main() {}
