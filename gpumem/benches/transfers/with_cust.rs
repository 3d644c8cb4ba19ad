//! The peer `cust`.

use crate::blocking::{Blocking, copy_blocking, play_blocking};
use crate::by_hand::many;
use crate::cases::launches::{BATCH, LEN};
use crate::common::Failure;
use crate::common::context::{Context, Stream};
use crate::common::turns::{Contestant, us};
use crate::handles::PTX;
use crate::workload::{FRAME_BUFFERS, FRAME_BYTES, Pace, Way, read, repeat};
use cust::memory::{CopyDestination as _, DeviceBuffer};
use std::time::Instant;

pub(crate) fn copier(way: Way, bytes: usize, times: usize) -> Contestant<1> {
    let name = match way {
        Way::Fresh => "cust, as_host_vec",
        Way::Upload => "cust, copy_from",
        _ => "cust, copy_to",
    };
    Contestant::new(name, move || copy_with_cust(way, bytes, times))
}

pub(crate) fn player(pace: Pace, fresh: bool) -> Contestant<2> {
    let name = if fresh { "cust, as_host_vec, blocking" } else { "cust, copy_to, blocking" };
    Contestant::new(name, move || play_with_cust(pace, fresh))
}

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

fn copy_with_cust(way: Way, bytes: usize, times: usize) -> Result<[f64; 1], Failure> {
    // The context is current from here on.
    let _context = Context::start()?;
    copy_blocking(DeviceBuffer::from_slice(&vec![1_u8; bytes])?, way, bytes, times)
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

pub(crate) fn launcher(times: usize) -> Contestant<1> {
    Contestant::new("cust::launch! on gpumem's stream", move || launch_with_cust(times))
}

fn launch_with_cust(times: usize) -> Result<[f64; 1], Failure> {
    let device = gpumem::Device::cuda(0)?;
    let module = device.load_ptx(PTX.to_str()?)?;
    let (nothing, stream) = (module.get_function("nothing")?, device.stream());
    let mut written = gpumem::Buffer::<f32, _>::zeroed(&device, "written", LEN)?;
    let read = gpumem::Buffer::<f32, _>::zeroed(&device, "read", LEN)?;
    repeat(times, || {
        let began = Instant::now();
        for count in 0..BATCH {
            // SAFETY: the kernel takes two addresses and a number, and touches no memory.
            unsafe {
                cust::launch!(nothing<<<4, 256, 0, stream>>>(
                    written.as_device_ptr_mut()?, read.as_device_ptr(), count
                ))?;
            }
        }
        let time = us(began) / f64::from(BATCH);
        device.synchronize()?;
        Ok(time)
    })
}
