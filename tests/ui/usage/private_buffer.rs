mod scene {
    #[derive(gpumem::GpuBuffers)]
    pub struct Scene {
        pub points: Vec<[f32; 2]>,
        order: Vec<u32>,
    }

    impl Scene {
        pub fn new() -> Self {
            Self { points: Vec::new(), order: Vec::new() }
        }
    }
}

fn main() -> gpumem::Result<()> {
    use gpumem::{Device, GpuBuffers};
    let mut gpu = scene::Scene::new().upload(&Device::host())?;
    gpu.points_mut().resize(1)?;
    gpu.order_mut().resize(1)
}
