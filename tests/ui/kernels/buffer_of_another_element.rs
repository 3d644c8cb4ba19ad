use gpumem::{Buffer, Device, Launch};

#[gpumem::kernels]
mod kernels {
    pub(super) fn sum(sums: &mut [f32], terms: &[f32]) {
        sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
    }
}

fn main() -> gpumem::Result<()> {
    let device = Device::host();
    let mut sums = Buffer::from_slice(&device, "sums", &[1_u32])?;
    let terms = Buffer::from_slice(&device, "terms", &[1.0_f64])?;
    kernels::Kernels::load(&device)?.sum(Launch::over(1), &mut sums, &terms)
}
