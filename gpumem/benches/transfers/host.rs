//! The host's peers: copies from one slice to another, by the calling thread or by threads with channels.

use crate::cases::launches::{BATCH, LEN};
use crate::common::Failure;
use crate::common::turns::{Contestant, us};
use crate::subject::Subject;
use crate::threads;
use crate::workload::{
    Crowd, FRAME_BUFFERS, FRAME_BYTES, FRAME_WORK, Pace, Way, play, rate, read, repeat, spin,
};
use gpumem::{Buffer, Device, Error, Host};
use std::hint::black_box;
use std::time::{Duration, Instant};

impl Subject for Host {
    type Kernel = ();

    fn open() -> Result<Device<Self>, Error> {
        Ok(Device::host())
    }

    fn load(_: &Device<Self>) -> Result<(), Failure> {
        Ok(())
    }

    fn occupy(device: &Device<Self>, (): &(), time: Duration) -> Result<(), Failure> {
        Ok(device.launch((), move |()| spin(time))?)
    }

    fn launchers(times: usize) -> Vec<Contestant<1>> {
        vec![Contestant::new("Device::launch", move || launch(times))]
    }

    fn starters(bytes: usize, behind: Duration, times: usize) -> Vec<Contestant<1>> {
        vec![Contestant::new("threads by hand", move || threads::start(bytes, behind, times, false))]
    }

    fn starters_together<const N: usize>(_bytes: usize, _times: usize) -> Vec<Contestant<1>> {
        Vec::new()
    }

    fn round_trips(bytes: usize, times: usize) -> Vec<Contestant<1>> {
        vec![Contestant::new("threads by hand", move || threads::start(bytes, Duration::ZERO, times, true))]
    }

    fn copiers(way: Way, bytes: usize, times: usize) -> Vec<Contestant<1>> {
        let name = if way == Way::Fresh { "to_vec" } else { "memcpy" };
        vec![Contestant::new(name, move || copy(way, bytes, times))]
    }

    fn players(pace: Pace) -> Vec<Contestant<2>> {
        let frames = move || {
            let buffers = vec![vec![1_u8; FRAME_BYTES]; FRAME_BUFFERS];
            let mut target = vec![1_u8; FRAME_BYTES];
            play(pace, || {
                let started = Instant::now();
                spin(FRAME_WORK);
                for buffer in &buffers {
                    target.copy_from_slice(black_box(buffer));
                    read(&target);
                }
                Ok(Some(started))
            })
        };
        vec![
            Contestant::new("threads by hand, double-buffered", move || threads::frames(pace)),
            Contestant::new("memcpy, blocking", frames),
        ]
    }

    fn crowds(crowd: Crowd) -> Vec<Contestant<2>> {
        vec![Contestant::new("threads by hand", move || threads::crowd(crowd))]
    }
}

fn copy(way: Way, bytes: usize, times: usize) -> Result<[f64; 1], Failure> {
    let source = vec![1_u8; bytes];
    let mut target = vec![1_u8; bytes];
    rate(bytes, times, || {
        let began = Instant::now();
        if way == Way::Fresh {
            let fresh = black_box(&source).to_vec();
            let time = us(began);
            black_box(&fresh);
            return Ok(time);
        }
        black_box(&mut target).copy_from_slice(black_box(&source));
        Ok(us(began))
    })
}

/// Queues closures.
fn launch(times: usize) -> Result<[f64; 1], Failure> {
    let device = Device::host();
    let mut written = Buffer::<f32>::zeroed(&device, "written", LEN)?;
    let read = Buffer::<f32>::zeroed(&device, "read", LEN)?;
    repeat(times, || {
        let began = Instant::now();
        for count in 0..BATCH {
            device.launch((&mut written, &read), move |(written, read)| {
                black_box((written, read, count));
            })?;
        }
        let time = us(began) / f64::from(BATCH);
        device.synchronize()?;
        Ok(time)
    })
}
