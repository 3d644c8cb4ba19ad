use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(grwoth = 1.3)]
enum Graph {
    Positions(#[allow(dead_code)] Vec<[f32; 2]>),
}

#[derive(GpuBuffers)]
struct Newtype(#[allow(dead_code)] Vec<f32>);

fn main() {
    let _ = (GraphLengths {}, NewtypeLengths {});
    let _ = Newtype(Vec::new()).upload(&gpumem::Device::host());
}
