//! A timeline: which buffers had the memory, when they grew, and which transfers overlapped.
//!
//! `cargo run --release --example timeline` writes a page, `timeline.html`; `-- FILE.csv` writes a log.

use gpumem::{Buffer, Device, GpuBuffers, Host, Result, Timeline};

/// A fountain of sparks.
#[derive(GpuBuffers, Default)]
struct Sparks {
    #[buffer(growth = 1.3, async(snapshot))]
    positions: Vec<[f32; 2]>,
    #[buffer(growth = 1.3)]
    velocities: Vec<[f32; 2]>,
    #[buffer(growth = 2.0, stable)]
    colors: Vec<[u8; 4]>,
}

/// Each step adds sparks, sorts them into cells of a grid, moves them, and draws the step before.
fn fly(device: &Device<Host>, steps: usize, sparks: usize) -> Result<Timeline> {
    let mut gpu = Sparks::default().upload(device)?;
    let (mut frames, mut trails) = (gpu.positions().frame_queue(), Vec::new());
    for step in 0..steps {
        let new: Vec<_> = (0..sparks).map(|i| [(i as f32).cos(), (i as f32).sin() - 3.0]).collect();
        gpu.velocities_mut().extend_from_slice(&new)?;
        gpu.positions_mut().resize((step + 1) * sparks)?;
        let mut colors = gpu.colors_mut().stage(sparks)?;
        colors.fill([255, 180, 40, 255]);
        colors.append()?;

        let mut cells = Buffer::<u32>::zeroed(device, "cells", gpu.positions().len() / 2)?;
        device.launch((gpu.positions(), &mut cells), |(positions, cells)| {
            let count = cells.len();
            positions.iter().for_each(|[x, y]| cells[(x + 64.0 * y).to_bits() as usize % count] += 1);
        })?;
        let SparksBuffersMut { positions, velocities, .. } = gpu.split_mut();
        device.launch((positions, velocities), |(positions, velocities)| {
            for ([x, y], [vx, vy]) in positions.iter_mut().zip(velocities) {
                (*x, *y, *vy) = (*x + 0.1 * *vx, *y + 0.1 * *vy, *vy + 0.05);
            }
        })?;
        if let Some(frame) = frames.push(gpu.positions().start_download()?)? {
            trails.push(Buffer::from_slice(device, "trail", &frame[..frame.len() / 3])?);
        }
        trails.drain(..trails.len().saturating_sub(6));
    }
    drop((frames, trails));
    Ok(device.timeline().expect("the device records"))
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let device = Device::builder().timeline(100_000).host()?;
    let path = std::env::args().nth(1).unwrap_or("timeline.html".into());
    Ok(fly(&device, 48, 60_000)?.write_to(path)?)
}

#[test]
fn all_of_it_is_recorded() {
    let device = Device::builder().timeline(10_000).host().unwrap();
    assert!(fly(&device, 12, 1_000).unwrap().events() > 12 * 8);
}
