#[gpumem::kernels]
mod kernels {
    pub(super) fn sum(elements: &[f32]) -> f32 {
        elements.iter().sum()
    }
    pub(super) fn nothing(elements: &mut [f32]) -> () {
        elements.fill(0.0)
    }
}

fn main() -> gpumem::Result<()> {
    let device = gpumem::Device::host();
    let buffer = gpumem::Buffer::from_slice(&device, "buffer", &[1.0])?;
    kernels::Kernels::load(&device)?.sum(gpumem::Launch::over(1), &buffer)
}
