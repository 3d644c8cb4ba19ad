//! Download slots: how many downloads of a buffer may be under way or unread, and who waits for one.
//!
//! A slot is taken before a download starts and goes with its cargo. It comes back when the ticket or guard goes, or, where the ticket was
//! dropped early, when the lane lets go of the flight; and nobody need be looking then. So whoever waits for a slot, a thread
//! ([`Slots::wait`]) or a task ([`Waiting`]), has itself woken by
//!
//! * each slot that comes back, and each new flight, which it may have to watch;
//! * the poller, when the oldest flight of the lane ends. That wake-up counts as a change, and each waiter looks again.
//!
//! A waiter reads the number of changes before it looks for slots, and sleeps only if it is the same afterwards, so no change is missed. It
//! holds no slot while it waits. Wakers of tasks are foreign code: they run while nothing is locked, wherever a slot comes back; so a slot is
//! dropped only where no lock is held.

use super::in_flight::InFlight;
use super::wake_thread::{Watch, may_sleep, wake};
use crate::backend::{Backend, Fault};
use crate::memory::device_state::DeviceState;
use crate::memory::lock;
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Poll, Wake, Waker};

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
    flights: Vec<Weak<InFlight<B>>>,
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
    /// The tasks that wait until something has, by their numbers.
    tasks: Vec<(u64, Waker)>,
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

thread_local! {
    /// How often the calling thread is in the middle of a [`SlotsHeld`]. Nothing to drop, so it is there until the thread has ended.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// While it lives, the calling thread has slots that it will give back later, and may run code of the application: that is not to
/// wait for slots, which might be these.
pub(crate) struct SlotsHeld(PhantomData<*const ()>);

impl SlotsHeld {
    pub(crate) fn now() -> Self {
        HELD.set(HELD.get() + 1);
        Self(PhantomData)
    }
}

impl Drop for SlotsHeld {
    fn drop(&mut self) {
        HELD.set(HELD.get() - 1);
    }
}

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
    /// The thread sleeps until the buffer that was the first to miss one has a change.
    pub(crate) fn wait(wanted: &[&Self], state: &DeviceState<B>) -> Result<Vec<Slot>, Fault> {
        loop {
            let (taken, changes) = match Self::look(wanted, state) {
                Ok(slots) => return Ok(slots),
                Err(missing) => missing,
            };
            may_sleep(&*state.backend)?;
            if HELD.get() > 0 {
                return Err(Fault::would_deadlock(B::NAME));
            }
            let Some(_watch) = taken.watch(state)? else { continue };
            let mut count = lock(&taken.count);
            while count.changes == changes {
                count.sleepers += 1;
                count = taken.changed.wait(count).unwrap_or_else(PoisonError::into_inner);
                count.sleepers -= 1;
            }
        }
    }

    /// Takes a slot for each of `wanted`, after those of downloads that have ended came back. If one is missing: of which buffer, and what
    /// had happened to its slots until then.
    fn look<'a>(wanted: &[&'a Self], state: &DeviceState<B>) -> Result<Vec<Slot>, (&'a Arc<Taken>, u64)> {
        state.land();
        Self::take(wanted).map_err(|Missing { part, changes }| (wanted[part].counted(), changes))
    }

    pub(crate) fn remember(&self, flight: &Arc<InFlight<B>>) {
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

/// A task that waits for slots.
#[derive(Default)]
pub(crate) struct Waiting {
    /// Where its waker is, and its number there.
    place: Option<(Arc<Taken>, u64)>,
    /// Of the oldest flight of the lane.
    watch: Option<Arc<Watch>>,
}

impl Waiting {
    /// As [`Slots::wait`], for a task: while slots are missing, `waker` is woken when that may have changed.
    pub(crate) fn poll<B: Backend>(
        &mut self,
        wanted: &[&Slots<B>],
        state: &DeviceState<B>,
        waker: &Waker,
    ) -> Poll<Result<Vec<Slot>, Fault>> {
        loop {
            let (taken, changes) = match Slots::look(wanted, state) {
                Ok(slots) => return Poll::Ready(Ok(slots)),
                Err(missing) => missing,
            };
            if !state.backend.may_wait() {
                return Poll::Ready(Err(Fault::would_deadlock(B::NAME)));
            }
            match taken.watch(state) {
                Ok(Some(watch)) => self.watch = watch,
                Ok(None) => continue,
                Err(fault) => return Poll::Ready(Err(fault)),
            }
            if self.stay(taken, changes, waker) {
                return Poll::Pending;
            }
        }
    }

    /// Leaves the waker where changes are told of, unless there was one since `changes`. Returns whether it did.
    fn stay(&mut self, taken: &Arc<Taken>, changes: u64, waker: &Waker) -> bool {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        self.leave();
        // Foreign code, which does not run under the lock.
        let waker = waker.clone();
        let mut count = lock(&taken.count);
        if count.changes != changes {
            drop(count);
            return false;
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        count.tasks.push((number, waker));
        self.place = Some((taken.clone(), number));
        true
    }

    fn leave(&mut self) {
        let Some((taken, own)) = self.place.take() else { return };
        let mut count = lock(&taken.count);
        let place = count.tasks.iter().position(|(number, _)| *number == own);
        let waker = place.map(|place| count.tasks.swap_remove(place));
        drop(count);
        drop(waker);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Taken {
    fn change(&self, change: impl FnOnce(&mut usize)) {
        let mut count = lock(&self.count);
        change(&mut count.taken);
        count.changes += 1;
        // Whoever is about to sleep has the lock until it does, and looks at the changes before.
        let asleep = count.sleepers > 0;
        let tasks = std::mem::take(&mut count.tasks);
        drop(count);
        if asleep {
            self.changed.notify_all();
        }
        tasks.into_iter().for_each(|(_, waker)| wake(waker));
    }

    /// Has the poller tell of a change when the oldest download of the device has ended, for as long as what is returned lives. `None` when
    /// it has ended already: then slots may have come back.
    fn watch<B: Backend>(
        self: &Arc<Self>,
        state: &DeviceState<B>,
    ) -> Result<Option<Option<Arc<Watch>>>, Fault> {
        let Some(oldest) = state.download.oldest() else { return Ok(Some(None)) };
        // The flight is not held any longer than this: with its last reference the slot comes back.
        Ok(state.download.queue().watch(&oldest, &Waker::from(self.clone()))?.map(Some))
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
pub(crate) mod tests {
    use super::super::pinned::PinnedBlock;
    use super::*;
    use crate::Device;
    use crate::backend::{BackendOps, Host};
    use crate::error::BufferLabel;

    pub(crate) fn one(slots: &Slots<Host>) -> Slot {
        Slots::take(&[slots]).unwrap_or_else(|_| panic!("there is one")).remove(0)
    }

    pub(crate) fn fly(state: &Arc<DeviceState<Host>>, slot: Slot) -> Arc<InFlight<Host>> {
        let pinned = PinnedBlock::take(state, BufferLabel { set: None, name: "flown" }, 1).unwrap();
        let event = state.backend.record(state.download.stream().raw()).unwrap();
        state.download.launching().flight(event, pinned, Some(slot))
    }

    #[test]
    fn flights_that_have_gone_are_forgotten() {
        let device = Device::host();
        let state = device.state();
        let slots = Slots::<Host>::new(200);
        let flights: Vec<_> = (0..100).map(|_| fly(state, one(&slots))).collect();
        flights.iter().for_each(|flight| slots.remember(flight));
        // Tickets that are redeemed, many more than are under way at a time.
        for _ in 0..10_000 {
            let flight = fly(state, one(&slots));
            slots.remember(&flight);
            state.backend.synchronize(flight.event()).unwrap();
            drop(flight.take());
            drop(flight);
            state.land();
        }
        let remembered = lock(&slots.flights).flights.len();
        assert!((100..=202).contains(&remembered), "{remembered} flights are remembered");
        // Nothing that is there was lost sight of.
        assert_eq!(slots.taken(), 100);
        slots.abandon();
        assert_eq!(slots.taken(), 0);
        drop(flights);
    }

    #[test]
    fn every_sleeper_is_woken() {
        let device = Device::host();
        let state = device.state();
        let slots = Slots::<Host>::new(1);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let slot = Slots::wait(&[&slots], state).unwrap();
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
