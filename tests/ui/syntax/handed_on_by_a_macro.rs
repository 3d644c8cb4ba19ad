use gpumem::GpuBuffers;

macro_rules! graph {
    ($meta:meta, $max:literal, $growth:literal) => {
        #[derive(GpuBuffers)]
        struct Graph {
            #[buffer($meta)]
            positions: Vec<[f32; 2]>,
            #[buffer(max = $max)]
            velocities: Vec<[f32; 2]>,
            #[buffer(growth = $growth)]
            edges: Vec<[u32; 2]>,
        }
    };
}

graph!(grwoth = 1.5, -5, -1.5);

fn main() {}
