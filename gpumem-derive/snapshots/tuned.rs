/// Every key of a field and of the struct.
#[buffers(crate = crate::gpu, name = "Gpu", lengths = "Counts", label = "a simulation", limit = "4GiB")]
#[buffers(growth = 2, max = "1GiB", min = "4KiB", async(slots = 3), stable)]
struct Simulation {
    inherits: Vec<f32>,
    #[buffer(preset = "edges", name = "links")]
    pairs: Vec<[u32; 2]>,
    #[buffer(config = LARGE, async(snapshot), max = "2GiB", stable = false)]
    field: Vec<[f32; 4]>,
    #[buffer(growth = 1.25, max = "16MiB", min = 0, async = false, stable = false)]
    overrides: Vec<Cell>,
    #[buffer(skip(default))]
    settings: Settings,
}
