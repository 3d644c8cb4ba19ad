#[gpumem::kernels]
struct Kernels {
    weights: Vec<f32>,
}

#[gpumem::kernels]
fn scale(weights: &mut [f32], factor: f32) {
    weights.iter_mut().for_each(|weight| *weight *= factor);
}

#[gpumem::kernels]
impl Kernels {}

fn main() {
    scale(&mut Kernels { weights: vec![1.0] }.weights, 2.0);
}
