use gpumem::{Buffer, Device};

fn main() -> Result<(), gpumem::Error> {
    let mut cells: Buffer<u32> = Buffer::from_slice(&Device::host(), "cells", &[1])?;
    cells.push(2);
    cells.extend([3, 4]);
    for cell in cells.iter() {
        println!("{cell}");
    }
    println!("{:?}", cells.to_vec());
    Ok(())
}
