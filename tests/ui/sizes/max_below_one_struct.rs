use gpumem::GpuBuffers;

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Vertex {
    position: [f32; 3],
}

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(max = 8)]
    vertices: Vec<Vertex>,
}

fn main() {}
