use gpumem::named::{BufferConfig, Key, NamedBuffers};

struct Solver {
    residuals: Key<f32>,
}

fn solver(buffers: &mut NamedBuffers) -> Result<Solver, gpumem::Error> {
    let residuals = buffers.allocate::<f64>("residuals", 100, BufferConfig::of::<f64>())?;
    Ok(Solver { residuals })
}

fn main() {}
