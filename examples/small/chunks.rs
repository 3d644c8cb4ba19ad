//! Data that is larger than the device's memory: chunks are uploaded, computed and downloaded at the same
//! time.
//!
//! `cargo run --release --example chunks`

use gpumem::{Buffer, BufferSpec, Device, Result};

/// Elements per chunk.
const CHUNK: usize = 1 << 16;

/// Computes the square of each number, on a device that has room for a few chunks.
fn squares(numbers: impl ExactSizeIterator<Item = u32>, mut write: impl FnMut(&[u64])) -> Result<()> {
    let device = Device::builder().memory_limit(4 << 20).host()?;
    let mut input = Buffer::with_capacity(&device, BufferSpec::new("input"), CHUNK)?;
    let mut output = Buffer::new(&device, BufferSpec::new("output").snapshot())?.into_async();

    let mut numbers = numbers.peekable();
    let mut frames = output.frame_queue();
    while numbers.peek().is_some() {
        // This thread fills pinned memory while the device computes the previous chunk.
        let mut stage = input.stage(numbers.len().min(CHUNK))?;
        stage.iter_mut().zip(&mut numbers).for_each(|(element, number)| *element = number);
        let chunk = stage.len();
        stage.commit()?; // the kernel runs after the upload, and this thread does not wait
        output.resize(chunk)?;
        device.launch((&input, &mut output), |(input, output)| {
            output.iter_mut().zip(input).for_each(|(square, number)| *square = u64::from(*number).pow(2));
        })?;
        // The buffer is a snapshot, so the next kernel does not wait for the end of this download.
        if let Some(chunk) = frames.push(output.start_download()?)? {
            write(&chunk);
        }
    }
    frames.drain().try_for_each(|chunk| chunk.map(|chunk| write(&chunk)))
}

fn main() -> Result<()> {
    let (mut count, mut last) = (0, 0);
    squares(0..5_000_000, |chunk| (count, last) = (count + chunk.len(), chunk[chunk.len() - 1]))?;
    println!("{count} squares, the last of them {last}, in 4 MiB of device memory");
    Ok(())
}

#[test]
fn chunks_come_back_in_their_order() {
    let mut all = Vec::new();
    squares(0..200_000, |chunk| all.extend_from_slice(chunk)).unwrap();
    assert!(all.len() == 200_000 && (0..).zip(&all).all(|(number, square)| number * number == *square));
}
