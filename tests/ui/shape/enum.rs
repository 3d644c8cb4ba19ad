use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
enum Graph {
    Directed,
    Undirected,
}

fn main() {}
