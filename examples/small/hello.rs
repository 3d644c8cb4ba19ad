//! The whole path: a struct of `Vec`s, the manager of its buffers, a kernel, and a download.
//!
//! `cargo run --example hello`

use gpumem::{Device, GpuBuffers, Result};

#[derive(GpuBuffers)]
struct Balls {
    /// Metres above the ground. `async`: a download may run while the device computes.
    #[buffer(async)]
    heights: Vec<f32>,
    /// Metres per second. The buffer grows by half, to at most one mebibyte.
    #[buffer(growth = 1.5, max = "1MiB")]
    speeds: Vec<f32>,
}

const STEP: f32 = 0.1; // seconds

fn run() -> Result<Vec<f32>> {
    let device = Device::host(); // on a card: Device::cuda(0)?
    let balls = Balls { heights: vec![10.0, 20.0], speeds: vec![0.0, 5.0] };
    let mut gpu = balls.upload(&device)?; // BallsBuffers<Host>, which the derive generated

    gpu.heights_mut().extend_from_slice(&[30.0])?; // grows like a `Vec`, on the device
    gpu.speeds_mut().resize(3)?; // the new element is zero

    // A kernel borrows its buffers until it is queued. `split_mut` lends all buffers of the set at once.
    let BallsBuffersMut { heights, speeds } = gpu.split_mut();
    device.launch((heights, speeds), |(heights, speeds)| {
        for (height, speed) in heights.iter_mut().zip(speeds) {
            *speed -= 9.81 * STEP;
            *height += *speed * STEP;
        }
    })?;

    let download = gpu.heights().start_download()?; // returns at once
    gpu.heights_mut().fill(0.0)?; // the device waits for the copy, and this thread does not
    let heights = Vec::from(download.wait()?);

    gpu.check_leaks()?;
    gpu.close()?; // gives all memory back, or lists the buffers that are still alive
    Ok(heights)
}

fn main() -> Result<()> {
    println!("heights after {STEP} s: {:?} m", run()?);
    Ok(())
}

#[test]
fn the_balls_fall() {
    let [first, second, third] = run().unwrap().try_into().unwrap();
    assert!(first < 10.0 && second > 20.0 && third < 30.0);
}
