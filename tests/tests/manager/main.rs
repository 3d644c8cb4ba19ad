//! The tests of a hand-written manager of GPU buffers, ported. Applications often write such a manager as a
//! `HashMap<String, Box<dyn Any>>`. Each of its concepts has a group of tests here, so each exists in gpumem
//! and needs no workaround. All tests run on the host. `gpumem::named`, which has string keys too, has its
//! tests in `tests/suite/named.rs`.
//!
//! Some tests of such a manager have no counterpart here: the mistakes do not compile. Their cases are files
//! of `tests/ui`:
//!
//! | mistake | file |
//! | --- | --- |
//! | a buffer is used as one of another type | `usage/wrong_element.rs` |
//! | a name that no buffer has | `usage/unknown_buffer.rs` |
//! | a buffer that another module owns | `usage/private_buffer.rs` |
//! | one name for two buffers | `names/two_alike.rs`, `names/accessors_alike.rs` |
//! | an element that is not plain data | `elements/not_pod.rs`, `elements/on_the_heap.rs` |
//! | an async download of a buffer without them | `usage/async_download_of_a_blocking_buffer.rs` |
//! | two buffers are borrowed mutably one by one | `usage/two_mutable_accessors.rs` |
//! | an unknown preset or config | `presets/unknown.rs`, `config/not_found.rs` |
//! | a `min` above its `max` | `sizes/min_above_max.rs` |
//! | a use after the shutdown | `usage/after_close.rs` |

mod access;
mod capacity;
mod downloads;
mod figures;
mod lifetime;

use gpumem::{Buffer, BufferSpec, Device, Error, GpuBuffers, LeakReport};
use std::sync::mpsc;

/// A config that several buffers share.
const SLOW_GROWTH: BufferSpec =
    BufferSpec::new("slow growth").growth(1.2).max(1 << 20).asynchronous().slots(3);

/// What a manager would hold under three keys. The buffers of [`graph`] hold 100 bytes.
#[derive(GpuBuffers, Debug, PartialEq)]
struct Graph {
    #[buffer(preset = "positions")]
    positions: Vec<[f32; 2]>,
    #[buffer(config = SLOW_GROWTH, async)]
    weights: Vec<f32>,
    #[buffer(growth = 2, min = 64, max = "4KiB")]
    edges: Vec<[u32; 2]>,
}

/// A buffer of each preset, with a limit for all of them together.
#[derive(GpuBuffers, Default)]
#[buffers(limit = "1KiB")]
struct Presets {
    #[buffer(preset = "positions")]
    positions: Vec<[f32; 2]>,
    #[buffer(preset = "velocities")]
    velocities: Vec<[f32; 2]>,
    #[buffer(preset = "edges", max = "1MiB")]
    edges: Vec<[u32; 2]>,
    #[buffer(preset = "grid_cells")]
    cells: Vec<u32>,
}

/// Positions of 24 bytes, weights of 12, and edges of 16, whose `min` is 64.
fn graph() -> Graph {
    Graph {
        positions: vec![[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]],
        weights: vec![0.5, 1.5, 2.5],
        edges: vec![[0, 1], [1, 2]],
    }
}

/// [`graph`] on a device of its own.
fn uploaded() -> GraphBuffers {
    graph().upload(&Device::host()).unwrap()
}

/// A device with a limit for the bytes of all its buffers.
fn limited(limit: u64) -> Device {
    Device::builder().memory_limit(limit).host().unwrap()
}

/// An empty buffer that holds `count` bytes.
fn bytes(device: &Device, name: &'static str, count: usize) -> Result<Buffer<u8>, Error> {
    Buffer::with_capacity(device, name, count)
}

/// Keeps the compute stream busy until the sender is dropped.
fn occupy(device: &Device) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel();
    device.launch((), move |()| _ = released.recv()).unwrap();
    release
}

/// The names and the bytes of a report, in its order.
fn listed(report: &LeakReport) -> Vec<(&str, u64)> {
    report.held().iter().map(|held| (held.name(), held.bytes)).collect()
}
