use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    __set: Vec<f32>,
    #[buffer(name = "__marker")]
    marker: Vec<f32>,
    __raw: Vec<f32>,
    __raw_mut: Vec<f32>,
    __from_raw: Vec<f32>,
    #[buffer(name = "check_leaks")]
    leaks: Vec<f32>,
}

fn main() {}
