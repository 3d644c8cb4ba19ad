//! One program for machines with and without a card: the driver is loaded when the program asks for a card.
//! `cargo run --example any_machine --features cuda`

use gpumem::{Backend, Buffer, Device, Error, Result};

/// The work, on any device. Returns the kind of the device.
fn work<B: Backend>(device: &Device<B>) -> Result<&'static str> {
    let mut numbers = Buffer::from_slice(device, "numbers", &[1, 2, 3])?;
    numbers.extend_from_slice(&[4])?;
    println!("{} ({}) has {:?}", device.name(), B::NAME, numbers.download()?);
    Ok(B::NAME)
}

/// Works on the card with this number, or without a card on the host.
fn run(card: usize) -> Result<&'static str> {
    match Device::cuda(card) {
        Ok(device) => work(&device),
        Err(Error::BackendUnavailable { reason, .. }) => {
            println!("no card: {reason}");
            work(&Device::host())
        }
        Err(error) => Err(error),
    }
}

fn main() -> Result<()> {
    run(0).map(drop)
}

#[test]
fn a_machine_without_the_card_does_the_work_too() {
    assert_eq!(run(4_096).unwrap(), "host");
}
