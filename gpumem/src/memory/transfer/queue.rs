//! The transfers in flight on a lane: one list, which the lane, its tickets and its wake thread share.
//!
//! It refers neither to the stream nor to the device, so a thread that looks at a ticket keeps neither of
//! them alive. Transfers enter at the end ([`LaneGuard::enter`]) and leave at the front
//! ([`Queue::release_ended`], [`Queue::release_taken`]), so their numbers have no gaps, and a transfer is
//! found by its number. The list also has the watches of the tasks that await each transfer; the module
//! comment of `wake_thread` has the protocol.

use super::in_flight::{InFlight, Payload};
use super::watch::{Ended, Watch};
use crate::backend::{Backend, Fault};
use crate::memory::locks::lock;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;

/// With more transfers than this, those that have ended are looked for when a result is taken: after a
/// transfer whose ticket was dropped, those whose results were taken stay.
const MANY: usize = 8;

/// The transfers of a lane that have not been seen to end.
pub(crate) struct Queue<B: Backend> {
    /// The device state's.
    backend: Weak<B>,
    transfers: Mutex<Transfers<B>>,
    /// A transfer is awaited that was not, or the device has ended.
    changed: Condvar,
    /// Whether the wake thread was started.
    started: Mutex<bool>,
    /// Watches that have not been told of the end: while there are none, the wake thread waits for no
    /// transfer.
    awaited: Arc<AtomicUsize>,
}

struct Transfers<B: Backend> {
    /// In the order of their numbers, and nearly in that of the stream, so those that are done are at the
    /// front. A transfer that entered some time after its event was recorded
    /// ([`Lane::hold`](super::Lane::hold)) may end before those in front of it; then it is released a little
    /// later.
    running: VecDeque<Running<B>>,
    /// How many there have been.
    entered: u64,
    /// The wake thread has seen the ends of all transfers with smaller numbers than this.
    seen: u64,
    /// Watches of transfers that left before the wake thread saw them, and how these ended.
    left: Vec<Ended>,
    /// The device has ended.
    closed: bool,
}

struct Running<B: Backend> {
    transfer: Arc<InFlight<B>>,
    /// Some may have been dropped.
    watches: Vec<Weak<Watch>>,
}

impl<B: Backend> Transfers<B> {
    /// The number of the transfer at the front.
    fn first(&self) -> u64 {
        self.entered - self.running.len() as u64
    }

    /// The transfer with this number, if it is there.
    fn get(&mut self, number: u64) -> Option<&mut Running<B>> {
        let index = number.checked_sub(self.first())?;
        self.running.get_mut(usize::try_from(index).ok()?)
    }

    /// Takes the transfer at the front out. The wake thread tells the tasks that await it. It need not be
    /// woken for that: it does not sleep before all are told.
    fn leave(&mut self, end: &Result<(), Fault>) -> Option<Arc<InFlight<B>>> {
        let Running { transfer, watches } = self.running.pop_front()?;
        let live = watches.into_iter().filter(|watch| watch.strong_count() > 0);
        self.left.extend(live.map(|watch| (watch, end.clone())));
        Some(transfer)
    }
}

/// A lane to which no other thread adds transfers: an event that is recorded now comes after those of all
/// transfers so far, and before those of all transfers that enter with an event recorded in the same way.
pub(crate) struct LaneGuard<'a, B: Backend> {
    transfers: MutexGuard<'a, Transfers<B>>,
}

impl<B: Backend> LaneGuard<'_, B> {
    pub(super) fn enter(&mut self, event: B::Event, payload: Payload<B>) -> Arc<InFlight<B>> {
        let transfer = Arc::new(InFlight::new(self.transfers.entered, event, payload));
        self.transfers.entered += 1;
        self.transfers.running.push_back(Running { transfer: transfer.clone(), watches: Vec::new() });
        transfer
    }
}

/// The next work of the wake thread.
pub(crate) enum Next<B: Backend> {
    /// It tells these watches.
    Tell(Vec<Ended>),
    /// It waits for the transfer with this number.
    Wait(u64, B::Event),
}

impl<B: Backend> Queue<B> {
    pub(crate) fn new(backend: &Arc<B>) -> Self {
        let transfers =
            Transfers { running: VecDeque::new(), entered: 0, seen: 0, left: Vec::new(), closed: false };
        Self {
            backend: Arc::downgrade(backend),
            transfers: Mutex::new(transfers),
            changed: Condvar::new(),
            started: Mutex::new(false),
            awaited: Arc::default(),
        }
    }

    /// The device's backend, as long as the device is there.
    pub(crate) fn backend(&self) -> Option<Arc<B>> {
        self.backend.upgrade()
    }

    pub(crate) fn lock(&self) -> LaneGuard<'_, B> {
        LaneGuard { transfers: lock(&self.transfers) }
    }

    /// Releases the transfers that have ended. Returns whether none is left.
    pub(crate) fn release_ended(&self, backend: &B) -> bool {
        let mut ended = Vec::new();
        let mut transfers = lock(&self.transfers);
        while let Some(Running { transfer, .. }) = transfers.running.front() {
            // Where the payload is gone, the end has been seen or concerns no thread: the device need not be
            // asked.
            let end = if transfer.is_taken() { Ok(true) } else { backend.is_done(transfer.event()) };
            let end = match end {
                Ok(false) => break,
                Ok(true) => Ok(()),
                // A failed device does not tell when its copies stop, so their memory is not used again.
                Err(fault) if fault.is_failure() => Err(fault),
                // The driver refused the question: it is asked again later.
                Err(_) => break,
            };
            ended.extend(transfers.leave(&end).map(|transfer| (transfer, end)));
        }
        let empty = transfers.running.is_empty();
        drop(transfers);
        // Outside the lock: a payload that is dropped goes back to a pool with a lock of its own.
        for (transfer, end) in ended {
            transfer.ended(end);
        }
        empty
    }

    /// Releases the oldest transfers whose results have been taken. The device is asked about others only
    /// where there are many.
    pub(crate) fn release_taken(&self, backend: &B) {
        loop {
            let mut transfers = lock(&self.transfers);
            let is_taken = transfers.running.front().is_some_and(|running| running.transfer.is_taken());
            if !is_taken {
                let many = transfers.running.len() > MANY;
                drop(transfers);
                if many {
                    self.release_ended(backend);
                }
                return;
            }
            let transfer = transfers.leave(&Ok(()));
            drop(transfers);
            // Outside the lock, with its event.
            drop(transfer);
        }
    }

    /// The event of the newest transfer but for `most`: when it is done, at most `most` are left.
    pub(crate) fn newest_beyond(&self, most: usize) -> Option<B::Event> {
        let transfers = lock(&self.transfers);
        let index = transfers.running.len().checked_sub(most + 1)?;
        transfers.running.get(index).map(|running| running.transfer.event().clone())
    }

    /// The oldest transfer that has not been seen to end.
    pub(crate) fn oldest(&self) -> Option<Arc<InFlight<B>>> {
        lock(&self.transfers).running.front().map(|running| running.transfer.clone())
    }

    /// Bytes of pinned memory of the transfers that the application does not hold by tickets.
    pub(crate) fn bytes_in_flight(&self) -> u64 {
        lock(&self.transfers).running.iter().map(|running| running.transfer.bytes_in_flight()).sum()
    }

    /// The events of all transfers.
    pub(crate) fn events(&self) -> Vec<B::Event> {
        lock(&self.transfers).running.iter().map(|running| running.transfer.event().clone()).collect()
    }

    /// Has `waker` woken when the transfer has ended. `None` where it has been seen to end already: then its
    /// event is done.
    ///
    /// An end meanwhile is not missed, so the caller need not look again: the watch is in the list before
    /// this returns, and then the transfer leaves the list or is waited for, both of which tell the watch.
    pub(super) fn watch(&self, transfer: &InFlight<B>, waker: &Waker) -> Option<Arc<Watch>> {
        // Before the lock: the clone of a waker is foreign code.
        let watch = Watch::new(waker.clone(), &self.awaited);
        let mut transfers = lock(&self.transfers);
        let seen = transfers.seen > transfer.number();
        let Some(Running { watches, .. }) = transfers.get(transfer.number()).filter(|_| !seen) else {
            drop(transfers);
            return None;
        };
        if watches.len() == watches.capacity() {
            watches.retain(|watch| watch.strong_count() > 0);
            // At least as much room as there are, so that each of many watches bears its share of this.
            watches.reserve(watches.len().max(1));
        }
        watches.push(Arc::downgrade(&watch));
        drop(transfers);
        self.changed.notify_one();
        Some(watch)
    }

    /// Runs `start`, which starts the wake thread, unless it did before.
    pub(super) fn start_once(&self, start: impl FnOnce() -> Result<(), Fault>) -> Result<(), Fault> {
        let mut started = lock(&self.started);
        if !*started {
            start()?;
            *started = true;
        }
        Ok(())
    }

    /// For the wake thread: what it does next, once there is something to do; `None` at the end of the
    /// device.
    pub(crate) fn next(&self) -> Option<Next<B>> {
        let mut transfers = lock(&self.transfers);
        loop {
            if !transfers.left.is_empty() {
                return Some(Next::Tell(std::mem::take(&mut transfers.left)));
            }
            if transfers.closed {
                return None;
            }
            if self.awaited.load(Ordering::Relaxed) > 0 {
                let number = transfers.seen.max(transfers.first());
                if let Some(Running { transfer, .. }) = transfers.get(number) {
                    return Some(Next::Wait(number, transfer.event().clone()));
                }
            }
            transfers = self.changed.wait(transfers).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// For the wake thread: transfer `number`, which it waited for, has ended. Returns the watches to tell:
    /// those of this transfer, and all watches of the lane where the device has failed or refused the wait,
    /// after which the tasks ask again.
    pub(crate) fn has_ended(&self, number: u64, end: &Result<(), Fault>) -> Vec<Ended> {
        let mut transfers = lock(&self.transfers);
        let mut watches = Vec::new();
        match end {
            Ok(()) => {
                transfers.seen = number + 1;
                // If the transfer is gone, its watches are among those that left.
                if let Some(running) = transfers.get(number) {
                    running.transfer.seen();
                    watches = std::mem::take(&mut running.watches);
                }
            }
            Err(_) => transfers.running.iter_mut().for_each(|running| watches.append(&mut running.watches)),
        }
        watches.into_iter().map(|watch| (watch, end.clone())).collect()
    }

    /// The device state has gone, so no transfer is under way: those that are left have had their results
    /// taken. Tickets that refer to the queue shall not keep their events alive.
    pub(crate) fn close(&self) {
        let mut transfers = lock(&self.transfers);
        transfers.closed = true;
        let mut gone = Vec::new();
        while let Some(running) = transfers.running.front() {
            let end = running.transfer.end().unwrap_or(Ok(()));
            gone.extend(transfers.leave(&end));
        }
        drop(transfers);
        self.changed.notify_one();
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::super::slots::Slots;
    use super::super::slots::tests::{fly, one};
    use super::super::wake_thread::watch;
    use super::*;
    use crate::backend::{BackendOps, Host};
    use crate::{Async, Buffer, BufferSpec, Device, Download};
    use std::sync::mpsc;
    use std::task::{Context, Wake};

    // After one whose ticket was dropped, transfers with nothing in them would pile up.
    #[test]
    fn transfers_that_were_taken_do_not_pile_up() {
        let device = Device::host();
        let state = device.state();
        let slots = Slots::<Host>::new(2);
        drop(fly(state, one(&slots)));
        for _ in 0..1_000 {
            let transfer = fly(state, one(&slots));
            state.backend.synchronize(transfer.event()).unwrap();
            drop(transfer.take());
            state.lanes.download.queue().release_taken(&state.backend);
        }
        let left = lock(&state.lanes.download.queue().transfers).running.len();
        assert!(left <= MANY, "{left} transfers are kept");
        assert_eq!(slots.taken(), 0, "the first has ended too");
    }

    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    // A first poll copied the events of all transfers before its own.
    #[test]
    fn to_await_costs_the_same_however_many_are_awaited() {
        const MOST: usize = 64;
        let device = Device::host();
        let spec = BufferSpec::new("buffer").slots(MOST);
        let buffer: Buffer<u8, Host, Async> =
            Buffer::from_slice(&device, spec, &[1; 16]).unwrap().into_async();
        let (hold, held) = mpsc::channel::<()>();
        device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
        let mut tickets: Vec<_> = (0..MOST).map(|_| buffer.start_download().unwrap()).collect();
        let queue = device.state().lanes.download.queue().clone();
        let event = queue.oldest().unwrap().event().clone();
        let woken = Arc::new(Counter(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        let poll = |ticket: &mut Download<u8, Host>| {
            std::pin::Pin::new(ticket).poll(&mut Context::from_waker(&waker))
        };
        let before = event.references();
        tickets.iter_mut().rev().for_each(|ticket| assert!(poll(ticket).is_pending()));
        // The wake thread has one event, the oldest transfer's; nothing else was made of all these polls.
        let more = event.references() - before;
        assert!(more <= 1, "{more} more events are kept");
        assert_eq!(queue.awaited.load(Ordering::Relaxed), MOST);
        drop(hold);
        device.synchronize().unwrap();
        let began = std::time::Instant::now();
        while woken.0.load(Ordering::SeqCst) < MOST {
            assert!(began.elapsed().as_secs() < 20, "{} were woken", woken.0.load(Ordering::SeqCst));
            std::thread::yield_now();
        }
        assert_eq!((woken.0.load(Ordering::SeqCst), queue.awaited.load(Ordering::Relaxed)), (MOST, 0));
        tickets.iter_mut().for_each(|ticket| assert!(poll(ticket).is_ready()));
    }

    /// A waker that keeps the wake thread until it is let go.
    struct Holding(Mutex<mpsc::Sender<()>>, Mutex<mpsc::Receiver<()>>);

    impl Wake for Holding {
        fn wake(self: Arc<Self>) {
            lock(&self.0).send(()).unwrap();
            let _ = lock(&self.1).recv();
        }
    }

    // The wake thread is elsewhere when another thread sees the end, and the transfer leaves: it is told of
    // all the same.
    #[test]
    fn transfers_that_left_wake_their_tasks() {
        let device = Device::host();
        let (hold, held) = mpsc::channel::<()>();
        device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
        let buffer: Buffer<u8, Host, Async> =
            Buffer::from_slice(&device, "buffer", &[1; 16]).unwrap().into_async();
        let (mut first, mut second) = (buffer.start_download().unwrap(), buffer.start_download().unwrap());
        let poll = |ticket: &mut Download<u8, Host>, waker: Waker| {
            std::pin::Pin::new(ticket).poll(&mut Context::from_waker(&waker))
        };
        let (send, is_held) = mpsc::channel();
        let (let_go, end) = mpsc::channel();
        let woken = Arc::new(Counter(AtomicUsize::new(0)));
        assert!(poll(&mut first, Arc::new(Holding(Mutex::new(send), Mutex::new(end))).into()).is_pending());
        assert!(poll(&mut second, woken.clone().into()).is_pending());
        drop(hold);
        is_held.recv().unwrap();
        device.synchronize().unwrap();
        let queue = device.state().lanes.download.queue();
        assert!(queue.oldest().is_none(), "both have left");
        assert_eq!(woken.0.load(Ordering::SeqCst), 0, "only the wake thread wakes");
        drop(let_go);
        let began = std::time::Instant::now();
        while woken.0.load(Ordering::SeqCst) == 0 {
            assert!(began.elapsed().as_secs() < 20, "it was not woken");
            std::thread::yield_now();
        }
        assert_eq!(*second.wait().unwrap(), [1; 16]);
    }

    // It would wait for ever: the wake thread does not come by again.
    #[test]
    fn a_transfer_whose_end_was_seen_takes_no_watch() {
        let device = Device::host();
        let state = device.state();
        let slots = Slots::<Host>::new(1);
        let (hold, held) = mpsc::channel::<()>();
        device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
        state.lanes.order_download_after(state.lanes.compute.stream()).unwrap();
        let transfer = fly(state, one(&slots));
        let queue = state.lanes.download.queue();
        let woken = Arc::new(Counter(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        let first = watch(queue, &transfer, &waker).unwrap();
        assert!(first.is_some());
        drop(hold);
        while woken.0.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        assert!(queue.oldest().is_some(), "it is still there");
        assert!(watch(queue, &transfer, &waker).unwrap().is_none(), "seen");
        device.state().lanes.release_ended();
        assert!(watch(queue, &transfer, &waker).unwrap().is_none(), "gone");
        drop(transfer.take());
    }

    // Who awaits the oldest transfer again and again, as tasks that wait for slots do, leaves no trail.
    #[test]
    fn watches_that_were_dropped_do_not_pile_up() {
        let device = Device::host();
        let (hold, held) = mpsc::channel::<()>();
        device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
        let buffer: Buffer<u8, Host, Async> =
            Buffer::from_slice(&device, "buffer", &[1; 16]).unwrap().into_async();
        let ticket = buffer.start_download().unwrap();
        let queue = device.state().lanes.download.queue();
        let transfer = queue.oldest().unwrap();
        let waker = Waker::from(Arc::new(Counter(AtomicUsize::new(0))));
        for _ in 0..1_000 {
            drop(watch(queue, &transfer, &waker).unwrap().expect("it has not ended"));
        }
        let kept = lock(&queue.transfers).running[0].watches.len();
        assert!(kept <= 8, "{kept} watches are kept");
        assert_eq!(queue.awaited.load(Ordering::Relaxed), 0);
        drop((hold, transfer, ticket));
    }
}
