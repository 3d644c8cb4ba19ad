use gpumem::GpuBuffers;

/// As a crate has it whose feature `bytemuck` is off.
mod glam {
    #[derive(Clone, Copy)]
    pub struct Vec3 {
        pub x: f32,
    }
}

#[derive(GpuBuffers)]
struct Particles {
    positions: Vec<glam::Vec3>,
}

fn main() {}
