#[gpumem::kernels(unsafe(ptx = "kernels.ptx"), slices = "pointer, length", crate = engine::gpumem)]
mod sums {
    pub(super) fn sum(total: &mut [f32], terms: &[super::Term], scale: f32);

    pub(super) fn scale(terms: &mut [super::Term]) {
        terms.iter_mut().for_each(super::Term::double);
    }
}
