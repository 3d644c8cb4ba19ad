use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Cells<T> {
    values: Vec<T>,
}

struct Label(String);

fn main() {
    let cells = Cells { values: vec![Label(String::new())] };
    let _ = cells.upload(&gpumem::Device::host());
}
