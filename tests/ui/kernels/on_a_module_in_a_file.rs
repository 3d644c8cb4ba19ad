#[gpumem::kernels]
mod kernels;

fn main() {}
