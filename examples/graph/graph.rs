//! The buffers of a layout: a struct of `Vec`s, and what `GpuBuffers` makes of it.

use gpumem::GpuBuffers;

use crate::{
    network::{Adjacency, Network},
    place::place,
};

/// A graph and the layout that is made of it.
///
/// The derive adds `GraphBuffers`, which holds a buffer for each field but `network` on the device. Two of them can be
/// downloaded while steps run; the others stay where they are. The grid's buffers start empty and grow with the grid.
#[derive(GpuBuffers, Default)]
pub struct Graph {
    /// Where the nodes are, in edge lengths.
    #[buffer(growth = 1.3, max = "512MiB", async)]
    pub positions: Vec<[f32; 2]>,
    /// How far each node moves in a step.
    #[buffer(growth = 1.3, max = "512MiB", async)]
    pub velocities: Vec<[f32; 2]>,
    /// Where the neighbours of each node begin, and in the end how many there are.
    #[buffer(growth = 2.0, max = "2GiB")]
    pub offsets: Vec<u32>,
    /// The nodes at the other ends of the edges, those of the first node first.
    #[buffer(growth = 2.0, max = "2GiB")]
    pub neighbours: Vec<u32>,
    /// The nodes in the order of their cells: position, mass, and the index as bits.
    #[buffer(growth = 1.3, max = "1GiB")]
    pub sorted: Vec<[f32; 4]>,
    /// Where the nodes of each of the smallest cells begin in `sorted`, and in the end how many there are.
    #[buffer(growth = 1.5, max = "256MiB")]
    pub cell_starts: Vec<u32>,
    /// Each cell of each level of the grid as one body: centre and mass.
    #[buffer(growth = 1.5, max = "256MiB")]
    pub cell_bodies: Vec<[f32; 4]>,
    /// How all that is far from a cell pushes what is in it.
    #[buffer(growth = 1.5, max = "256MiB")]
    pub cell_fields: Vec<[f32; 4]>,
    /// What was read: stays on the host.
    #[buffer(skip)]
    pub network: Network,
    /// The axis that the picture shows as colour, for each node.
    #[buffer(skip)]
    pub depth: Vec<f32>,
}

impl Graph {
    /// Places the nodes of `network`, at rest.
    pub fn new(network: Network, seed: u64) -> Self {
        let (offsets, neighbours) = network.adjacency();
        let placement = place(Adjacency { offsets: &offsets, neighbours: &neighbours }, seed);
        let nodes = placement.positions.len();
        Graph {
            positions: placement.positions,
            velocities: vec![[0.0; 2]; nodes],
            sorted: vec![[0.0; 4]; nodes],
            offsets,
            neighbours,
            network,
            depth: placement.depth,
            ..Graph::default()
        }
    }

    /// Who is next to whom.
    pub fn adjacency(&self) -> Adjacency<'_> {
        Adjacency { offsets: &self.offsets, neighbours: &self.neighbours }
    }
}
