#![deny(warnings)]

#[gpumem::kernels]
mod kernels {
    pub(super) fn launched(elements: &mut [f32], Factor: f32, unused: u32) {
        elements[0] *= Factor;
    }
    pub(super) fn Named(elements: &mut [f32], factor: (f32)) {
        elements[0] *= factor;
    }
}

fn main() {
    let device = gpumem::Device::host();
    let kernels = kernels::Kernels::load(&device).unwrap();
    let mut elements = gpumem::Buffer::from_slice(&device, "elements", &[1.0]).unwrap();
    kernels.launched(gpumem::Launch::over(1), &mut elements, 2.0, 3);
    kernels.Named(gpumem::Launch::over(1), &mut elements, 2.0).unwrap();
}
