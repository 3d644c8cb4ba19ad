use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Cells<T> {
    values: Vec<T>,
}

fn main() {
    let cells = Cells { values: vec![String::new()] };
    let _ = cells.upload(&gpumem::Device::host());
}
