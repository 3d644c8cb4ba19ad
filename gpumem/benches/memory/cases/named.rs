//! Access to a buffer: by name, by key, by the derive, and as hand-written code has it. And `pooled`, beside
//! the same buffers without names.
//!
//! Each access is a function that is not inlined. So every row has the cost of a call, and `nm` and a
//! disassembler show the code of each: `BENCHMARKS.md` has the commands.

use super::Session;
use super::pairs::One;
use crate::common::turns::{Contestant, each, us};
use crate::subject::{Subject, on_device};
use gpumem::named::{BufferConfig, Key, NamedBuffers, NamedSpec, PoolingStatistics, pooled};
use gpumem::{Backend, Buffer, BufferSpec, Device, Error, GpuBuffers};
use std::any::Any;
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

/// The buffers beside that which is accessed.
const OTHERS: usize = 99;

#[derive(GpuBuffers, Default)]
struct Graph {
    velocities: Vec<[f32; 3]>,
    positions: Vec<[f32; 3]>,
    edges: Vec<[u32; 2]>,
}

/// The same by hand.
struct ByHand<B: Backend> {
    velocities: Buffer<[f32; 3], B>,
    positions: Buffer<[f32; 3], B>,
    edges: Buffer<[u32; 2], B>,
}

type Map = HashMap<String, Box<dyn Any>>;

#[inline(never)]
fn by_name<'a, B: Backend>(buffers: &'a NamedBuffers<B>, name: &str) -> Result<&'a impl Sized, Error> {
    buffers.get::<[f32; 3]>(name)
}

#[inline(never)]
fn by_key<B: Backend>(buffers: &NamedBuffers<B>, key: Key<[f32; 3]>) -> Option<&impl Sized> {
    buffers.at(key).ok()
}

#[inline(never)]
fn by_derive<B: Backend>(graph: &GraphBuffers<B>) -> &Buffer<[f32; 3], B> {
    graph.positions()
}

#[inline(never)]
fn by_field<B: Backend>(graph: &ByHand<B>) -> &Buffer<[f32; 3], B> {
    &graph.positions
}

#[inline(never)]
fn by_map<'a, B: Backend>(map: &'a Map, name: &str) -> Option<&'a Buffer<[f32; 3], B>> {
    map.get(name)?.downcast_ref()
}

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let times = session.options.share(20_000_000);
    let lookups = times / 20;
    let mut compare = |case: &str, own, peers| session.compare(case, [("", "ns")], own, peers);
    let map = || Contestant::new("HashMap and dyn Any", move || map::<B>(lookups));
    let field = || Contestant::new("a field", move || field::<B>(times));

    let name = Contestant::new("gpumem", move || {
        named::<B>(lookups, |buffers, _| {
            let name = black_box("positions");
            black_box(by_name(black_box(buffers), name)).is_ok()
        })
    });
    compare("access by name, of 100 buffers", name, vec![map()]);
    let key = Contestant::new("gpumem", move || {
        named::<B>(times, |buffers, key| black_box(by_key(black_box(buffers), black_box(key))).is_some())
    });
    compare("access by key, of 100 buffers", key, vec![map(), field()]);
    compare("access by derive", Contestant::new("gpumem", move || derived::<B>(times)), vec![map(), field()]);
}

/// The buffers of a chunk, and their bytes. They are empty, with that capacity.
const FEATURES: [&str; 9] = ["x", "y", "z", "height", "normal", "curvature", "density", "red", "green"];
const FEATURE_BYTES: u64 = 4 << 20;

/// `pooled` for each chunk, and the same buffers by hand.
pub(crate) fn chunks<B: Subject>(session: &mut Session) {
    let chunks = session.options.share(10_000);
    let own = Contestant::new("gpumem", move || features::<B>(chunks));
    let by_hand = Contestant::new("nine `Buffer`s, without statistics", move || without_names::<B>(chunks));
    session.compare("pooled, nine buffers a chunk", [("", "us a chunk")], own, vec![by_hand]);
}

fn features<B: Subject>(chunks: usize) -> One {
    on_device::<B, _>(Device::builder(), |device| {
        let spec = BufferSpec::new("").min(FEATURE_BYTES);
        let specs = FEATURES.map(|name| NamedSpec::new::<f32>(name, 0, &spec));
        let mut statistics = PoolingStatistics::default();
        pooled(device, &specs, |_| Ok(()))?;
        let began = Instant::now();
        for _ in 0..chunks {
            statistics += pooled(device, &specs, |features| Ok(black_box(features).len()))?.1;
        }
        let time = us(began);
        if statistics.reuse_rate() < 1.0 {
            return Err(format!("the driver was called: {statistics}").into());
        }
        Ok([each(time, chunks)])
    })
}

fn without_names<B: Subject>(chunks: usize) -> One {
    on_device::<B, _>(Device::builder(), |device| {
        let specs = FEATURES.map(|name| BufferSpec::new(name).min(FEATURE_BYTES));
        let make =
            || specs.iter().map(|spec| Buffer::<f32, B>::new(device, spec)).collect::<Result<Vec<_>, _>>();
        drop(make()?);
        let began = Instant::now();
        for _ in 0..chunks {
            drop(black_box(make()?));
        }
        Ok([each(us(began), chunks)])
    })
}

/// The time for an access of a kind that succeeds.
fn timed(times: usize, mut access: impl FnMut() -> bool) -> One {
    let began = Instant::now();
    for _ in 0..times {
        if !access() {
            return Err("the buffer was not found".into());
        }
    }
    Ok([1_000.0 * each(us(began), times)])
}

fn named<B: Subject>(times: usize, access: fn(&NamedBuffers<B>, Key<[f32; 3]>) -> bool) -> One {
    on_device::<B, _>(Device::builder(), |device| {
        let mut buffers = NamedBuffers::new(device);
        for number in 0..OTHERS {
            buffers.allocate::<f32>(format!("tile_{number}"), 10, BufferConfig::of::<f32>())?;
        }
        let key = buffers.allocate("positions", 10, BufferConfig::positions())?;
        timed(times, || access(&buffers, key))
    })
}

fn map<B: Subject>(times: usize) -> One {
    on_device::<B, _>(Device::builder(), |device| {
        let mut map = Map::new();
        for number in 0..OTHERS {
            let name = format!("tile_{number}");
            map.insert(name.clone(), Box::new(Buffer::<f32, B>::zeroed(device, name, 10)?));
        }
        let positions = Buffer::<[f32; 3], B>::zeroed(device, "positions", 10)?;
        map.insert("positions".into(), Box::new(positions));
        timed(times, || black_box(by_map::<B>(black_box(&map), black_box("positions"))).is_some())
    })
}

fn derived<B: Subject>(times: usize) -> One {
    on_device::<B, _>(Device::builder(), |device| {
        let graph = Graph::default().upload(device)?;
        timed(times, || {
            black_box(by_derive(black_box(&graph)));
            true
        })
    })
}

fn field<B: Subject>(times: usize) -> One {
    on_device::<B, _>(Device::builder(), |device| {
        let graph = ByHand {
            velocities: Buffer::new(device, "velocities")?,
            positions: Buffer::new(device, "positions")?,
            edges: Buffer::new(device, "edges")?,
        };
        black_box((&graph.velocities, &graph.edges));
        timed(times, || {
            black_box(by_field(black_box(&graph)));
            true
        })
    })
}
