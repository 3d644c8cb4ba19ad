#[gpumem::kernels]
mod kernels {
    pub(super) async fn later(elements: &mut [f32]) {
        elements.fill(0.0);
    }
    pub(super) const fn early(elements: &mut [f32]) {
        elements[0] = 0.0;
    }
    pub(super) unsafe fn daring(elements: &mut [f32]) {
        elements.fill(0.0);
    }
    pub(super) unsafe extern "C" fn foreign(elements: &mut [f32]) {
        elements.fill(0.0);
    }
}

fn main() -> gpumem::Result<()> {
    let device = gpumem::Device::host();
    let mut buffer = gpumem::Buffer::from_slice(&device, "buffer", &[1.0])?;
    kernels::Kernels::load(&device)?.later(gpumem::Launch::over(1), &mut buffer)
}
