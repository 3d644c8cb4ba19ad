//! Steps on a CUDA card: the kernels of `kernels.cu`, launched with `cust` on the device's own stream.

use cust::launch;
use gpumem::{Buffer, Cuda, Device, Result, cuda::Module};

use crate::{graph::GraphBuffers, layout::Stepper, physics::Step};

/// The PTX that `cargo xtask ptx` makes from `kernels.cu`. The driver compiles it for the card at hand.
const PTX: &str = include_str!("kernels.ptx");
/// Threads per block, for kernels with one thread per node or cell.
const BLOCK: u32 = 256;
/// Threads per block, for kernels that run in one block.
const ONE_BLOCK: u32 = 1024;

/// Steps on a card.
pub struct OnCard {
    module: Module,
    /// The square around all nodes. Only the card needs it, so it is a buffer outside the set.
    frame: Buffer<[f32; 4], Cuda>,
}

impl OnCard {
    /// Lets the driver compile the kernels.
    pub fn new(device: &Device<Cuda>) -> Result<Self> {
        Ok(OnCard { module: device.load_ptx(PTX)?, frame: Buffer::from_slice(device, "frame", &[[0.0; 4]])? })
    }
}

impl Stepper for OnCard {
    type Backend = Cuda;
    const NAME: &'static str = "cuda";

    fn step(&mut self, device: &Device<Cuda>, set: &mut GraphBuffers<Cuda>, step: Step) -> Result<()> {
        let OnCard { module, frame } = self;
        let (stream, set) = (device.stream(), set.split_mut());
        let over_nodes = step.nodes.div_ceil(BLOCK);
        let over_cells = |level: u32| (1_u32 << (2 * level)).div_ceil(BLOCK);

        set.cell_starts.fill(0)?;
        // SAFETY: every kernel gets the arguments of its declaration in `kernels.cu`. It stays inside the
        // lengths that `lay_out` gave the buffers: one element per node, in `offsets` one more; in
        // `cell_starts` one per finest cell and one more; one per cell of any level in `cell_bodies` and
        // `cell_fields`; `frame` has one. Offsets and indices are those of `Network::adjacency` or of earlier
        // kernels. The pointer of a buffer that a kernel writes comes from `as_device_ptr_mut`.
        unsafe {
            launch!(module.frame<<<1, ONE_BLOCK, 0, stream>>>(
                step, set.positions.as_device_ptr(), frame.as_device_ptr_mut()?
            ))?;
            launch!(module.count<<<over_nodes, BLOCK, 0, stream>>>(
                step, set.positions.as_device_ptr(), frame.as_device_ptr(), set.cell_starts.as_device_ptr_mut()?
            ))?;
            launch!(module.scan<<<1, ONE_BLOCK, 0, stream>>>(step, set.cell_starts.as_device_ptr_mut()?))?;
            launch!(module.scatter<<<over_nodes, BLOCK, 0, stream>>>(
                step, set.positions.as_device_ptr(), set.offsets.as_device_ptr(), frame.as_device_ptr(),
                set.cell_starts.as_device_ptr_mut()?, set.sorted.as_device_ptr_mut()?
            ))?;
            launch!(module.gather_leaves<<<over_cells(step.levels), BLOCK, 0, stream>>>(
                step, set.cell_starts.as_device_ptr(), set.sorted.as_device_ptr_mut()?,
                set.cell_bodies.as_device_ptr_mut()?
            ))?;
            for level in (0..step.levels).rev() {
                launch!(module.gather<<<over_cells(level), BLOCK, 0, stream>>>(
                    level, set.cell_bodies.as_device_ptr_mut()?
                ))?;
            }
            for level in 0..=step.levels {
                launch!(module.spread<<<over_cells(level), BLOCK, 0, stream>>>(
                    level, set.cell_bodies.as_device_ptr(), set.cell_fields.as_device_ptr_mut()?
                ))?;
            }
            // So far the kernels only read the positions: the download of the previous step may still run.
            launch!(module.accelerate<<<over_nodes, BLOCK, 0, stream>>>(
                step, set.positions.as_device_ptr(), set.offsets.as_device_ptr(), set.neighbours.as_device_ptr(),
                frame.as_device_ptr(), set.cell_starts.as_device_ptr(), set.sorted.as_device_ptr(),
                set.cell_bodies.as_device_ptr(), set.cell_fields.as_device_ptr(), set.velocities.as_device_ptr_mut()?
            ))?;
            // The mutable pointer makes this kernel, and not the host, wait for that download.
            launch!(module.advance<<<over_nodes, BLOCK, 0, stream>>>(
                step, set.positions.as_device_ptr_mut()?, set.velocities.as_device_ptr()
            ))
        }
    }
}

#[cfg(test)]
#[path = "../../gpumem/tests/cuda/card.rs"]
mod card;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{graph::Graph, host::OnHost, layout::lay_out, physics::Physics, report::EdgeLengths};
    use gpumem::Error;

    /// A graph without much symmetry: a net with a few long ties across it.
    fn net() -> Graph {
        let at = |x: u32, y: u32| 60 * y + x;
        let across = (0..59_u32).flat_map(|x| (0..40).map(move |y| [at(x, y), at(x + 1, y)]));
        let down = (0..60_u32).flat_map(|x| (0..39).map(move |y| [at(x, y), at(x, y + 1)]));
        let ties = (0..30).map(|i| [i * 71 % 2400, i * 1_013 % 2400]);
        Graph::new(crate::network::Network::new(2400, vec![], across.chain(down).chain(ties).collect()), 7)
    }

    fn card() -> Option<Device<Cuda>> {
        card::found(Device::cuda(0), |error| matches!(error, Error::BackendUnavailable { .. }))
    }

    fn on_host(steps: u32) -> Graph {
        let mut graph = net();
        let physics = Physics::balance(&mut graph);
        lay_out(OnHost, Device::host(), &mut graph, physics, steps).unwrap();
        graph
    }

    fn on_card(device: Device<Cuda>, steps: u32) -> Graph {
        let mut graph = net();
        let physics = Physics::balance(&mut graph);
        let stepper = OnCard::new(&device).unwrap();
        let outcome = lay_out(stepper, device, &mut graph, physics, steps).unwrap();
        assert_eq!(outcome.stats.async_downloads, u64::from(steps));
        graph
    }

    #[test]
    fn the_card_computes_what_the_host_does() {
        for (steps, tolerance) in [(1, 1e-4), (10, 1e-2)] {
            let Some(device) = card() else { return };
            let (here, there) = (on_host(steps), on_card(device, steps));
            for (here, there) in here.positions.iter().zip(&there.positions) {
                let apart = (here[0] - there[0]).hypot(here[1] - there[1]);
                assert!(apart < tolerance, "{apart} apart after {steps} steps: {here:?}, {there:?}");
            }
        }
    }

    #[test]
    fn pictures_are_as_good() {
        let Some(device) = card() else { return };
        let expected = EdgeLengths::of(&on_host(300)).unwrap();
        let found = EdgeLengths::of(&on_card(device, 300)).unwrap();
        for (found, expected) in
            [(found.mean, expected.mean), (found.median, expected.median), (found.spread, expected.spread)]
        {
            assert!((found / expected - 1.0).abs() < 0.05, "{found}, not {expected}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_picture() {
        let (Some(first), Some(second)) = (card(), card()) else { return };
        let same = on_card(first, 50).positions == on_card(second, 50).positions;
        assert!(same, "additions must not depend on the order of threads");
    }
}
