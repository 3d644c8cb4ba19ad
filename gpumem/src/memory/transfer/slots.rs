//! Download slots: how many downloads of a buffer may be under way or unread, and the threads and tasks that
//! wait for one.
//!
//! A slot is taken before a download starts and goes with its payload. It comes back when the ticket or guard
//! is dropped, or, where the ticket was dropped early, when the lane releases the transfer; and it may be
//! that no thread looks then. So a thread ([`Slots::wait`]) or task ([`Waiting`]) that waits for a slot is
//! woken by
//!
//! * each slot that comes back, and each new transfer, which it may have to watch;
//! * the wake thread, when the oldest transfer of the lane ends. That wake-up counts as a change, and each
//!   waiter looks again.
//!
//! A waiter holds no slot while it waits. How it misses no change is said in `slot`.

use super::in_flight::InFlight;
use super::lanes::Lanes;
use super::slot::{Slot, SlotTotals, Taken};
use super::wake_thread;
use super::watch::{Watch, may_sleep};
use crate::backend::{Backend, Fault};
use crate::log_safely::WaitBegan;
use crate::memory::locks::{lock, lock_together};
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Poll, Waker};

/// The download slots of one buffer.
pub(crate) struct Slots<B: Backend> {
    limit: usize,
    /// Made with the first download, since most buffers have none.
    taken: OnceLock<Arc<Taken>>,
    /// To give up those whose tickets were forgotten.
    transfers: Mutex<Remembered<B>>,
}

/// The transfers of a buffer's downloads.
struct Remembered<B: Backend> {
    /// Some of them have gone.
    transfers: Vec<Weak<InFlight<B>>>,
    /// How many there are when those that have gone are looked for. At least twice as many as were left the
    /// last time, so that a download's share of the looking does not depend on how many are under way.
    look_at: usize,
}

impl<B: Backend> Default for Remembered<B> {
    fn default() -> Self {
        Self { transfers: Vec::new(), look_at: 0 }
    }
}

/// Slots of several buffers that were not all there.
pub(crate) struct Missing {
    /// The first that had none left.
    pub(crate) part: usize,
    /// The changes of its buffer's slots until then.
    changes: u64,
}

thread_local! {
    /// How often the calling thread is in the middle of a [`SlotsHeld`]. Nothing to drop, so it is there
    /// until the thread has ended.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// While it lives, the calling thread has slots that it will give back later, and may run code of the
/// application. That code must not wait for slots, which might be these.
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
        Self { limit, taken: OnceLock::new(), transfers: Mutex::default() }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.get().map_or(0, |taken| lock(&taken.count).taken)
    }

    /// The ends of the downloads so far.
    pub(crate) fn totals(&self) -> SlotTotals {
        let Some(taken) = self.taken.get() else { return SlotTotals::default() };
        let SlotTotals { finished, dropped, waits } = &taken.totals;
        let [finished, dropped, waits] =
            [finished, dropped, waits].map(|total| total.load(Ordering::Relaxed));
        SlotTotals { finished, dropped, waits }
    }

    fn counted(&self) -> &Arc<Taken> {
        self.taken.get_or_init(Arc::default)
    }

    /// Takes a slot for each of `wanted`, in which a buffer may come up more than once: all of them, or none.
    ///
    /// All counts are locked meanwhile, so no thread sees slots taken that are given back because others are
    /// missing.
    pub(crate) fn take(wanted: &[&Self]) -> Result<Vec<Slot>, Missing> {
        if let [one] = wanted {
            // The same without the lists.
            let mut count = lock(&one.counted().count);
            if count.taken >= one.limit {
                return Err(Missing { part: 0, changes: count.changes });
            }
            count.taken += 1;
            return Ok(vec![Slot::new(one.counted().clone())]);
        }
        let mut counts = lock_together(wanted.iter().map(|slots| &slots.counted().count));
        for (part, slots) in wanted.iter().enumerate() {
            let count = counts.get_mut(part);
            if count.taken >= slots.limit {
                let changes = count.changes;
                (0..part).for_each(|before| counts.get_mut(before).taken -= 1);
                return Err(Missing { part, changes });
            }
            count.taken += 1;
        }
        drop(counts);
        Ok(wanted.iter().map(|slots| Slot::new(slots.counted().clone())).collect())
    }

    /// Takes a slot for each of `wanted`, and keeps the calling thread until there are all of them. Meanwhile
    /// it holds none, so a thread that needs only some of them may have these. No buffer comes up more often
    /// than it has slots.
    ///
    /// The thread sleeps until the buffer that was the first to miss one has a change. `note` is called once
    /// if it does.
    pub(crate) fn wait(wanted: &[&Self], lanes: &Lanes<B>, note: impl FnOnce()) -> Result<Vec<Slot>, Fault> {
        let mut note = Some(note);
        loop {
            let (taken, changes) = match Self::look(wanted, lanes) {
                Ok(slots) => return Ok(slots),
                Err(missing) => missing,
            };
            may_sleep(lanes.backend())?;
            no_slots_held::<B>()?;
            if let Some(note) = note.take() {
                taken.totals.waits.fetch_add(1, Ordering::Relaxed);
                note();
            }
            let Some(_watch) = watch_oldest(taken, lanes)? else { continue };
            let mut count = lock(&taken.count);
            while count.changes == changes {
                count.sleepers += 1;
                count = taken.changed.wait(count).unwrap_or_else(PoisonError::into_inner);
                count.sleepers -= 1;
            }
        }
    }

    /// Takes a slot for each of `wanted`, after those of downloads that have ended came back. If one is
    /// missing: the slots of which buffer, and their changes until then.
    fn look<'a>(wanted: &[&'a Self], lanes: &Lanes<B>) -> Result<Vec<Slot>, (&'a Arc<Taken>, u64)> {
        lanes.release_ended();
        Self::take(wanted).map_err(|Missing { part, changes }| (wanted[part].counted(), changes))
    }

    pub(crate) fn remember(&self, transfer: &Arc<InFlight<B>>) {
        let mut remembered = lock(&self.transfers);
        let Remembered { transfers, look_at } = &mut *remembered;
        if transfers.len() >= *look_at {
            transfers.retain(|transfer| transfer.strong_count() > 0);
            *look_at = 2 * transfers.len().max(4);
        }
        transfers.push(Arc::downgrade(transfer));
        drop(remembered);
        if let Some(taken) = self.taken.get() {
            taken.change(|_| ());
        }
    }

    /// Gives back the slots of all downloads that have not been waited for.
    pub(crate) fn abandon(&self) {
        let Remembered { transfers, .. } = std::mem::take(&mut *lock(&self.transfers));
        transfers.iter().filter_map(Weak::upgrade).for_each(|transfer| transfer.abandon());
    }
}

/// A task that waits for slots.
#[derive(Default)]
pub(crate) struct Waiting {
    /// The slots that have its waker, and its number there.
    place: Option<(Arc<Taken>, u64)>,
    /// Of the oldest transfer of the lane.
    watch: Option<Arc<Watch>>,
    /// When it began to wait, and was counted.
    began: Option<WaitBegan>,
}

impl Waiting {
    /// As [`Slots::wait`], for a task: while slots are missing, `waker` is woken when that may have changed.
    pub(crate) fn poll<B: Backend>(
        &mut self,
        wanted: &[&Slots<B>],
        lanes: &Lanes<B>,
        waker: &Waker,
        note: impl Fn(),
    ) -> Poll<Result<Vec<Slot>, Fault>> {
        loop {
            let (taken, changes) = match Slots::look(wanted, lanes) {
                Ok(slots) => return Poll::Ready(Ok(slots)),
                Err(missing) => missing,
            };
            if !lanes.backend().may_wait() {
                return Poll::Ready(Err(Fault::would_deadlock(B::NAME)));
            }
            no_slots_held::<B>()?;
            if self.began.is_none() {
                self.began = Some(WaitBegan::now());
                taken.totals.waits.fetch_add(1, Ordering::Relaxed);
                note();
            }
            match watch_oldest(taken, lanes) {
                Ok(Some(watch)) => self.watch = watch,
                Ok(None) => continue,
                Err(fault) => return Poll::Ready(Err(fault)),
            }
            if self.stay(taken, changes, waker) {
                return Poll::Pending;
            }
        }
    }

    pub(crate) fn began(&self) -> WaitBegan {
        self.began.unwrap_or_default()
    }

    /// Leaves the waker with the slots, unless there was a change since `changes`. Returns whether it did.
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

/// Refuses a wait for slots in a pressure callback: it may be for those of the download that asks for memory.
fn no_slots_held<B: Backend>() -> Result<(), Fault> {
    if HELD.get() > 0 { Err(Fault::would_deadlock(B::NAME)) } else { Ok(()) }
}

/// Has the wake thread tell of a change when the oldest download of the device has ended, for as long as the
/// returned watch lives. `None` when it has ended already: then slots may have come back.
fn watch_oldest<B: Backend>(
    taken: &Arc<Taken>,
    lanes: &Lanes<B>,
) -> Result<Option<Option<Arc<Watch>>>, Fault> {
    let Some(oldest) = lanes.download.oldest() else { return Ok(Some(None)) };
    // The transfer is not held any longer than this: with its last reference the slot comes back.
    Ok(wake_thread::watch(lanes.download.queue(), &oldest, &Waker::from(taken.clone()))?.map(Some))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Device;
    use crate::backend::{BackendOps, Host};
    use crate::label::BufferLabel;
    use crate::memory::DeviceState;

    pub(crate) fn one(slots: &Slots<Host>) -> Slot {
        Slots::take(&[slots]).unwrap_or_else(|_| panic!("there is one")).remove(0)
    }

    pub(crate) fn fly(state: &Arc<DeviceState<Host>>, slot: Slot) -> Arc<InFlight<Host>> {
        let pinned = state.take_pinned(&BufferLabel::literal("flown"), 1).unwrap();
        let event = state.backend.record(state.lanes.download.stream().raw()).unwrap();
        state.lanes.download.lock().push(event, pinned, Some(slot))
    }

    #[test]
    fn transfers_that_have_gone_are_forgotten() {
        let device = Device::host();
        let state = device.state();
        let slots = Slots::<Host>::new(200);
        let transfers: Vec<_> = (0..100).map(|_| fly(state, one(&slots))).collect();
        transfers.iter().for_each(|transfer| slots.remember(transfer));
        // Tickets that are redeemed, many more than are under way at a time.
        for _ in 0..10_000 {
            let transfer = fly(state, one(&slots));
            slots.remember(&transfer);
            state.backend.synchronize(transfer.event()).unwrap();
            drop(transfer.take());
            drop(transfer);
            state.lanes.release_ended();
        }
        let remembered = lock(&slots.transfers).transfers.len();
        assert!((100..=202).contains(&remembered), "{remembered} transfers are remembered");
        // Nothing that is there was lost sight of.
        assert_eq!(slots.taken(), 100);
        slots.abandon();
        assert_eq!(slots.taken(), 0);
        drop(transfers);
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
                        let slot = Slots::wait(&[&slots], &state.lanes, || ()).unwrap();
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
