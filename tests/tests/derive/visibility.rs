//! Generated items have the visibility of their field.

use gpumem::{BufferSet, Device, GpuBuffers};

#[allow(unreachable_pub)] // As in a library.
mod outer {
    pub mod inner {
        use gpumem::GpuBuffers;

        /// One field of each visibility, with an element that only this module can name.
        #[derive(GpuBuffers, Default)]
        #[buffers(async)]
        #[deny(private_interfaces, dead_code)]
        pub struct Scene {
            pub open: Vec<u32>,
            pub(crate) internal: Vec<u32>,
            pub(in crate::visibility) near: Vec<u32>,
            pub(super) parent: Vec<u32>,
            secret: Vec<Secret>,
        }

        #[repr(C)]
        #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
        struct Secret(u32);

        impl Scene {
            pub fn new(secret: u32) -> Self {
                Self { secret: vec![Secret(secret)], open: vec![1], ..Self::default() }
            }
        }

        /// Inside the module all items are accessible.
        pub fn secret(gpu: &mut SceneBuffers) -> gpumem::Result<u32> {
            gpu.secret_mut().clone_on_device()?;
            assert_eq!(gpu.lengths().secret, 1);
            let SceneFrame { secret, .. } = gpu.start_download()?.wait()?;
            assert_eq!(gpu.start_download()?.wait()?.secret().len(), 1);
            let all = gpu.split_mut();
            Ok(secret[0].0 + u32::try_from(all.secret.len()).unwrap())
        }
    }

    pub fn parent(gpu: &inner::SceneBuffers) -> usize {
        gpu.parent().len()
    }
}

#[test]
fn fields_are_as_visible_as_in_the_struct() {
    let device = Device::host();
    let mut gpu = outer::inner::Scene::new(7).upload(&device).unwrap();
    assert_eq!(outer::inner::secret(&mut gpu).unwrap(), 8);
    assert_eq!((outer::parent(&gpu), gpu.open().len(), gpu.internal().len(), gpu.near().len()), (0, 1, 0, 0));
    // A private accessor does not hide a method of an extension trait with the same name.
    trait Elsewhere {
        fn secret(&self) -> &'static str {
            "not the buffer"
        }
    }
    impl Elsewhere for outer::inner::SceneBuffers {}
    assert_eq!(gpu.secret(), "not the buffer");
    let mut lengths = outer::inner::SceneLengths::all(3);
    lengths.open = 2;
    gpu.resize(lengths).unwrap();
    assert_eq!(gpu.stats().buffers.iter().map(|buffer| buffer.len).collect::<Vec<_>>(), [2, 3, 3, 3, 3]);
    assert_eq!(BufferSet::lengths(&gpu), lengths);
    gpu.close().unwrap();
}
