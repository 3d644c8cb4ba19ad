//! One program for machines with and without a card: the driver is loaded when the program looks for a card.
//! `cargo run --example any_machine --features cuda`; `GPUMEM_DEVICE=host`, or `cuda:1`, decides.

use gpumem::{AnyDevice, Backend, Buffer, Device, Result, on_device};

/// The work, on any device. Returns the kind of the device.
fn work<B: Backend>(device: &Device<B>) -> Result<&'static str> {
    let mut numbers = Buffer::from_slice(device, "numbers", &[1, 2, 3])?;
    numbers.extend_from_slice(&[4])?;
    println!("{} ({}) has {:?}", device.name(), B::NAME, numbers.download()?);
    Ok(B::NAME)
}

fn main() -> Result<()> {
    let device = Device::auto()?; // the first card, or else the host
    if matches!(device, AnyDevice::Host(_))
        && let Err(error) = Device::cuda(0)
    {
        println!("no card: {error}");
    }
    on_device!(device, |device| work(&device)).map(drop)
}

#[test]
fn any_machine_does_the_work() {
    let kind = on_device!(Device::auto().unwrap(), |device| work(&device)).unwrap();
    assert!(["host", "cuda"].contains(&kind), "{kind}");
}
