use gpumem::named::NamedBuffers;

fn swap(buffers: &mut NamedBuffers) -> Result<(), gpumem::Error> {
    let (now, next) = buffers.split_mut(("now", "next"))?;
    now.swap_contents(next)
}

fn main() {}
