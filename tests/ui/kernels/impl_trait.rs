#[gpumem::kernels]
mod kernels {
    pub(super) fn map(elements: &mut [f32], with: impl Fn(f32) -> f32) {
        elements.iter_mut().for_each(|element| *element = with(*element));
    }
    pub(super) fn dynamic(elements: &mut [f32], with: &dyn Fn(f32) -> f32) {
        elements.iter_mut().for_each(|element| *element = with(*element));
    }
}

fn main() {}
