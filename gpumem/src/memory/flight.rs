//! Lanes and what is in flight on them.
//!
//! A lane keeps a [`Flight`] for each transfer until the transfer's event is done. The flight owns the transfer's cargo: the
//! pinned memory, and the buffer's download slot where there is one. Cargo that is *claimed*, that of an async download, waits for the
//! user's ticket, which has a second reference to the flight: a ticket that is redeemed takes the cargo out, and it is freed with the
//! last reference otherwise. Cargo that nobody claims, that of uploads and blocking transfers, goes when the lane sees the end.
//!
//! How a flight ended is noted in it, so that a ticket can tell when the device is gone.

use super::core::Core;
use super::lock;
use super::pinned::PinnedBlock;
use super::poller::{Poller, Watch, may_sleep};
use crate::backend::{Backend, Fault};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Wake, Waker};

/// A queue of work on a device: what is queued on it runs in order.
///
/// [`Device::stream`](crate::Device::stream) is the compute stream. Everything that writes buffers is queued there, and a
/// kernel that is launched there runs after what was queued before it and before what is queued after it.
///
/// [`Device::create_stream`](crate::Device::create_stream) makes streams of the application's own, on which kernels run beside
/// the compute stream. What a buffer is used for there is declared: `launch_on` does it for kernels on the host, and
/// [`Buffer::use_on`](crate::Buffer::use_on) and [`Buffer::use_on_mut`](crate::Buffer::use_on_mut) do it on a card.
pub struct Stream<B: Backend> {
    raw: B::Stream,
    /// Tells the streams of a process apart.
    number: u64,
    /// Whose stream it is.
    device: u64,
}

impl<B: Backend> Stream<B> {
    pub(crate) fn new(raw: B::Stream, device: u64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { raw, number: NEXT.fetch_add(1, Ordering::Relaxed), device }
    }

    /// The number of the device that it belongs to.
    pub(crate) fn device(&self) -> u64 {
        self.device
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn raw(&self) -> &B::Stream {
        &self.raw
    }
}

/// Flights beyond which those that have ended are looked for when a result is taken: behind one whose ticket was dropped, those whose
/// results are taken stay.
const MANY: usize = 8;

/// A stream, and the transfers on it that have not been seen to end.
pub(crate) struct Lane<B: Backend> {
    stream: Stream<B>,
    flights: Mutex<Flights<B>>,
    /// Wakes those who await them.
    poller: Poller<B>,
}

struct Flights<B: Backend> {
    /// In the order of their numbers, and nearly in that of the stream, so those that are done are at the front. A flight that was launched
    /// after its event was recorded ([`Lane::launch`]) may end before those in front of it; then it is let go of a little later.
    running: VecDeque<Arc<Flight<B>>>,
    /// How many there have been.
    launched: u64,
}

/// A lane on which nobody else launches: an event that is recorded now is behind those of all flights so far, and in front of those
/// of all that will be launched with one recorded in the same way.
pub(crate) struct Launch<'a, B: Backend> {
    flights: MutexGuard<'a, Flights<B>>,
}

impl<B: Backend> Launch<'_, B> {
    /// Keeps `pinned` until `event` is done. With a `slot`, it waits for a ticket then.
    pub(crate) fn flight(
        &mut self,
        event: B::Event,
        pinned: PinnedBlock<B>,
        slot: Option<Slot>,
    ) -> Arc<Flight<B>> {
        let cargo = match slot {
            Some(slot) => Hold::Claimed(pinned, slot),
            None => Hold::Unclaimed(pinned),
        };
        let number = self.flights.launched;
        self.flights.launched += 1;
        let flight = Arc::new(Flight { number, event, state: Mutex::new(State { cargo, end: None }) });
        self.flights.running.push_back(flight.clone());
        flight
    }
}

impl<B: Backend> Lane<B> {
    pub(super) fn new(raw: B::Stream, device: u64, backend: &Arc<B>) -> Self {
        let flights = Flights { running: VecDeque::new(), launched: 0 };
        Self {
            stream: Stream::new(raw, device),
            flights: Mutex::new(flights),
            poller: Poller::new(backend.clone()),
        }
    }

    pub(crate) fn stream(&self) -> &Stream<B> {
        &self.stream
    }

    /// Keeps others from launching. Record an event that will be awaited while this is held: see the module comment of `poller`. Takes
    /// the lane's lock, so it comes after those of blocks.
    pub(crate) fn launching(&self) -> Launch<'_, B> {
        Launch { flights: lock(&self.flights) }
    }

    /// Keeps `pinned` until `event` is done, which was recorded some time ago. Nobody will claim it, or await it.
    pub(crate) fn launch(&self, event: B::Event, pinned: PinnedBlock<B>) {
        self.launching().flight(event, pinned, None);
    }

    /// Lets `waker` be woken when a flight of this lane has ended. The caller looks at the event once more afterwards.
    pub(super) fn watch(&self, flight: &Flight<B>, waker: &Waker) -> Result<Arc<Watch>, Fault> {
        let before = {
            let flights = lock(&self.flights);
            let before = flights.running.iter().take_while(|other| other.number < flight.number);
            before.map(|flight| (flight.number, flight.event.clone())).collect()
        };
        self.poller.watch(before, (flight.number, &flight.event), waker)
    }

    /// Lets go of the flights that have ended. Returns whether none is left.
    pub(crate) fn sweep(&self, backend: &B) -> bool {
        let mut ended = Vec::new();
        let mut flights = lock(&self.flights);
        while let Some(flight) = flights.running.front() {
            // The end of one whose cargo is gone has been seen, or concerns nobody: the device need not be asked.
            let end = if flight.is_empty() { Ok(true) } else { backend.is_done(&flight.event) };
            let end = match end {
                Ok(false) => break,
                Ok(true) => Ok(()),
                // A failed device does not tell when its copies stop, so their memory is not used again.
                Err(fault) => Err(fault),
            };
            ended.extend(flights.running.pop_front().map(|flight| (flight, end)));
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
            // Dropped outside the lock, with its event.
            let Some(flight) = flights.running.pop_front_if(|flight| flight.is_empty()) else {
                let many = flights.running.len() > MANY;
                drop(flights);
                if many {
                    self.sweep(backend);
                }
                return;
            };
            drop(flights);
            drop(flight);
        }
    }

    /// Waits for the oldest flights until at most `most` are left.
    pub(crate) fn hold_back(&self, backend: &B, most: usize) -> Result<(), Fault> {
        let oldest = {
            let flights = lock(&self.flights);
            let surplus = flights.running.len().checked_sub(most + 1);
            surplus.and_then(|index| flights.running.get(index)).map(|flight| flight.event.clone())
        };
        if let Some(event) = oldest {
            backend.synchronize(&event)?;
            self.sweep(backend);
        }
        Ok(())
    }

    /// The oldest flight that has not been seen to end.
    pub(crate) fn oldest(&self) -> Option<Arc<Flight<B>>> {
        lock(&self.flights).running.front().cloned()
    }

    /// The events of all flights.
    pub(super) fn events(&self) -> Vec<B::Event> {
        lock(&self.flights).running.iter().map(|flight| flight.event.clone()).collect()
    }
}

/// A transfer that is under way, or whose result has not been taken.
pub(crate) struct Flight<B: Backend> {
    /// How many were launched on the lane before.
    number: u64,
    event: B::Event,
    state: Mutex<State<B>>,
}

struct State<B: Backend> {
    cargo: Hold<B>,
    /// How the transfer ended, once the lane has seen it and let go.
    end: Option<Result<(), Fault>>,
}

enum Hold<B: Backend> {
    /// For a ticket. The slot is only held: it comes back when it goes.
    Claimed(PinnedBlock<B>, Slot),
    /// Nobody will ask for it; it goes when the transfer has ended.
    Unclaimed(PinnedBlock<B>),
    Gone,
}

impl<B: Backend> Flight<B> {
    pub(crate) fn event(&self) -> &B::Event {
        &self.event
    }

    /// How the transfer ended, if its lane has seen it.
    pub(super) fn end(&self) -> Option<Result<(), Fault>> {
        lock(&self.state).end.clone()
    }

    /// Takes the result. The caller has seen the event done. `None` when it was given up: abandoned, or lost when the device failed.
    pub(super) fn take(&self) -> Option<(PinnedBlock<B>, Slot)> {
        let mut state = lock(&self.state);
        match std::mem::replace(&mut state.cargo, Hold::Gone) {
            Hold::Claimed(pinned, slot) => Some((pinned, slot)),
            other => {
                state.cargo = other;
                None
            }
        }
    }

    /// Whether the cargo is gone.
    fn is_empty(&self) -> bool {
        matches!(lock(&self.state).cargo, Hold::Gone)
    }

    /// Gives the slot back although a ticket may exist. Memory that the copy may still write stays until the lane has seen
    /// the end of it.
    fn abandon(&self) {
        let mut state = lock(&self.state);
        let gone = match std::mem::replace(&mut state.cargo, Hold::Gone) {
            Hold::Claimed(pinned, slot) if state.end.is_some() => (Some(pinned), Some(slot)),
            Hold::Claimed(pinned, slot) => {
                state.cargo = Hold::Unclaimed(pinned);
                (None, Some(slot))
            }
            other => {
                state.cargo = other;
                (None, None)
            }
        };
        drop(state);
        drop(gone);
    }

    /// The lane has seen the end of the transfer, or the failure of the device.
    fn landed(&self, end: Result<(), Fault>) {
        let failed = end.is_err();
        let cargo = {
            let mut state = lock(&self.state);
            state.end = Some(end);
            // A ticket may still ask for what has arrived; without one this was the last reference, and the cargo goes with it.
            if !failed && matches!(state.cargo, Hold::Claimed(..)) {
                return;
            }
            std::mem::replace(&mut state.cargo, Hold::Gone)
        };
        // Outside the lock: it is logged, or goes back to a pool with a lock of its own.
        match cargo {
            Hold::Claimed(pinned, _slot) => pinned.lose(),
            Hold::Unclaimed(pinned) if failed => pinned.lose(),
            other => drop(other),
        }
    }
}

/// The download slots of one buffer.
pub(crate) struct Slots<B: Backend> {
    limit: usize,
    /// Made with the first download, since most buffers have none.
    taken: OnceLock<Arc<Taken>>,
    /// For giving up those whose tickets were forgotten.
    flights: Mutex<Remembered<B>>,
}

/// The flights of a buffer's downloads.
struct Remembered<B: Backend> {
    /// Some of them have gone.
    flights: Vec<Weak<Flight<B>>>,
    /// How many there are when those that have gone are looked for. At least twice as many as were left the last time, so that
    /// a download's share of the looking does not depend on how many are under way.
    look_at: usize,
}

impl<B: Backend> Default for Remembered<B> {
    fn default() -> Self {
        Self { flights: Vec::new(), look_at: 0 }
    }
}

/// How many slots are taken, for those who wait for one. It guards no memory, the cargo's own lock does.
#[derive(Default)]
struct Taken {
    count: Mutex<Count>,
    changed: Condvar,
}

#[derive(Default)]
struct Count {
    taken: usize,
    /// What has happened that may let a waiter have a slot.
    changes: u64,
    /// How many threads sleep until something has. To wake nobody takes a call of the system each time.
    sleepers: usize,
}

/// Slots of several buffers that were not all there.
pub(crate) struct Missing {
    /// The first that had none left.
    pub(crate) part: usize,
    /// What had happened to its buffer's slots until then.
    changes: u64,
}

/// One taken slot. Dropping it gives it back.
pub(crate) struct Slot(Arc<Taken>);

impl<B: Backend> Slots<B> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, taken: OnceLock::new(), flights: Mutex::default() }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.get().map_or(0, |taken| lock(&taken.count).taken)
    }

    fn counted(&self) -> &Arc<Taken> {
        self.taken.get_or_init(Arc::default)
    }

    /// Takes a slot for each of `wanted`, in which a buffer may come up more than once: all of them, or none.
    ///
    /// All counts are locked meanwhile, each of them once and in the order of their addresses, so that nobody sees slots taken
    /// that are given back because others are missing, and threads do not wait for each other in a circle.
    pub(crate) fn take(wanted: &[&Self]) -> Result<Vec<Slot>, Missing> {
        if let [one] = wanted {
            // As below, without the lists.
            let mut count = lock(&one.counted().count);
            if count.taken >= one.limit {
                return Err(Missing { part: 0, changes: count.changes });
            }
            count.taken += 1;
            return Ok(vec![Slot(one.counted().clone())]);
        }
        let place = |slots: &&Self| std::ptr::from_ref::<Self>(slots).addr();
        let mut in_order = wanted.to_vec();
        in_order.sort_by_key(place);
        in_order.dedup_by_key(|slots| place(slots));
        let mut counts: Vec<MutexGuard<'_, Count>> =
            in_order.iter().map(|slots| lock(&slots.counted().count)).collect();
        let index = |slots: &&Self| in_order.partition_point(|other| place(other) < place(slots));
        for (part, slots) in wanted.iter().enumerate() {
            let count = &mut counts[index(slots)];
            if count.taken >= slots.limit {
                let changes = count.changes;
                wanted[..part].iter().for_each(|slots| counts[index(slots)].taken -= 1);
                return Err(Missing { part, changes });
            }
            count.taken += 1;
        }
        drop(counts);
        Ok(wanted.iter().map(|slots| Slot(slots.counted().clone())).collect())
    }

    /// Takes a slot for each of `wanted`, and keeps the calling thread until there are all of them. Meanwhile it holds none, so
    /// whoever needs only some of them may have these. No buffer comes up more often than it has slots.
    ///
    /// The thread sleeps until the buffer that was the first to miss one has a change. A slot comes back when its ticket or guard
    /// goes, or, where the ticket was dropped early, when the lane lets go of the flight. The first wakes the waiter. The second
    /// needs somebody to look at the lane, so the waiter has the poller wake it when the lane's oldest flight ends, and is woken by
    /// new flights too, which it may have to watch.
    pub(crate) fn wait(wanted: &[&Self], core: &Core<B>) -> Result<Vec<Slot>, Fault> {
        loop {
            core.land();
            let Missing { part, changes } = match Self::take(wanted) {
                Ok(slots) => return Ok(slots),
                Err(missing) => missing,
            };
            let taken = wanted[part].counted();
            may_sleep(&*core.backend)?;
            let oldest = core.download.oldest();
            let waker = Waker::from(taken.clone());
            let watch = oldest.as_deref().map(|flight| core.download.watch(flight, &waker));
            let _watch = watch.transpose()?;
            // What has ended before it was watched is seen by this look. The flight is not held in the sleep: with its last
            // reference the slot comes back.
            let ended =
                oldest.is_some_and(|flight| !matches!(core.backend.is_done(flight.event()), Ok(false)));
            let mut count = lock(&taken.count);
            while !ended && count.changes == changes {
                count.sleepers += 1;
                count = taken.changed.wait(count).unwrap_or_else(PoisonError::into_inner);
                count.sleepers -= 1;
            }
        }
    }

    pub(crate) fn remember(&self, flight: &Arc<Flight<B>>) {
        let mut remembered = lock(&self.flights);
        let Remembered { flights, look_at } = &mut *remembered;
        if flights.len() >= *look_at {
            flights.retain(|flight| flight.strong_count() > 0);
            *look_at = 2 * flights.len().max(4);
        }
        flights.push(Arc::downgrade(flight));
        drop(remembered);
        if let Some(taken) = self.taken.get() {
            taken.change(|_| ());
        }
    }

    /// Gives back the slots of all downloads that have not been waited for.
    pub(crate) fn abandon(&self) {
        let Remembered { flights, .. } = std::mem::take(&mut *lock(&self.flights));
        flights.iter().filter_map(Weak::upgrade).for_each(|flight| flight.abandon());
    }
}

impl Taken {
    fn change(&self, change: impl FnOnce(&mut usize)) {
        let mut count = lock(&self.count);
        change(&mut count.taken);
        count.changes += 1;
        // Whoever is about to sleep has the lock until it does, and looks at the changes before.
        let asleep = count.sleepers > 0;
        drop(count);
        if asleep {
            self.changed.notify_all();
        }
    }
}

impl Wake for Taken {
    fn wake(self: Arc<Self>) {
        self.change(|_| ());
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.change(|taken| *taken -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;
    use crate::backend::{Driver, Host};
    use crate::error::BufferLabel;

    fn one(slots: &Slots<Host>) -> Slot {
        Slots::take(&[slots]).unwrap_or_else(|_| panic!("there is one")).remove(0)
    }

    fn fly(core: &Arc<Core<Host>>, slot: Slot) -> Arc<Flight<Host>> {
        let pinned = PinnedBlock::take(core, BufferLabel { set: None, name: "flown" }, 1).unwrap();
        let event = core.backend.record(core.download.stream().raw()).unwrap();
        core.download.launching().flight(event, pinned, Some(slot))
    }

    #[test]
    fn flights_that_have_gone_are_forgotten() {
        let device = Device::host();
        let core = device.core();
        let slots = Slots::<Host>::new(200);
        let flights: Vec<_> = (0..100).map(|_| fly(core, one(&slots))).collect();
        flights.iter().for_each(|flight| slots.remember(flight));
        // Tickets that are redeemed, many more than are under way at a time.
        for _ in 0..10_000 {
            let flight = fly(core, one(&slots));
            slots.remember(&flight);
            core.backend.synchronize(flight.event()).unwrap();
            drop(flight.take());
            drop(flight);
            core.land();
        }
        let remembered = lock(&slots.flights).flights.len();
        assert!((100..=202).contains(&remembered), "{remembered} flights are remembered");
        // Nothing that is there was lost sight of.
        assert_eq!(slots.taken(), 100);
        slots.abandon();
        assert_eq!(slots.taken(), 0);
        drop(flights);
    }

    // Behind one whose ticket was dropped, flights with nothing in them would pile up.
    #[test]
    fn flights_that_were_taken_do_not_pile_up() {
        let device = Device::host();
        let core = device.core();
        let slots = Slots::<Host>::new(2);
        drop(fly(core, one(&slots)));
        for _ in 0..1_000 {
            let flight = fly(core, one(&slots));
            core.backend.synchronize(flight.event()).unwrap();
            drop(flight.take());
            core.download.taken(&core.backend);
        }
        let left = lock(&core.download.flights).running.len();
        assert!(left <= MANY, "{left} flights are kept");
        assert_eq!(slots.taken(), 0, "the first has ended too");
    }

    #[test]
    fn every_sleeper_is_woken() {
        let device = Device::host();
        let core = device.core();
        let slots = Slots::<Host>::new(1);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let slot = Slots::wait(&[&slots], core).unwrap();
                        std::thread::yield_now();
                        drop(slot);
                    }
                });
            }
        });
        assert_eq!(slots.taken(), 0);
        assert_eq!(lock(&slots.taken.get().unwrap().count).sleepers, 0);
    }
}
