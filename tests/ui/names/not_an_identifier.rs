use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(name = "node positions")]
    positions: Vec<[f32; 2]>,
    #[buffer(name = "2d")]
    a: Vec<f32>,
    #[buffer(name = "")]
    b: Vec<f32>,
    #[buffer(name = "_")]
    c: Vec<f32>,
    #[buffer(name = "a // positions")]
    d: Vec<f32>,
    #[buffer(name = "  a  ")]
    e: Vec<f32>,
    #[buffer(name = "it's")]
    f: Vec<f32>,
    #[buffer(name = "1e")]
    g: Vec<f32>,
    #[buffer(name = "r##x")]
    h: Vec<f32>,
    #[buffer(name = "r#self")]
    i: Vec<f32>,
    #[buffer(name = "größe²")]
    j: Vec<f32>,
}

fn main() {}
