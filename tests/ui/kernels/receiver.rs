#[gpumem::kernels]
mod kernels {
    pub(super) fn by_reference(&self, elements: &mut [f32]) {}
    pub(super) fn by_value(mut self, elements: &mut [f32]) {}
    pub(super) fn typed(self: Box<Self>, elements: &mut [f32]) {}
}

fn main() {}
