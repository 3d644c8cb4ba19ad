use gpumem::{Async, Buffer, Device, Host};

fn main() -> gpumem::Result<()> {
    let edges = Buffer::<u32, Host, Async>::new(&Device::host(), "edges")?;
    edges.start_download()?;
    Ok(())
}
