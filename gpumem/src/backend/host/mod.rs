//! The host backend: the machine's own memory and threads as a device.
//!
//! Device memory is memory of the process's heap, or mapped pages. A stream is a thread. This backend is the
//! default and needs nothing installed. It is not a simulation: queued work really runs later, on another
//! thread, in the order of its stream. So a program that forgets to wait is wrong here in the same way as on
//! a card.
//!
//! Each file imports only files above it in this list:
//!
//! * `fault`: this backend's faults;
//! * `memory`: memory of the heap, by name;
//! * `stream`: threads as streams, and events;
//! * `virtual_memory`: addresses, and the pages that are mapped there.

mod fault;
mod memory;
mod stream;
mod virtual_memory;

use super::{Backend, BackendOps, Fault, MemoryInfo};
use fault::{out_of_memory, would_deadlock};
use memory::HostMemory;
use std::fmt;
use std::panic::Location;
use stream::Failed;
pub(crate) use stream::{HostEvent, HostStream};
use virtual_memory::Chunk;

#[cfg(feature = "testing")]
use crate::testing::{CallKind, Failure, Faults, SlowBus};

/// The host backend, which is the default: the machine's own memory and threads.
///
/// A stream is a thread that runs the work of its queue in order. So transfers and kernels of
/// [`Device::launch`](crate::Device::launch) run beside the program as they would on a card. The threads
/// start with the first piece of work and end with the device.
///
/// `Host` is only ever a type parameter; open a device with [`Device::host`](crate::Device::host).
pub struct Host {
    failure: Failed,
    #[cfg(feature = "testing")]
    faults: Option<Faults>,
    #[cfg(feature = "testing")]
    bus: Option<SlowBus>,
    /// The number of calls that asked whether an event is done.
    #[cfg(test)]
    asked: std::sync::atomic::AtomicU64,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Host {
    #[cfg(test)]
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(std::sync::atomic::Ordering::Relaxed)
    }

    pub(crate) fn open() -> Self {
        Self {
            failure: Failed::default(),
            #[cfg(feature = "testing")]
            faults: None,
            #[cfg(feature = "testing")]
            bus: None,
            #[cfg(test)]
            asked: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// The host backend with calls that fail on purpose and transfers that take long.
    #[cfg(feature = "testing")]
    pub(crate) fn for_tests(faults: Option<Faults>, bus: Option<SlowBus>) -> Self {
        Self { faults, bus, ..Self::open() }
    }

    /// The fault that a test has chosen for this call, if it has.
    #[cfg(feature = "testing")]
    fn fail_if_chosen(&self, call: CallKind) -> Result<(), Fault> {
        match self.faults.as_ref().and_then(|faults| faults.chosen(call)) {
            None => Ok(()),
            Some(Failure::OutOfMemory) => Err(out_of_memory()),
            Some(Failure::OfTheDevice) => {
                Err(fault::failed("a call that was chosen to fail", "it was".into()))
            }
        }
    }

    /// Lets a test fail a call that takes new memory.
    fn before_new_memory(&self) -> Result<(), Fault> {
        #[cfg(feature = "testing")]
        self.fail_if_chosen(CallKind::NewMemory)?;
        self.failure.check()
    }

    /// Lets a test fail a call that queues work.
    fn before_queue(&self) -> Result<(), Fault> {
        #[cfg(feature = "testing")]
        self.fail_if_chosen(CallKind::Queue)?;
        self.failure.check()
    }

    /// Queues `job` on `stream`. A panic in it fails the device.
    fn run(&self, stream: &HostStream, job: impl FnOnce() + Send + 'static) -> Result<(), Fault> {
        self.before_queue()?;
        stream.push(None, Box::new(job))
    }

    /// Queues a kernel of the application, which was launched at the line `launched_at`. A panic in it fails
    /// the device.
    pub(crate) fn run_kernel(
        &self,
        stream: &HostStream,
        launched_at: &'static Location<'static>,
        kernel: impl FnOnce() + Send + 'static,
    ) -> Result<(), Fault> {
        self.before_queue()?;
        stream.push(Some(launched_at), Box::new(kernel))
    }

    /// Queues a copy between pinned and "device" memory. On a card such a copy crosses a bus.
    ///
    /// # Safety
    ///
    /// As [`BackendOps::copy_on_device`] (rules 1 and 2).
    unsafe fn transfer(
        &self,
        stream: &HostStream,
        from: (&HostMemory, usize),
        to: (&HostMemory, usize),
        bytes: usize,
    ) -> Result<(), Fault> {
        #[cfg(feature = "testing")]
        if let Some(bus) = self.bus.clone() {
            let (from, to) = (from.0.at(from.1, bytes), to.0.at(to.1, bytes));
            return self.run(stream, move || {
                bus.carry(bytes, |part| {
                    // SAFETY: parts lie in the range that `at` checked against both blocks. The rest are the
                    // caller's promises, which last until this job has ended (rules 1 and 2).
                    unsafe {
                        let (from, to) = (from.get().add(part.start), to.get().add(part.start));
                        std::ptr::copy_nonoverlapping(from, to, part.len());
                    }
                });
            });
        }
        // SAFETY: on this backend all memory is host memory, and the caller's promises are the same
        // (rules 1 and 2).
        unsafe { self.copy_on_device(stream, from, to, bytes) }
    }

    /// The address of a block of "device" memory, for methods of buffers on this backend.
    pub(crate) fn address((memory, offset): (&HostMemory, usize)) -> *mut u8 {
        memory.at(offset, 0).get()
    }
}

impl Backend for Host {
    const NAME: &'static str = fault::NAME;
}

impl BackendOps for Host {
    type Memory = HostMemory;
    type Chunk = Chunk;
    type Pinned = HostMemory;
    type Stream = HostStream;
    type Event = HostEvent;

    fn device_name(&self) -> &str {
        "host"
    }

    fn memory_info(&self) -> Result<MemoryInfo, Fault> {
        Ok(physical_memory())
    }

    #[cfg(feature = "testing")]
    fn is_tested(&self) -> bool {
        self.faults.is_some()
    }

    fn check_failure(&self) -> Result<(), Fault> {
        self.failure.check()
    }

    fn before_block(&self) -> Result<(), Fault> {
        #[cfg(feature = "testing")]
        self.fail_if_chosen(CallKind::Block)?;
        self.failure.check()
    }

    fn allocate(&self, bytes: usize) -> Result<HostMemory, Fault> {
        self.before_new_memory()?;
        HostMemory::new(bytes).ok_or_else(out_of_memory)
    }

    unsafe fn free(&self, memory: HostMemory) -> Result<(), Fault> {
        // SAFETY: the caller promises that nothing uses the block any more (rule 2).
        unsafe { memory.free() };
        Ok(())
    }

    fn address_of(memory: &HostMemory) -> u64 {
        memory.address().addr() as u64
    }

    fn granularity(&self) -> Option<usize> {
        virtual_memory::UNIT
    }

    fn reserve(&self, bytes: usize) -> Result<HostMemory, Fault> {
        // Addresses are not memory, so a test that chooses calls which take memory does not count this one.
        self.failure.check()?;
        virtual_memory::reserve(bytes)
    }

    unsafe fn unreserve(&self, memory: HostMemory, bytes: usize) -> Result<(), Fault> {
        // SAFETY: the caller's promises are the same (rule 2).
        unsafe { virtual_memory::unreserve(memory, bytes) }
    }

    fn create_chunk(&self, bytes: usize) -> Result<Chunk, Fault> {
        self.before_new_memory()?;
        Chunk::new(bytes, memory_left)
    }

    unsafe fn release_chunk(&self, _chunk: Chunk) -> Result<(), Fault> {
        // The pages went back when the chunk was unmapped.
        Ok(())
    }

    unsafe fn map(
        &self,
        memory: &HostMemory,
        offset: usize,
        chunk: &Chunk,
        bytes: usize,
    ) -> Result<(), Fault> {
        self.before_new_memory()?;
        // SAFETY: as for `unreserve` (the system's contract).
        unsafe { virtual_memory::map(memory, offset, chunk, bytes) }
    }

    unsafe fn unmap(
        &self,
        memory: &HostMemory,
        offset: usize,
        chunk: &Chunk,
        bytes: usize,
    ) -> Result<(), Fault> {
        // SAFETY: as for `unreserve` (rule 2).
        unsafe { virtual_memory::unmap(memory, offset, chunk, bytes) }
    }

    fn pin(&self, bytes: usize) -> Result<HostMemory, Fault> {
        self.before_block()?;
        HostMemory::new(bytes).ok_or_else(out_of_memory)
    }

    unsafe fn unpin(&self, pinned: HostMemory) -> Result<(), Fault> {
        // SAFETY: as for `free`, whose contract is the same (rule 3).
        unsafe { self.free(pinned) }
    }

    fn pinned_address(pinned: &HostMemory) -> *mut u8 {
        pinned.address()
    }

    fn create_stream(&self) -> Result<HostStream, Fault> {
        self.failure.check()?;
        Ok(HostStream::new(self.failure.clone()))
    }

    fn record(&self, stream: &HostStream) -> Result<HostEvent, Fault> {
        self.failure.check()?;
        Ok(stream.now())
    }

    fn wait(&self, stream: &HostStream, event: &HostEvent) -> Result<(), Fault> {
        self.before_queue()?;
        if event.is_past() || stream.orders(event) {
            return Ok(());
        }
        let event = event.clone();
        stream.push(None, Box::new(move || event.block()))
    }

    fn is_idle(&self, stream: &HostStream) -> Result<bool, Fault> {
        self.is_done(&stream.now())
    }

    fn is_done(&self, event: &HostEvent) -> Result<bool, Fault> {
        #[cfg(test)]
        self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        // Read before the failure: an event that is past because the device failed must not look like one
        // whose work was done.
        let past = event.is_past();
        self.failure.check()?;
        Ok(past)
    }

    fn may_wait(&self) -> bool {
        !stream::on_worker()
    }

    fn synchronize(&self, event: &HostEvent) -> Result<(), Fault> {
        if !event.is_past() {
            if !self.may_wait() {
                return Err(would_deadlock());
            }
            event.block_unless(&self.failure);
        }
        self.failure.check()
    }

    fn synchronize_asleep(&self, event: &HostEvent) -> Result<(), Fault> {
        // The thread sleeps until the stream's thread wakes it.
        self.synchronize(event)
    }

    unsafe fn copy_to_device(
        &self,
        stream: &HostStream,
        from: (&HostMemory, usize),
        to: (&HostMemory, usize),
        bytes: usize,
    ) -> Result<(), Fault> {
        // SAFETY: the caller's promises are those of `copy_on_device` (rules 1 and 2).
        unsafe { self.transfer(stream, from, to, bytes) }
    }

    unsafe fn copy_to_host(
        &self,
        stream: &HostStream,
        from: (&HostMemory, usize),
        to: (&HostMemory, usize),
        bytes: usize,
    ) -> Result<(), Fault> {
        // SAFETY: as for `copy_to_device` (rules 1 and 2).
        unsafe { self.transfer(stream, from, to, bytes) }
    }

    unsafe fn copy_on_device(
        &self,
        stream: &HostStream,
        (from, from_offset): (&HostMemory, usize),
        (to, to_offset): (&HostMemory, usize),
        bytes: usize,
    ) -> Result<(), Fault> {
        let (from, to) = (from.at(from_offset, bytes), to.at(to_offset, bytes));
        self.run(stream, move || {
            // SAFETY: `at` checked both ranges against their blocks. Until this has run, the caller keeps the
            // blocks alive and the source initialised, and lets no other work write the source or touch the
            // destination (rules 1 and 2).
            unsafe { std::ptr::copy_nonoverlapping(from.get(), to.get(), bytes) }
        })
    }

    unsafe fn fill(
        &self,
        stream: &HostStream,
        (to, offset): (&HostMemory, usize),
        pattern: &[u8],
        count: usize,
    ) -> Result<bool, Fault> {
        let bytes = pattern.len() * count;
        let to = to.at(offset, bytes);
        let pattern: Box<[u8]> = pattern.into();
        self.run(stream, move || {
            // SAFETY: `at` checked the range against the block. Until this has run, the caller keeps the
            // block alive and lets no other work touch the range. `write_bytes` and the copies below
            // initialise it from its start, so nothing uninitialised is read (rules 1 and 2).
            unsafe { fill(to.get(), bytes, &pattern) }
        })?;
        Ok(true)
    }
}

/// Repeats `pattern` over `bytes` bytes. Each copy doubles the filled part: as fast as `memcpy` for any
/// pattern.
///
/// # Safety
///
/// `to` is valid for writing `bytes` bytes, which no other thread touches meanwhile; `bytes` is a multiple of
/// the pattern's length (Rust's contract).
unsafe fn fill(to: *mut u8, bytes: usize, pattern: &[u8]) {
    if pattern.iter().all(|byte| *byte == pattern[0]) {
        // SAFETY: the caller's promise (Rust's contract).
        unsafe { to.write_bytes(pattern[0], bytes) };
        return;
    }
    let mut done = pattern.len().min(bytes);
    // SAFETY: the pattern is a slice of its own and `done` is at most `bytes` (Rust's contract).
    unsafe { std::ptr::copy_nonoverlapping(pattern.as_ptr(), to, done) };
    while done < bytes {
        let next = done.min(bytes - done);
        // SAFETY: the source is `0..next` with `next <= done`, the destination `done..done + next <= bytes`
        // (Rust's contract).
        unsafe { std::ptr::copy_nonoverlapping(to, to.add(done), next) };
        done += next;
    }
}

/// The machine's memory. Only Linux tells it; on other systems nothing is limited.
fn physical_memory() -> MemoryInfo {
    let [free, total] = meminfo(["MemAvailable", "MemTotal"]);
    MemoryInfo { free, total }
}

/// Bytes that can still be taken before the machine has no memory left, swap included: slow memory is no
/// reason to refuse.
fn memory_left() -> Option<u64> {
    let [free, swap] = meminfo(["MemAvailable", "SwapFree"]);
    free?.checked_add(swap.unwrap_or(0))
}

/// Figures of `/proc/meminfo`, in bytes.
fn meminfo<const N: usize>(names: [&str; N]) -> [Option<u64>; N] {
    let text = if cfg!(target_os = "linux") { std::fs::read_to_string("/proc/meminfo").ok() } else { None };
    names.map(|name| {
        let line = text.as_deref()?.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = line.trim_start_matches(':').trim().strip_suffix("kB")?.trim().parse().ok()?;
        kibibytes.checked_mul(1024)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn fill_repeats_every_pattern_length() {
        for width in 1..=12_usize {
            for count in [0, 1, 2, 3, 7, 64] {
                let pattern: Vec<u8> = (1..=u8::try_from(width).unwrap()).collect();
                let mut out = vec![0xee_u8; width * count + 3];
                // SAFETY: the vector is longer than the filled part (Rust's contract).
                unsafe { fill(out.as_mut_ptr(), width * count, &pattern) };
                assert_eq!(out[..width * count], pattern.repeat(count), "{width} x {count}");
                assert_eq!(out[width * count..], [0xee; 3], "nothing behind the end is touched");
            }
        }
    }

    #[test]
    fn events_order_two_streams() {
        let host = Host::open();
        let (first, second) = (host.create_stream().unwrap(), host.create_stream().unwrap());
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let log = seen.clone();
        host.run(&first, move || {
            gate.recv().unwrap();
            log.lock().unwrap().push(1);
        })
        .unwrap();
        let event = host.record(&first).unwrap();
        host.wait(&second, &event).unwrap();
        let log = seen.clone();
        host.run(&second, move || log.lock().unwrap().push(2)).unwrap();
        let last = host.record(&second).unwrap();
        assert!(!host.is_done(&event).unwrap() && !host.is_done(&last).unwrap());
        release.send(()).unwrap();
        host.synchronize(&last).unwrap();
        assert_eq!(*seen.lock().unwrap(), [1, 2]);
        assert!(host.is_done(&event).unwrap());
    }

    #[test]
    fn a_panic_fails_the_device_and_no_wait_hangs() {
        let host = Host::open();
        let (stream, other) = (host.create_stream().unwrap(), host.create_stream().unwrap());
        host.run(&stream, || panic!("planted")).unwrap();
        let error = loop {
            // Until the panic has happened the device still takes work.
            match host.record(&stream).and_then(|event| host.synchronize(&event)) {
                Ok(()) => {}
                Err(fault) => break fault,
            }
        };
        assert!(error.to_string().contains("planted"), "{error}");
        assert_eq!(host.record(&other), Err(error.clone()), "every stream of the device has failed");
        assert_eq!(host.run(&other, || ()), Err(error));
    }

    #[test]
    fn a_kernel_that_waits_is_refused() {
        let host = Arc::new(Host::open());
        let stream = Arc::new(host.create_stream().unwrap());
        let (send, receive) = std::sync::mpsc::channel();
        let (inner_host, inner_stream) = (host.clone(), stream.clone());
        host.run(&stream, move || {
            let event = inner_host.record(&inner_stream).unwrap();
            send.send(inner_host.synchronize(&event)).unwrap();
        })
        .unwrap();
        assert_eq!(receive.recv().unwrap(), Err(would_deadlock()));
    }
}
