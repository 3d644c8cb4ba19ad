#![allow(unused_variables)]

#[gpumem::kernels]
mod kernels {
    #[requires]
    pub(super) fn nothing(weights: &mut [f32]) {}

    #[requires()]
    pub(super) fn empty(weights: &mut [f32]) {}

    #[requires = "!weights.is_empty()"]
    pub(super) fn text(weights: &mut [f32]) {}

    #[requires(self.0.is_loaded())]
    pub(super) fn own(weights: &mut [f32]) {}

    #[requires(!weights.is_empty())]
    fn no_kernel(weights: &mut [f32]) {}
}

fn main() {}
