#![allow(unused_variables)]

use gpumem::{Buffer, View};

#[gpumem::kernels]
mod kernels {
    use super::{Buffer, View};

    pub(super) fn of_one(factor: &f32, sum: &mut f32) {
        *sum += factor;
    }
    pub(super) fn of_an_array(factors: &[f32; 3], sums: &mut [f32; 3]) {
        *sums = *factors;
    }
    pub(super) fn of_collections(a: &Vec<f32>, b: &mut Vec<u32>, c: &Buffer<f32>, d: View<'_, u8, gpumem::Host>, e: Vec<f32>) {}
    pub(super) fn of_text(text: &str) {}
    pub(super) fn of_lives(a: &'static [f32]) {}
}

fn main() {}
