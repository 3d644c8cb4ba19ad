//! Frames under tokio: no thread is blocked while the device computes or copies.
//!
//! `cargo run --example tokio_stream`

use gpumem::{Device, GpuBuffers, Result};

#[derive(GpuBuffers)]
struct Wave {
    #[buffer(async(snapshot))]
    heights: Vec<f32>,
}

/// Computes frames, and awaits each frame while the device computes the next one.
async fn film(points: u16, count: u16, mut draw: impl FnMut(&[f32])) -> Result<()> {
    let device = Device::host();
    let mut gpu = Wave { heights: vec![0.0; points.into()] }.upload(&device)?;
    let mut frames = gpu.frame_queue();
    for frame in 0..count {
        device.launch((gpu.heights_mut(),), move |(heights,)| {
            for (height, x) in heights.iter_mut().zip(0u16..) {
                *height = (0.1 * (f32::from(x) + f32::from(frame))).sin();
            }
        })?;
        if let Some(frame) = frames.push_async(gpu.start_download()?).await? {
            draw(frame.heights());
        }
    }
    while let Some(frame) = frames.next().await {
        draw(frame?.heights());
    }
    gpu.close()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut crests = Vec::new();
    // Other tasks run while the film awaits a frame. This one runs on the same thread.
    let other = tokio::spawn(async { "another task ran meanwhile" });
    film(200, 12, |wave| crests.push((0..200).find(|&x| wave[x] > 0.99))).await?;
    println!("the first crest, frame by frame: {crests:?}");
    println!("{}", other.await.expect("it does not panic"));
    Ok(())
}

#[test]
fn frames_come_in_order() {
    let mut first = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(film(8, 5, |wave| first.push(wave[0]))).unwrap();
    assert_eq!(first, [0.0f32, 0.1, 0.2, 0.3, 0.4].map(f32::sin));
}
