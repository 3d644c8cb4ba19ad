#[gpumem::kernels]
mod kernels {
    pub(super) fn fill<T: Copy>(elements: &mut [T], value: T) {
        elements.fill(value);
    }
    pub(super) fn borrow<'a>(elements: &'a mut [f32]) {
        elements.fill(0.0);
    }
    pub(super) fn rows<const N: usize>(elements: &mut [[f32; N]]) {
        elements.fill([0.0; N]);
    }
}

fn main() -> gpumem::Result<()> {
    let device = gpumem::Device::host();
    let mut buffer = gpumem::Buffer::from_slice(&device, "buffer", &[1.0])?;
    kernels::Kernels::load(&device)?.fill(gpumem::Launch::over(1), &mut buffer, 1.0)
}
