use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    times: Vec<std::time::Instant>,
    paths: Vec<std::path::PathBuf>,
}

fn main() {}
