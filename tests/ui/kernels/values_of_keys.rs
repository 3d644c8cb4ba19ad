#![allow(unused_variables)]

#[gpumem::kernels(slices = "wrong", crate = "gpumem", unsafe(ptx = kernels.ptx))]
mod wrong {
    pub(super) fn scale(weights: &mut [f32], factor: f32) {}
}

#[gpumem::kernels(slices = pointer, crate =, unsafe())]
mod without_quotes {
    pub(super) fn scale(weights: &mut [f32], factor: f32) {}
}

#[gpumem::kernels(slices, unsafe, crate)]
mod without_values {
    pub(super) fn scale(weights: &mut [f32], factor: f32) {}
}

#[gpumem::kernels(unsafe(ptx), slices = "pointer" crate = gpumem)]
mod half_typed {
    pub(super) fn scale(weights: &mut [f32], factor: f32) {}
}

#[gpumem::kernels(unsafe(ptx = "kernels.ptx", slices = "pointer"), unsafe(ptx = "kernels.ptx"))]
mod twice {
    pub(super) fn scale(weights: &mut [f32], factor: f32) {}
}

#[gpumem::kernels(unsafe(ptx = concat!(env!("GPUMEM_NO_SUCH_VARIABLE"), "/kernels.ptx")))]
mod of_a_variable {
    pub(super) fn scale(weights: &mut [f32], factor: f32) {}
}

fn main() {}
