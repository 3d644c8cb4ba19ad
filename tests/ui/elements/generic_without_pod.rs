use gpumem::GpuBuffers;

#[derive(Clone)]
struct Name(String);

#[derive(GpuBuffers)]
struct Graph<T> {
    values: Vec<T>,
}

fn draw(_: GraphBuffers<Name>) {}

fn main() {}
