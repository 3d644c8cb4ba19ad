use gpumem::named::NamedBuffers;

fn length(buffers: &NamedBuffers) -> Result<usize, gpumem::Error> {
    Ok(buffers.get("residuals")?.len())
}

fn main() {}
