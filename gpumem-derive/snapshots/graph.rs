/// A force-directed graph.
pub struct Graph {
    /// Node positions in layout units.
    #[buffer(growth = 1.3, max = "512MiB", async)]
    pub positions: Vec<[f32; 2]>,
    /// Layout units per step.
    #[buffer(growth = 1.3, max = "512MiB", async)]
    pub velocities: Vec<[f32; 2]>,
    /// Edges as pairs of node indices.
    #[buffer(growth = 2.0, max = "2GiB")]
    pub edges: Vec<[u32; 2]>,
    /// Stays on the host.
    #[buffer(skip)]
    pub title: String,
}
