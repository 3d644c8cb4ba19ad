#![allow(unused_variables)]

#[gpumem::kernels]
mod kernels {
    #[requires(weights.len())]
    pub(super) fn number(weights: &mut [f32]) {}

    #[requires(weights[0] > 0.0)]
    pub(super) fn element(weights: &mut [f32]) {}

    #[requires(weights.first().is_some() && wieghts.len() > 1)]
    pub(super) fn names(weights: &mut [f32]) {}
}

fn main() {}
