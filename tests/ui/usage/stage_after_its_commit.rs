use gpumem::{Buffer, Device};

fn main() -> Result<(), gpumem::Error> {
    let device = Device::host();
    let mut edges: Buffer<u32> = Buffer::new(&device, "edges")?;

    let mut stage = edges.stage(3)?;
    let upload = stage.commit()?;
    stage.fill(1);
    upload.wait()?;

    let mut stage = edges.stage(3)?;
    let slice = &mut stage[..];
    stage.commit()?;
    slice.fill(1);
    Ok(())
}
