//! Recordings of real devices, and folders for their files.

use gpumem::testing::SlowBus;
use gpumem::{Buffer, Device, GpuBuffers, Timeline};
use std::path::{Path, PathBuf};

/// A folder that goes with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("gpumem-timeline-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn numbers(device: &Device, name: &'static str, count: usize) -> Buffer<u32> {
    Buffer::with_capacity(device, name, count).unwrap()
}

#[derive(GpuBuffers, Default)]
struct Points {
    #[buffer(growth = 1.5, async(snapshot))]
    positions: Vec<[f32; 2]>,
    #[buffer(growth = 2.0)]
    edges: Vec<[u32; 2]>,
}

/// A bit of everything: growths, transfers both ways that overlap, launches, a trim, the pressure callback
/// and a failure. The name of a buffer tries to end the page's script.
pub(crate) fn everything() -> Timeline {
    let device = Device::builder()
        .timeline(1 << 14)
        .memory_limit(48 << 20)
        .on_pressure(|_| {})
        .slow_bus(&SlowBus::new(2_000_000_000))
        .host()
        .unwrap();
    let mut gpu = Points::default().upload(&device).unwrap();
    let hostile = Buffer::from_slice(&device, "</script><b>\"&\n", &[1_u8; 5_000]).unwrap();
    let mut tiles: Vec<_> = (0..200)
        .map(|index| Buffer::<u32>::zeroed(&device, format!("tile_{index}"), 500 + index).unwrap())
        .collect();
    for step in 1..=20_usize {
        gpu.positions_mut().resize(step * 20_000).unwrap();
        gpu.edges_mut().extend_from_slice(&vec![[7; 2]; 5_000]).unwrap();
        let download = gpu.positions().start_download().unwrap();
        let mut scratch = Buffer::<u32>::zeroed(&device, "scratch", 100_000).unwrap();
        device.launch((&mut scratch,), |(scratch,)| scratch[0] = 1).unwrap();
        let mut stage = gpu.edges_mut().stage(1_000).unwrap();
        stage.fill([3; 2]);
        let upload = stage.commit_at(0).unwrap();
        assert_eq!(scratch.view(..1).unwrap().download().unwrap(), [1]);
        drop(download.wait().unwrap());
        upload.wait().unwrap();
    }
    assert!(Buffer::<u8>::with_capacity(&device, "too_large", 60 << 20).is_err());
    tiles.truncate(150);
    device.trim(0).unwrap();
    let timeline = device.timeline().unwrap();
    assert_eq!(timeline.forgotten(), 0);
    drop(hostile);
    timeline
}
