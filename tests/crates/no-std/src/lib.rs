//! A crate without the standard library in scope.
#![no_std]
#![deny(warnings, missing_docs)]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;

/// A graph.
#[derive(gpumem::GpuBuffers, Default)]
pub struct Graph {
    /// Positions.
    #[buffer(growth = 1.3, max = "512MiB", async)]
    pub positions: Vec<[f32; 2]>,
    /// Edges.
    pub edges: alloc::vec::Vec<[u32; 2]>,
    /// On the host.
    #[buffer(skip)]
    pub title: String,
}

/// Kernels.
#[gpumem::kernels(unsafe(ptx = "../../../src/kernels.ptx"), slices = "pointer, length")]
pub mod kernels {
    /// Adds 1 to each element.
    #[requires(!elements.is_empty())]
    pub fn add_one(elements: &mut [u32]) {
        elements.iter_mut().for_each(|element| *element += 1);
    }
}
