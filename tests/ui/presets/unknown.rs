use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(preset = "postions")]
    positions: Vec<[f32; 2]>,
    #[buffer(preset = "grid-cells")]
    cells: Vec<f32>,
    #[buffer(preset = "mesh")]
    vertices: Vec<f32>,
}

fn main() {}
