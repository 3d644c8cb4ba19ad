#![allow(unused_variables)]

#[gpumem::kernels]
mod kernels {
    pub(super) fn flags(flags: &mut [bool]) {}
    pub(super) fn names(names: &[String]) {}
}

fn main() -> gpumem::Result<()> {
    let device = gpumem::Device::host();
    let mut flags = gpumem::Buffer::from_slice(&device, "flags", &[1_u8])?;
    kernels::Kernels::load(&device)?.flags(gpumem::Launch::over(1), &mut flags)
}
