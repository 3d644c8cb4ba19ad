//! The transfers of the host backend, written by hand with threads and channels, as for one program.

use crate::common::Failure;
use crate::common::turns::{each, us};
use crate::workload::{Crowd, FRAME_BUFFERS, FRAME_BYTES, FRAME_WORK, Pace, play, read, repeat, spin};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

type Job = Box<dyn FnOnce() + Send>;

/// A thread that runs jobs in order. It ends when the `Lane` is dropped.
struct Lane(Sender<Job>);

impl Lane {
    fn new() -> Self {
        let (send, jobs) = channel::<Job>();
        std::thread::spawn(move || jobs.iter().for_each(|job| job()));
        Self(send)
    }

    fn run(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
        self.0.send(Box::new(job)).map_err(|_| "the thread has ended".into())
    }
}

/// One thread that works, and one that copies.
struct Lanes {
    compute: Lane,
    copies: Lane,
}

impl Lanes {
    fn new() -> Self {
        Self { compute: Lane::new(), copies: Lane::new() }
    }

    fn occupy(&self, time: Duration) -> Result<(), Failure> {
        self.compute.run(move || spin(time))
    }

    /// Copies to `target`, after the work that was queued before. The receiver gives `target` back.
    fn fetch(&self, source: &Arc<Vec<u8>>, mut target: Vec<u8>) -> Result<Receiver<Vec<u8>>, Failure> {
        let (ready, begin) = channel();
        let (done, end) = channel();
        let source = Arc::clone(source);
        // The receiver may be gone.
        self.compute.run(move || {
            let _ = ready.send(());
        })?;
        self.copies.run(move || {
            let _ = begin.recv();
            target.copy_from_slice(&source);
            let _ = done.send(target);
        })?;
        Ok(end)
    }
}

/// The start of a copy, or, if `whole`, the copy until the data is there.
pub(crate) fn start(bytes: usize, behind: Duration, times: usize, whole: bool) -> Result<[f64; 1], Failure> {
    let lanes = Lanes::new();
    let source = Arc::new(vec![1; bytes]);
    let mut target = vec![1; bytes];
    repeat(times, || {
        if !behind.is_zero() {
            lanes.occupy(behind)?;
        }
        let began = Instant::now();
        let copy = lanes.fetch(&source, std::mem::take(&mut target))?;
        let started = us(began);
        target = copy.recv()?;
        let time = if whole { us(began) } else { started };
        black_box(target.first());
        Ok(time)
    })
}

/// Frames with two sets of targets: one set is read while the other is filled.
pub(crate) fn frames(pace: Pace) -> Result<[f64; 2], Failure> {
    let lanes = Lanes::new();
    let sources: Vec<_> = (0..FRAME_BUFFERS).map(|_| Arc::new(vec![1; FRAME_BYTES])).collect();
    let mut spare = vec![vec![vec![1; FRAME_BYTES]; FRAME_BUFFERS]; 2];
    let mut last: Option<(Instant, Vec<Receiver<Vec<u8>>>)> = None;
    play(pace, || {
        lanes.occupy(FRAME_WORK)?;
        let started = Instant::now();
        let targets = spare.pop().ok_or("both sets are under way")?;
        let copies = sources.iter().zip(targets).map(|(source, target)| lanes.fetch(source, target));
        let copies = copies.collect::<Result<_, _>>()?;
        let Some((started, copies)) = last.replace((started, copies)) else { return Ok(None) };
        let arrived = copies.into_iter().map(|copy| Ok(copy.recv()?)).collect::<Result<Vec<_>, Failure>>()?;
        arrived.iter().for_each(|bytes| read(bytes));
        spare.push(arrived);
        Ok(Some(started))
    })
}

/// Many copies, with memory that was allocated before.
pub(crate) fn crowd(crowd: Crowd) -> Result<[f64; 2], Failure> {
    let lanes = Lanes::new();
    let source = Arc::new(vec![1; crowd.bytes]);
    let mut targets = vec![vec![1; crowd.bytes]; crowd.count];
    let mut once = || {
        lanes.occupy(crowd.behind)?;
        let began = Instant::now();
        let mut copies = Vec::with_capacity(crowd.count);
        for target in targets.drain(..) {
            copies.push(lanes.fetch(&source, target)?);
        }
        let start = us(began);
        // The rest of the work is measured after all copies have arrived.
        targets.extend(copies.pop().map(|last| last.recv()).transpose()?);
        let began = Instant::now();
        for copy in copies {
            let target = copy.recv()?;
            black_box(target.first());
            targets.push(target);
        }
        Ok([each(start, crowd.count), each(us(began), crowd.count)])
    };
    once().and_then(|_| once())
}
