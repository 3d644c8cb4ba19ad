use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph(Vec<[f32; 2]>, Vec<[u32; 2]>);

// The manager is there nevertheless.
fn main() {
    let gpu = Graph(Vec::new(), Vec::new()).upload(&gpumem::Device::host()).unwrap();
    gpu.close().unwrap();
}
