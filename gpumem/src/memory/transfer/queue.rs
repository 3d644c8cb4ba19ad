//! What is in flight on a lane: one list, that lanes, tickets and the lane's wake thread share.
//!
//! It knows neither the stream nor the device, so that a thread that looks at a ticket keeps neither of them. Flights enter at the end
//! ([`Launch::flight`]) and leave at the front ([`Queue::sweep`], [`Queue::taken`]), so their numbers have no gaps, and a flight is found by its number.
//! The list also says who awaits each flight; the module comment of `poller` has the protocol.

use super::in_flight::{InFlight, State};
use super::wake_thread::{self, Ended, Watch};
use crate::backend::{Backend, Fault};
use crate::memory::lock;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;

/// Flights beyond which those that have ended are looked for when a result is taken: after one whose ticket was dropped, those whose
/// results are taken stay.
const MANY: usize = 8;

/// The transfers of a lane that have not been seen to end.
pub(crate) struct Queue<B: Backend> {
    /// The core's.
    backend: Weak<B>,
    flights: Mutex<Flights<B>>,
    /// Something is awaited that was not, or the device has ended.
    changed: Condvar,
    /// Whether the wake thread was started.
    started: Mutex<bool>,
    /// Watches that have not been told of the end: while there are none, the wake thread waits for no flight.
    awaited: Arc<AtomicUsize>,
}

struct Flights<B: Backend> {
    /// In the order of their numbers, and nearly in that of the stream, so those that are done are at the front. A flight that was launched
    /// after its event was recorded ([`Lane::launch`](crate::memory::Lane::launch)) may end before those in front of it; then it is let go of a
    /// little later.
    running: VecDeque<Running<B>>,
    /// How many there have been.
    launched: u64,
    /// The wake thread has seen the ends of all flights with smaller numbers than this.
    seen: u64,
    /// Watches of flights that left before the wake thread saw them, and how these ended.
    left: Vec<Ended>,
    /// The device has ended.
    closed: bool,
}

struct Running<B: Backend> {
    flight: Arc<InFlight<B>>,
    /// Some may have been dropped.
    watches: Vec<Weak<Watch>>,
}

impl<B: Backend> Flights<B> {
    /// The number of the flight at the front.
    fn first(&self) -> u64 {
        self.launched - self.running.len() as u64
    }

    /// The flight with this number, if it is there.
    fn get(&mut self, number: u64) -> Option<&mut Running<B>> {
        let index = number.checked_sub(self.first())?;
        self.running.get_mut(usize::try_from(index).ok()?)
    }

    /// Takes the flight at the front out. Those who await it are told by the wake thread, which need not be woken for it: it does not sleep
    /// before all are told.
    fn leave(&mut self, end: &Result<(), Fault>) -> Option<Arc<InFlight<B>>> {
        let Running { flight, watches } = self.running.pop_front()?;
        let live = watches.into_iter().filter(|watch| watch.strong_count() > 0);
        self.left.extend(live.map(|watch| (watch, end.clone())));
        Some(flight)
    }
}

/// A lane on which no other thread launches: an event that is recorded now comes after those of all flights so far, and before those
/// of all that will be launched with one recorded in the same way.
pub(crate) struct Launch<'a, B: Backend> {
    flights: MutexGuard<'a, Flights<B>>,
}

impl<B: Backend> Launch<'_, B> {
    pub(crate) fn enter(&mut self, event: B::Event, state: State<B>) -> Arc<InFlight<B>> {
        let flight = Arc::new(InFlight::new(self.flights.launched, event, state));
        self.flights.launched += 1;
        self.flights.running.push_back(Running { flight: flight.clone(), watches: Vec::new() });
        flight
    }
}

/// What the wake thread does next.
pub(crate) enum Next<B: Backend> {
    /// It tells these.
    Tell(Vec<Ended>),
    /// It waits for the flight with this number.
    Wait(u64, B::Event),
}

impl<B: Backend> Queue<B> {
    pub(crate) fn new(backend: &Arc<B>) -> Self {
        let flights =
            Flights { running: VecDeque::new(), launched: 0, seen: 0, left: Vec::new(), closed: false };
        Self {
            backend: Arc::downgrade(backend),
            flights: Mutex::new(flights),
            changed: Condvar::new(),
            started: Mutex::new(false),
            awaited: Arc::default(),
        }
    }

    /// The device's backend, as long as the device is there.
    pub(crate) fn backend(&self) -> Option<Arc<B>> {
        self.backend.upgrade()
    }

    pub(crate) fn launching(&self) -> Launch<'_, B> {
        Launch { flights: lock(&self.flights) }
    }

    /// Lets go of the flights that have ended. Returns whether none is left.
    pub(crate) fn sweep(&self, backend: &B) -> bool {
        let mut ended = Vec::new();
        let mut flights = lock(&self.flights);
        while let Some(Running { flight, .. }) = flights.running.front() {
            // The end of one whose cargo is gone has been seen, or concerns nobody: the device need not be asked.
            let end = if flight.is_empty() { Ok(true) } else { backend.is_done(flight.event()) };
            let end = match end {
                Ok(false) => break,
                Ok(true) => Ok(()),
                // A failed device does not tell when its copies stop, so their memory is not used again.
                Err(fault) if fault.is_failure() => Err(fault),
                // The question was refused: it is asked again.
                Err(_) => break,
            };
            ended.extend(flights.leave(&end).map(|flight| (flight, end)));
        }
        let empty = flights.running.is_empty();
        drop(flights);
        // Outside the lock: cargo that is dropped goes back to a pool with a lock of its own.
        for (flight, end) in ended {
            flight.landed(end);
        }
        empty
    }

    /// Lets go of the oldest flights whose results have been taken. The device is asked about others only where there are many.
    pub(crate) fn taken(&self, backend: &B) {
        loop {
            let mut flights = lock(&self.flights);
            let is_taken = flights.running.front().is_some_and(|running| running.flight.is_empty());
            if !is_taken {
                let many = flights.running.len() > MANY;
                drop(flights);
                if many {
                    self.sweep(backend);
                }
                return;
            }
            let flight = flights.leave(&Ok(()));
            drop(flights);
            // Outside the lock, with its event.
            drop(flight);
        }
    }

    /// The oldest flight that has not been seen to end, but for as many as `most`.
    pub(crate) fn surplus(&self, most: usize) -> Option<B::Event> {
        let flights = lock(&self.flights);
        let index = flights.running.len().checked_sub(most + 1)?;
        flights.running.get(index).map(|running| running.flight.event().clone())
    }

    /// The oldest flight that has not been seen to end.
    pub(crate) fn oldest(&self) -> Option<Arc<InFlight<B>>> {
        lock(&self.flights).running.front().map(|running| running.flight.clone())
    }

    /// The events of all flights.
    pub(crate) fn events(&self) -> Vec<B::Event> {
        lock(&self.flights).running.iter().map(|running| running.flight.event().clone()).collect()
    }

    /// Lets `waker` be woken when the flight has ended. `None` where that is known already: by a look at the event everybody can see it.
    ///
    /// What ends meanwhile is not missed, so the caller need not look again: the watch is in the list before this returns, and then the
    /// flight leaves the list or is waited for, both of which tell the watch.
    pub(crate) fn watch(
        self: &Arc<Self>,
        flight: &InFlight<B>,
        waker: &Waker,
    ) -> Result<Option<Arc<Watch>>, Fault> {
        self.start()?;
        // Before the lock: the clone of a waker is foreign code.
        let watch = Watch::new(waker.clone(), &self.awaited);
        let mut flights = lock(&self.flights);
        let seen = flights.seen > flight.number();
        let Some(Running { watches, .. }) = flights.get(flight.number()).filter(|_| !seen) else {
            drop(flights);
            return Ok(None);
        };
        if watches.len() == watches.capacity() {
            watches.retain(|watch| watch.strong_count() > 0);
            // At least as much room as there are, so that each of many watches bears its share of this.
            watches.reserve(watches.len().max(1));
        }
        watches.push(Arc::downgrade(&watch));
        drop(flights);
        self.changed.notify_one();
        Ok(Some(watch))
    }

    /// Starts the wake thread, unless it runs.
    fn start(self: &Arc<Self>) -> Result<(), Fault> {
        let mut started = lock(&self.started);
        if !*started {
            let queue = self.clone();
            let thread = std::thread::Builder::new().name("gpumem-wake".into());
            let operation = "start the thread that wakes those who await transfers";
            thread
                .spawn(move || wake_thread::run(&queue))
                .map_err(|error| Fault::denied(B::NAME, operation, error.to_string()))?;
            *started = true;
        }
        Ok(())
    }

    /// For the wake thread: what it does next, once there is something; `None` at the end of the device.
    pub(crate) fn next(&self) -> Option<Next<B>> {
        let mut flights = lock(&self.flights);
        loop {
            if !flights.left.is_empty() {
                return Some(Next::Tell(std::mem::take(&mut flights.left)));
            }
            if flights.closed {
                return None;
            }
            if self.awaited.load(Ordering::Relaxed) > 0 {
                let number = flights.seen.max(flights.first());
                if let Some(Running { flight, .. }) = flights.get(number) {
                    return Some(Next::Wait(number, flight.event().clone()));
                }
            }
            flights = self.changed.wait(flights).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// For the wake thread: flight `number`, which it waited for, has ended. Returns who is to be told: those who await it, and all who
    /// await anything where the device has failed or refused the wait, after which they ask again.
    pub(crate) fn has_ended(&self, number: u64, end: &Result<(), Fault>) -> Vec<Ended> {
        let mut flights = lock(&self.flights);
        let mut watches = Vec::new();
        match end {
            Ok(()) => {
                flights.seen = number + 1;
                // If it is gone, those who awaited it are among those that left.
                if let Some(running) = flights.get(number) {
                    watches = std::mem::take(&mut running.watches);
                }
            }
            Err(_) => flights.running.iter_mut().for_each(|running| watches.append(&mut running.watches)),
        }
        watches.into_iter().map(|watch| (watch, end.clone())).collect()
    }

    /// The core has gone, so nothing is in flight: what is left are transfers whose results were taken. Tickets that know the queue shall
    /// not keep their events.
    pub(crate) fn close(&self) {
        let mut flights = lock(&self.flights);
        flights.closed = true;
        let mut gone = Vec::new();
        while let Some(running) = flights.running.front() {
            let end = running.flight.end().unwrap_or(Ok(()));
            gone.extend(flights.leave(&end));
        }
        drop(flights);
        self.changed.notify_one();
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::super::slots::Slots;
    use super::super::slots::tests::{fly, one};
    use super::*;
    use crate::backend::{BackendOps, Host};
    use crate::{Async, Buffer, BufferSpec, Device, Download};
    use std::sync::mpsc;
    use std::task::{Context, Wake};

    // After one whose ticket was dropped, flights with nothing in them would pile up.
    #[test]
    fn flights_that_were_taken_do_not_pile_up() {
        let device = Device::host();
        let state = device.state();
        let slots = Slots::<Host>::new(2);
        drop(fly(state, one(&slots)));
        for _ in 0..1_000 {
            let flight = fly(state, one(&slots));
            state.backend.synchronize(flight.event()).unwrap();
            drop(flight.take());
            state.download.queue().taken(&state.backend);
        }
        let left = lock(&state.download.queue().flights).running.len();
        assert!(left <= MANY, "{left} flights are kept");
        assert_eq!(slots.taken(), 0, "the first has ended too");
    }

    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    // A first poll copied the events of all flights before its own.
    #[test]
    fn to_await_costs_the_same_however_many_are_awaited() {
        const MOST: usize = 64;
        let device = Device::host();
        let spec = BufferSpec::new("buffer").slots(MOST);
        let buffer: Buffer<u8, Host, Async> = Buffer::from_slice(&device, spec, &[1; 16]).unwrap();
        let (hold, held) = mpsc::channel::<()>();
        device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
        let mut tickets: Vec<_> = (0..MOST).map(|_| buffer.start_download().unwrap()).collect();
        let queue = device.state().download.queue().clone();
        let event = queue.oldest().unwrap().event().clone();
        let woken = Arc::new(Counter(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        let poll = |ticket: &mut Download<u8, Host>| {
            std::pin::Pin::new(ticket).poll(&mut Context::from_waker(&waker))
        };
        let before = event.references();
        tickets.iter_mut().rev().for_each(|ticket| assert!(poll(ticket).is_pending()));
        // The wake thread has one event, the oldest flight's; nothing else was made of all these polls.
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

    // The wake thread is elsewhere when another thread sees the end, and the flight leaves: it is told of all the same.
    #[test]
    fn flights_that_left_wake_those_who_await_them() {
        let device = Device::host();
        let (hold, held) = mpsc::channel::<()>();
        device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
        let buffer: Buffer<u8, Host, Async> = Buffer::from_slice(&device, "buffer", &[1; 16]).unwrap();
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
        let queue = device.state().download.queue();
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
    fn a_flight_whose_end_was_seen_takes_no_watch() {
        let device = Device::host();
        let state = device.state();
        let slots = Slots::<Host>::new(1);
        let (hold, held) = mpsc::channel::<()>();
        device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
        state.order_download(state.compute.stream()).unwrap();
        let flight = fly(state, one(&slots));
        let queue = state.download.queue();
        let woken = Arc::new(Counter(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        let watch = queue.watch(&flight, &waker).unwrap();
        assert!(watch.is_some());
        drop(hold);
        while woken.0.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        assert!(queue.oldest().is_some(), "it is still there");
        assert!(queue.watch(&flight, &waker).unwrap().is_none(), "seen");
        device.state().land();
        assert!(queue.watch(&flight, &waker).unwrap().is_none(), "gone");
        drop(flight.take());
    }

    // Who awaits the oldest flight again and again, as tasks that wait for slots do, leaves no trail.
    #[test]
    fn watches_that_were_dropped_do_not_pile_up() {
        let device = Device::host();
        let (hold, held) = mpsc::channel::<()>();
        device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
        let buffer: Buffer<u8, Host, Async> = Buffer::from_slice(&device, "buffer", &[1; 16]).unwrap();
        let ticket = buffer.start_download().unwrap();
        let queue = device.state().download.queue();
        let flight = queue.oldest().unwrap();
        let waker = Waker::from(Arc::new(Counter(AtomicUsize::new(0))));
        for _ in 0..1_000 {
            drop(queue.watch(&flight, &waker).unwrap().expect("it has not ended"));
        }
        let kept = lock(&queue.flights).running[0].watches.len();
        assert!(kept <= 8, "{kept} watches are kept");
        assert_eq!(queue.awaited.load(Ordering::Relaxed), 0);
        drop((hold, flight, ticket));
    }
}
