//! Every sequence of operations, up to a length, around transfers that are under way. The data of a ticket is
//! compared with a plain `Vec` as it was when the download was started. The contents of the buffer at the end
//! are compared with a `Vec` that had the same operations.
//!
//! Sequences share a device, one after the other. So each sequence finds the memory that the one before it
//! has released, perhaps while a copy still reads it. A sequence that drops the device has a separate one. On
//! the host the bus is slow, and on a card a kernel runs first, so that the next operation comes before the
//! copy has ended.

use crate::{Open, Told, on_each_backend, open};
use gpumem::testing::SlowBus;
use gpumem::{Async, Buffer, BufferSpec, Device, Download, DownloadGuard, Error, Upload};
use gpumem_tests::{Kernel, TestBackend};
use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::task::{self, Context, Waker};
use std::time::Duration;

/// Elements at the start: 4 KiB, which take the bus 100 µs.
const LEN: usize = 1_024;
const RATE: u64 = 40 << 20;

/// How long a card is busy at the start.
const BUSY: Duration = Duration::from_micros(100);

/// Threads on the host. They wait for the bus most of the time.
const THREADS: usize = 8;

/// Download slots of the buffer.
const SLOTS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Start,
    StartRange,
    Write,
    Fill,
    AddOne,
    Grow,
    Shrink,
    Clear,
    Poll,
    Timeout,
    Wait,
    DropTicket,
    ForgetTicket,
    Stage,
    StagePart,
    WaitUpload,
    DropUpload,
    ForgetUpload,
    /// Another buffer takes memory, perhaps the memory that this one has released, and writes it.
    Other,
    DropBuffer,
    DropDevice,
}
use Op::*;

const DOWNLOADS: [Op; 16] = [
    Start,
    StartRange,
    Write,
    Fill,
    AddOne,
    Grow,
    Shrink,
    Clear,
    Poll,
    Timeout,
    Wait,
    DropTicket,
    ForgetTicket,
    Other,
    DropBuffer,
    DropDevice,
];
const ESSENCE: [Op; 9] = [Start, Write, Grow, Wait, DropTicket, ForgetTicket, Other, DropBuffer, DropDevice];
const UPLOADS: [Op; 14] = [
    Start,
    Write,
    AddOne,
    Grow,
    Shrink,
    Wait,
    Stage,
    StagePart,
    WaitUpload,
    DropUpload,
    ForgetUpload,
    Other,
    DropBuffer,
    DropDevice,
];

impl Op {
    /// Whether the operation can follow `word`.
    fn fits(self, word: &[Op]) -> bool {
        let count = |ops: &[Op]| word.iter().filter(|op| ops.contains(op)).count();
        let tickets = || count(&[Start, StartRange]) > count(&[Wait, DropTicket, ForgetTicket]);
        match self {
            Poll | Timeout | Wait | DropTicket => tickets(),
            // A ticket that is forgotten after its buffer was dropped cannot be abandoned, and keeps the
            // device: see `cancellation`.
            ForgetTicket => tickets() && count(&[DropBuffer]) == 0,
            WaitUpload | DropUpload | ForgetUpload => {
                count(&[Stage, StagePart]) > count(&[WaitUpload, DropUpload, ForgetUpload])
            }
            DropDevice => count(&[DropDevice]) == 0,
            // Needs a handle of the device.
            Other => count(&[DropBuffer, DropDevice]) < 2,
            _ => count(&[DropBuffer]) == 0,
        }
    }
}

/// All sequences of `length` operations that begin with one of `first`, and shorter ones that no operation
/// can follow.
fn words(first: &[Op], alphabet: &[Op], length: usize) -> Vec<Vec<Op>> {
    let mut words: Vec<Vec<Op>> = first.iter().map(|op| vec![*op]).collect();
    for _ in 1..length {
        let longer = words.into_iter().flat_map(|word| {
            let fits = |op: &&Op| op.fits(&word);
            let longer: Vec<_> =
                alphabet.iter().filter(fits).map(|op| [word.as_slice(), &[*op]].concat()).collect();
            if longer.is_empty() { vec![word] } else { longer }
        });
        words = longer.collect();
    }
    words
}

on_each_backend!(every_sequence_of_operations_around_a_download);
fn every_sequence_of_operations_around_a_download<B: TestBackend>(open: Open<'_, B>) {
    for spec in [spec(), spec().snapshot()] {
        run_all(open, &spec, &[Start, StartRange], &DOWNLOADS, 4);
    }
}

on_each_backend!(longer_sequences_around_a_download);
fn longer_sequences_around_a_download<B: TestBackend>(open: Open<'_, B>) {
    for spec in [spec(), spec().snapshot()] {
        run_all(open, &spec, &[Start], &ESSENCE, 5);
    }
}

on_each_backend!(sequences_around_a_download_of_a_buffer_that_grows_in_place);
fn sequences_around_a_download_of_a_buffer_that_grows_in_place<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    // Without virtual memory no buffer grows in place.
    let spec = if device.has_virtual_memory() { spec().stable().max(1 << 22) } else { spec() };
    run_all(open, &spec, &[Start], &ESSENCE, 4);
    run_all(open, &spec.snapshot(), &[Start], &ESSENCE, 4);
}

on_each_backend!(every_sequence_of_operations_around_an_upload);
fn every_sequence_of_operations_around_an_upload<B: TestBackend>(open: Open<'_, B>) {
    run_all(open, &spec(), &[Start, Stage, StagePart], &UPLOADS, 4);
    run_all(open, &spec().snapshot(), &[Start, Stage, StagePart], &UPLOADS, 3);
}

fn spec() -> BufferSpec {
    BufferSpec::new("buffer").slots(SLOTS)
}

/// Runs all sequences, on several threads. On the driver made of threads, the sequences of a large alphabet
/// are shorter.
fn run_all<B: TestBackend>(
    open: Open<'_, B>,
    spec: &BufferSpec,
    first: &[Op],
    alphabet: &[Op],
    length: usize,
) {
    // Ends the case if there is no device.
    let device = open!(open);
    // The driver made of threads is slow.
    let many = B::NAME != "host" && !B::is_card(&device) && alphabet.len() > ESSENCE.len();
    let length = if many { length - 1 } else { length };
    drop(device);
    let bus = SlowBus::new(RATE);
    let sequences = Sequences {
        words: words(first, alphabet, length),
        next: AtomicUsize::new(0),
        starts: [const { AtomicUsize::new(0) }; 2],
    };
    let threads = if B::NAME == "host" { THREADS } else { 2 };
    std::thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(|| sequences.run::<B>(&bus, spec))));
    let [starts, under_way] = sequences.starts.map(AtomicUsize::into_inner);
    let count = sequences.words.len();
    println!("{count} sequences, {starts} downloads, {under_way} of them under way at the next operation");
    // Otherwise this tests nothing. The slow bus guarantees it, unless the system does not run this thread.
    assert!(B::NAME != "host" || under_way > starts / 4, "{under_way} of {starts}");
}

/// Sequences that several threads run.
struct Sequences {
    words: Vec<Vec<Op>>,
    /// The index of the next sequence.
    next: AtomicUsize,
    /// Downloads that were started, and how many of them were under way at the next operation.
    starts: [AtomicUsize; 2],
}

impl Sequences {
    /// Runs sequences until there are no more, on a device that the sequences of this thread share.
    fn run<B: TestBackend>(&self, bus: &SlowBus, spec: &BufferSpec) {
        let open = || B::open(Device::builder().slow_bus(bus)).expect("there was one just now");
        let shared = open();
        let (add_one, occupy) = (B::adder(&shared), B::occupier(&shared));
        while let Some(word) = self.words.get(self.next.fetch_add(1, Relaxed)) {
            let _told = Told(format!("the sequence {word:?}"));
            let counted = if word.contains(&DropDevice) {
                let device = open();
                let add_one = B::adder(&device);
                if B::NAME != "host" {
                    B::occupy(&device, BUSY);
                }
                Run::new(device, spec, &add_one).all(word)
            } else {
                if B::NAME != "host" {
                    occupy(BUSY);
                }
                Run::new(shared.clone(), spec, &add_one).all(word)
            };
            self.starts.iter().zip(counted).for_each(|(sum, count)| _ = sum.fetch_add(count, Relaxed));
        }
        shared.synchronize().unwrap();
        let stats = shared.stats();
        let left = (stats.live_buffers, stats.live_bytes, stats.retired_bytes, stats.lost_bytes);
        assert_eq!(left, (0, 0, 0, 0), "{stats:?}");
        drop(occupy);
        // No ticket and no guard holds the device, forgotten ones included.
        shared.close().unwrap();
    }
}

/// One sequence.
struct Run<'a, B: TestBackend> {
    /// The handle that `DropDevice` drops.
    device: Option<Device<B>>,
    add_one: &'a Kernel<B, Async>,
    buffer: Option<Buffer<u32, B, Async>>,
    model: Vec<u32>,
    /// Oldest first.
    tickets: VecDeque<Ticket<B>>,
    /// Kept to the end: their elements must not change.
    guards: Vec<(DownloadGuard<u32, B>, Vec<u32>)>,
    /// The number of forgotten tickets that hold slots.
    forgotten: usize,
    uploads: VecDeque<Upload<B>>,
    staged: usize,
    /// Kept to the end, with the value in them.
    others: Vec<(Buffer<u32, B>, u32)>,
    /// A new value for each write, so that no earlier data has it.
    value: u32,
    starts: usize,
    under_way: usize,
}

struct Ticket<B: TestBackend> {
    download: Download<u32, B>,
    expected: Vec<u32>,
    abandoned: bool,
}

/// Checks the result of a ticket: the guard, or the error of an abandoned download.
fn check<B: TestBackend>(
    result: Result<DownloadGuard<u32, B>, Error>,
    expected: &[u32],
    abandoned: bool,
) -> Option<DownloadGuard<u32, B>> {
    if abandoned {
        assert!(matches!(result, Err(Error::DownloadAbandoned { .. })), "{result:?}");
        return None;
    }
    let guard = result.unwrap();
    assert!(*guard == *expected, "a download shows something else than its start");
    Some(guard)
}

impl<'a, B: TestBackend> Run<'a, B> {
    fn new(device: Device<B>, spec: &BufferSpec, add_one: &'a Kernel<B, Async>) -> Self {
        // A new value in (nearly) each sequence: data of the sequence before must not pass for the data of
        // this one.
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let value = NEXT.fetch_add(1 << 16, Relaxed) & (u32::MAX >> 1);
        let model: Vec<u32> = (value..).take(LEN).collect();
        Self {
            add_one,
            buffer: Some(Buffer::from_slice(&device, spec, &model).unwrap().into_async()),
            device: Some(device),
            model,
            tickets: VecDeque::new(),
            guards: Vec::new(),
            forgotten: 0,
            uploads: VecDeque::new(),
            staged: 0,
            others: Vec::new(),
            value,
            starts: 0,
            under_way: 0,
        }
    }

    /// `count` new elements.
    fn elements(&mut self, count: usize) -> Vec<u32> {
        self.value += 1 << 12;
        (self.value..).take(count).collect()
    }

    /// Runs all operations, and checks their results.
    fn all(mut self, word: &[Op]) -> [usize; 2] {
        word.iter().for_each(|op| self.operate(*op));
        self.end()
    }

    fn operate(&mut self, op: Op) {
        match op {
            Start | StartRange | Write | Fill | AddOne | Grow | Shrink | Clear | Stage | StagePart => {
                self.use_buffer(op);
            }
            Poll | Timeout | Wait | DropTicket | ForgetTicket => self.use_ticket(op),
            WaitUpload | DropUpload | ForgetUpload => {
                let Some(upload) = self.uploads.pop_front() else { return };
                match op {
                    WaitUpload => upload.wait().unwrap(),
                    DropUpload => drop(upload),
                    _ => std::mem::forget(upload),
                }
            }
            Other => {
                let device = self.device.as_ref().or(self.buffer.as_ref().map(Buffer::device));
                let Some(device) = device.cloned() else { return };
                let value = self.elements(1)[0];
                let mut other = Buffer::with_capacity(&device, "other", LEN).unwrap();
                other.resize(LEN).unwrap();
                other.fill(value).unwrap();
                self.others.push((other, value));
            }
            DropDevice => self.device = None,
            DropBuffer => {
                // The documentation asks this of a program that forgets tickets. Otherwise the device would
                // stay open for good.
                if let (Some(buffer), 1..) = (&self.buffer, self.forgotten) {
                    buffer.abandon_downloads();
                    self.abandoned();
                }
                self.buffer = None;
            }
        }
    }

    fn use_buffer(&mut self, op: Op) {
        let part = self.model.len() / 4..self.model.len() / 4 * 3;
        match op {
            Start => self.start(0..self.model.len()),
            StartRange => self.start(part),
            Stage => {
                // In turn, a stage that fits into the buffer's memory, and one that needs more.
                self.staged += 1;
                let len = [self.model.len() + LEN / 2, self.model.len() * 3 / 4][self.staged % 2];
                let data = self.elements(len);
                self.stage(&data, None);
                self.model = data;
            }
            StagePart => {
                let data = self.elements(part.len());
                self.stage(&data, Some(part.start));
                self.model[part].copy_from_slice(&data);
            }
            Write => {
                let data = self.elements(part.len());
                let Some(buffer) = &mut self.buffer else { return };
                buffer.write(part.start, &data).unwrap();
                self.model[part].copy_from_slice(&data);
            }
            _ => self.change(op, part.end),
        }
    }

    /// Commits a stage that replaces all elements, or those from `offset` on.
    fn stage(&mut self, data: &[u32], offset: Option<usize>) {
        let Some(buffer) = &mut self.buffer else { return };
        let mut stage = buffer.stage(data.len()).unwrap();
        stage.copy_from_slice(data);
        let upload = match offset {
            Some(offset) => stage.commit_at(offset),
            None => stage.commit(),
        };
        self.uploads.push_back(upload.unwrap());
    }

    /// Changes all elements, or the length.
    fn change(&mut self, op: Op, shorter: usize) {
        let value = self.elements(1)[0];
        let Self { buffer: Some(buffer), model, .. } = self else { return };
        match op {
            Fill => {
                buffer.fill(value).unwrap();
                model.fill(value);
            }
            AddOne => {
                (self.add_one)(buffer);
                model.iter_mut().for_each(|element| *element = element.wrapping_add(1));
            }
            Grow => {
                let len = buffer.capacity() + model.len() / 2 + 1;
                buffer.resize(len).unwrap();
                model.resize(len, 0);
            }
            Shrink => {
                model.truncate(shorter);
                buffer.truncate(shorter);
                buffer.shrink_to_fit().unwrap();
            }
            _ => {
                model.clear();
                buffer.clear();
            }
        }
    }

    fn start(&mut self, range: Range<usize>) {
        let Some(buffer) = &self.buffer else { return };
        let expected = self.model[range.clone()].to_vec();
        // An empty download takes no slot.
        let waiting = self.tickets.iter().filter(|ticket| !ticket.abandoned && !ticket.expected.is_empty());
        let guards = self.guards.iter().filter(|(_, expected)| !expected.is_empty());
        let held = waiting.count() + guards.count() + self.forgotten;
        let download = match buffer.view(range.clone()).unwrap().start_download() {
            Ok(download) => {
                assert!(held < SLOTS || expected.is_empty(), "{held} slots were taken before");
                download
            }
            Err(Error::SlotsBusy { .. }) if held < SLOTS => {
                // Tickets were dropped, and their copies still run. Their slots are freed without help.
                buffer.view(range).unwrap().start_download_when_free().wait().unwrap()
            }
            Err(Error::SlotsBusy { .. }) if self.forgotten > 0 => {
                buffer.abandon_downloads();
                let download = buffer.view(range).unwrap().start_download().unwrap();
                self.abandoned();
                download
            }
            Err(Error::SlotsBusy { .. }) => return,
            Err(error) => panic!("{error}"),
        };
        if !expected.is_empty() {
            self.starts += 1;
            self.under_way += usize::from(!download.is_ready().unwrap());
        }
        self.tickets.push_back(Ticket { download, expected, abandoned: false });
    }

    fn abandoned(&mut self) {
        self.forgotten = 0;
        self.tickets.iter_mut().for_each(|ticket| ticket.abandoned = !ticket.expected.is_empty());
    }

    /// Applies `op` to the oldest ticket.
    fn use_ticket(&mut self, op: Op) {
        let Some(mut ticket) = self.tickets.pop_front() else { return };
        match op {
            Poll | Timeout => {
                let result = if op == Timeout {
                    ticket.download.wait_timeout(Duration::ZERO).transpose()
                } else {
                    match Pin::new(&mut ticket.download).poll(&mut Context::from_waker(Waker::noop())) {
                        task::Poll::Ready(result) => Some(result),
                        task::Poll::Pending => None,
                    }
                };
                match result {
                    Some(result) => drop(check(result, &ticket.expected, ticket.abandoned)),
                    None => self.tickets.push_front(ticket),
                }
            }
            Wait => self.wait(ticket),
            DropTicket => drop(ticket),
            _ => {
                self.forgotten += usize::from(!ticket.abandoned && !ticket.expected.is_empty());
                std::mem::forget(ticket.download);
            }
        }
    }

    fn wait(&mut self, ticket: Ticket<B>) {
        let Ticket { download, expected, abandoned } = ticket;
        if let Some(guard) = check(download.wait(), &expected, abandoned) {
            self.guards.push((guard, expected));
        }
    }

    /// Checks everything that is left. Returns how many downloads were started, and how many of them were
    /// under way at the next operation.
    fn end(mut self) -> [usize; 2] {
        while let Some(ticket) = self.tickets.pop_front() {
            self.wait(ticket);
        }
        self.uploads.drain(..).for_each(|upload| upload.wait().unwrap());
        if let Some(buffer) = &self.buffer {
            assert!(buffer.download().unwrap() == self.model, "the buffer holds something else");
        }
        for (other, value) in &self.others {
            assert!(*other.download().unwrap() == [*value; LEN], "another buffer holds something else");
        }
        for (guard, expected) in self.guards.drain(..) {
            assert!(*guard == expected, "what a guard shows has changed");
        }
        if let Some(buffer) = self.buffer.take() {
            // The blocking download was the last on its stream, so the copies of all dropped tickets have
            // ended.
            buffer.abandon_downloads();
            assert_eq!(buffer.stats().slots_taken, 0);
        }
        [self.starts, self.under_way]
    }
}
