//! CUDA's peers: the driver's own calls, and `cust`.

use crate::by_hand::{self, many};
use crate::common::Failure;
use crate::common::context::{Context, Stream};
use crate::common::turns::{Contestant, us};
use crate::handles::{Memory, Occupy, PTX};
use crate::subject::Subject;
use crate::workload::{Crowd, FRAME_BUFFERS, FRAME_BYTES, FRAME_WORK, Pace, Way, play, rate, read};
use cust::memory::{CopyDestination as _, DeviceBuffer};
use gpumem::{Cuda, Device, Error};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The size from which several threads share a copy.
const SHARED: usize = 12 << 20;

impl Subject for Cuda {
    type Kernel = gpumem::cuda::Module;

    fn open() -> Result<Device<Self>, Error> {
        Device::cuda(0)
    }

    fn load(device: &Device<Self>) -> Result<Self::Kernel, Failure> {
        Ok(device.load_ptx(PTX.to_str()?)?)
    }

    fn occupy(device: &Device<Self>, kernel: &Self::Kernel, time: Duration) -> Result<(), Failure> {
        let (stream, occupy) = (device.stream(), kernel.get_function("occupy")?);
        let nanoseconds = u64::try_from(time.as_nanos())?;
        // SAFETY: the kernel takes one number and touches no memory.
        unsafe { cust::launch!(occupy<<<1, 1, 0, stream>>>(nanoseconds)) }?;
        Ok(())
    }

    fn starters(bytes: usize, behind: Duration, times: usize) -> Vec<Contestant<1>> {
        vec![Contestant::new("driver calls", move || by_hand::start(bytes, behind, times, false))]
    }

    fn round_trips(bytes: usize, times: usize) -> Vec<Contestant<1>> {
        vec![Contestant::new("driver calls", move || by_hand::start(bytes, Duration::ZERO, times, true))]
    }

    fn copiers(way: Way, bytes: usize, times: usize) -> Vec<Contestant<1>> {
        let up = way == Way::Upload;
        let pinned = Contestant::new("pinned", move || by_hand::pinned(up, bytes, times));
        // The other peers can only copy to a slice or to a `Vec`.
        let guard = way == Way::Guard;
        let way = if guard { Way::Slice } else { way };
        let pageable = if up { "cuMemcpyHtoD" } else { "cuMemcpyDtoH" };
        let cust = match way {
            Way::Fresh => "cust, as_host_vec",
            Way::Upload => "cust, copy_from",
            _ => "cust, copy_to",
        };
        let mut peers = vec![
            pinned,
            Contestant::new(pageable, move || copy_pageable(way, bytes, times)),
            Contestant::new(cust, move || copy_with_cust(way, bytes, times)),
        ];
        if !guard && way != Way::Fresh && bytes >= SHARED {
            peers.push(Contestant::new("staged by hand, four workers", move || {
                by_hand::staged(up, bytes, times)
            }));
        }
        peers
    }

    fn players(pace: Pace) -> Vec<Contestant<2>> {
        vec![
            Contestant::new("by hand, double-buffered", move || by_hand::frames(pace)),
            Contestant::new("cuMemcpyDtoH, blocking", move || play_pageable(pace)),
            Contestant::new("cust, copy_to, blocking", move || play_with_cust(pace, false)),
            Contestant::new("cust, as_host_vec, blocking", move || play_with_cust(pace, true)),
        ]
    }

    fn crowds(crowd: Crowd) -> Vec<Contestant<2>> {
        vec![Contestant::new("driver calls", move || by_hand::crowd(crowd))]
    }
}

/// Device memory with blocking copies from and to the program's memory.
trait Blocking {
    fn fetch(&self) -> Result<Vec<u8>, Failure>;

    fn fetch_into(&self, target: &mut [u8]) -> Result<(), Failure>;

    fn send(&mut self, source: &[u8]) -> Result<(), Failure>;
}

/// The driver's blocking copies.
impl Blocking for Memory {
    fn fetch(&self) -> Result<Vec<u8>, Failure> {
        self.to_vec()
    }

    fn fetch_into(&self, target: &mut [u8]) -> Result<(), Failure> {
        self.copy_to(target)
    }

    fn send(&mut self, source: &[u8]) -> Result<(), Failure> {
        self.copy_from(source)
    }
}

/// The blocking copies of `cust`.
impl Blocking for DeviceBuffer<u8> {
    fn fetch(&self) -> Result<Vec<u8>, Failure> {
        Ok(self.as_host_vec()?)
    }

    fn fetch_into(&self, target: &mut [u8]) -> Result<(), Failure> {
        Ok(self.copy_to(target)?)
    }

    fn send(&mut self, source: &[u8]) -> Result<(), Failure> {
        Ok(self.copy_from(source)?)
    }
}

fn copy_pageable(way: Way, bytes: usize, times: usize) -> Result<[f64; 1], Failure> {
    let context = Context::start()?;
    let memory = Memory::new(context, bytes, &Stream::new(context)?)?;
    copy_blocking(memory, way, bytes, times)
}

fn copy_with_cust(way: Way, bytes: usize, times: usize) -> Result<[f64; 1], Failure> {
    // The context is current from here on.
    let _context = Context::start()?;
    copy_blocking(DeviceBuffer::from_slice(&vec![1_u8; bytes])?, way, bytes, times)
}

fn copy_blocking(
    mut memory: impl Blocking,
    way: Way,
    bytes: usize,
    times: usize,
) -> Result<[f64; 1], Failure> {
    let mut host = way.on_host(bytes);
    rate(bytes, times, || {
        let began = Instant::now();
        match way {
            Way::Fresh => {
                let fresh = memory.fetch()?;
                let time = us(began);
                black_box(&fresh);
                return Ok(time);
            }
            Way::Guard | Way::Slice => memory.fetch_into(black_box(&mut host))?,
            Way::Upload => {
                memory.send(black_box(&host))?;
                // The call may return when the data is staged, before it has arrived.
                legacy_stream_is_idle()?;
            }
        }
        Ok(us(began))
    })
}

/// Waits for the stream on which the driver does blocking copies.
fn legacy_stream_is_idle() -> Result<(), Failure> {
    Ok(cust::context::CurrentContext::synchronize()?)
}

fn play_pageable(pace: Pace) -> Result<[f64; 2], Failure> {
    let context = Context::start()?;
    let compute = Stream::new(context)?;
    let buffers = many(FRAME_BUFFERS, || Memory::new(context, FRAME_BYTES, &compute))?;
    let mut target = vec![1; FRAME_BYTES];
    play_blocking(pace, context, &compute, |index| {
        buffers[index].copy_to(&mut target)?;
        read(&target);
        Ok(())
    })
}

fn play_with_cust(pace: Pace, fresh: bool) -> Result<[f64; 2], Failure> {
    let context = Context::start()?;
    let compute = Stream::new(context)?;
    let buffers = many(FRAME_BUFFERS, || Ok(DeviceBuffer::from_slice(&vec![1_u8; FRAME_BYTES])?))?;
    let mut target = vec![1; FRAME_BYTES];
    play_blocking(pace, context, &compute, |index| {
        if fresh {
            read(&buffers[index].as_host_vec()?);
        } else {
            buffers[index].copy_to(&mut target)?;
            read(&target);
        }
        Ok(())
    })
}

/// Frames whose buffers are fetched one after the other, after the work has ended.
fn play_blocking(
    pace: Pace,
    context: Context,
    compute: &Stream,
    mut fetch: impl FnMut(usize) -> Result<(), Failure>,
) -> Result<[f64; 2], Failure> {
    let occupy = Occupy::load(context)?;
    play(pace, || {
        occupy.launch(compute, FRAME_WORK)?;
        let started = Instant::now();
        compute.synchronize()?;
        (0..FRAME_BUFFERS).try_for_each(&mut fetch)?;
        Ok(Some(started))
    })
}
