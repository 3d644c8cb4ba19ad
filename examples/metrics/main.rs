//! Works on a device, and serves its figures: `cargo run` in this folder, and then `curl
//! localhost:9464/metrics`.

use gpumem::{Device, GpuBuffers};
use gpumem_example_metrics::{recorder, serve};
use std::error::Error;
use std::net::TcpListener;
use std::time::Duration;

/// The buffers of the program.
#[derive(GpuBuffers, Default)]
struct Particles {
    #[buffer(async)]
    positions: Vec<[f32; 4]>,
    ages: Vec<u32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let exporter = recorder()?;
    let device = Device::host(); // or `Device::cuda(0)?`
    let listener = TcpListener::bind("127.0.0.1:9464")?;
    println!("http://{}/metrics", listener.local_addr()?);
    let served = device.clone();
    std::thread::spawn(move || serve(&listener, &served, &exporter));
    let mut gpu = Particles::default().upload(&device)?;
    for step in 1.. {
        gpu.resize(ParticlesLengths { positions: step * 1_000 % 50_000, ages: step * 1_000 % 50_000 })?;
        drop(gpu.start_download()?.wait()?);
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
