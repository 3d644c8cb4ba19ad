#![allow(unused_variables)]

#[gpumem::kernels(slice = "pointer", crat = gpumem)]
mod misspelt {
    pub(super) fn scale(weights: &mut [f32], factor: f32) {}
}

#[gpumem::kernels(path = "kernels.ptx", unsafe(slices = "pointer"), 5)]
mod unknown {
    pub(super) fn scale(weights: &mut [f32], factor: f32) {}
}

fn main() {}
