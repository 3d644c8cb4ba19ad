#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Rgb([f32; 3]);

#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod by_syntax {
    pub(super) fn fill(colors: &mut [[f32; 3]], color: [f32; 4]);
}

#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod by_the_compiler {
    pub(super) fn fill(colors: &mut [super::Rgb], color: [f32; 4]);
}

fn main() {}
