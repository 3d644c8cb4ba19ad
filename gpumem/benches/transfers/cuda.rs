//! CUDA's peers: the driver's own calls, and with the feature `cust` that crate.

use crate::blocking::{copy_blocking, play_blocking};
use crate::by_hand::{self, many};
use crate::common::Failure;
use crate::common::context::{Context, Stream};
use crate::common::turns::Contestant;
use crate::handles::{Memory, PTX};
use crate::subject::Subject;
#[cfg(feature = "cust")]
use crate::with_cust;
use crate::workload::{Crowd, FRAME_BUFFERS, FRAME_BYTES, Pace, Way, read};
use gpumem::{Cuda, Device, Error};
use std::time::Duration;

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
        let (occupy, mut nanoseconds) = (kernel.get_function("occupy")?, u64::try_from(time.as_nanos())?);
        // SAFETY: the kernel takes one number and touches no memory.
        unsafe { device.stream().launch(&occupy, 1, 1, 0, &[(&raw mut nanoseconds).cast()]) }?;
        Ok(())
    }

    fn launchers(times: usize) -> Vec<Contestant<1>> {
        vec![
            Contestant::new("cuLaunchKernel", move || by_hand::launch(times)),
            #[cfg(feature = "cust")]
            with_cust::launcher(times),
        ]
    }

    fn starters(bytes: usize, behind: Duration, times: usize) -> Vec<Contestant<1>> {
        vec![Contestant::new("driver calls", move || by_hand::start(bytes, behind, times, false))]
    }

    fn starters_together<const N: usize>(bytes: usize, times: usize) -> Vec<Contestant<1>> {
        vec![
            Contestant::new("driver calls", move || by_hand::start_together::<N>(bytes, times, false)),
            Contestant::new("driver calls, one for all copies", move || {
                by_hand::start_together::<N>(bytes, times, true)
            }),
        ]
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
        let mut peers = vec![pinned, Contestant::new(pageable, move || copy_pageable(way, bytes, times))];
        #[cfg(feature = "cust")]
        peers.push(with_cust::copier(way, bytes, times));
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
            #[cfg(feature = "cust")]
            with_cust::player(pace, false),
            #[cfg(feature = "cust")]
            with_cust::player(pace, true),
        ]
    }

    fn crowds(crowd: Crowd) -> Vec<Contestant<2>> {
        vec![Contestant::new("driver calls", move || by_hand::crowd(crowd))]
    }
}

fn copy_pageable(way: Way, bytes: usize, times: usize) -> Result<[f64; 1], Failure> {
    let context = Context::start()?;
    let memory = Memory::new(context, bytes, &Stream::new(context)?)?;
    copy_blocking(memory, way, bytes, times)
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
