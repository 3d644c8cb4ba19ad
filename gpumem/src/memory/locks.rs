//! Locks: of one mutex, and of several at a time.
//!
//! A thread that needs several mutexes of one kind (the uses of blocks, the slots of buffers, the staging
//! copies of buffers) takes them with [`lock_together`], in the order of their addresses. Two threads that
//! name the same mutexes in different orders therefore never wait for each other.
//!
//! Poisoning is ignored: no code of this crate leaves a half-done change when it unwinds, and foreign code
//! (wakers, the application's logger) never runs while a lock is held.

use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks one mutex.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Several mutexes, locked by [`lock_together`].
pub(crate) struct LockedTogether<'a, T> {
    /// In the order of the mutexes' addresses.
    guards: Vec<MutexGuard<'a, T>>,
    /// For each mutex that the caller named, the index of its guard.
    guard_of: Vec<usize>,
}

/// Locks each of `mutexes` once, in the order of their addresses. The caller may name a mutex more than once.
pub(crate) fn lock_together<'a, T>(mutexes: impl IntoIterator<Item = &'a Mutex<T>>) -> LockedTogether<'a, T> {
    let mut in_order: Vec<(usize, &Mutex<T>)> = mutexes.into_iter().enumerate().collect();
    in_order.sort_by_key(|(_, mutex)| ptr::from_ref(*mutex).addr());
    let mut guard_of = vec![0; in_order.len()];
    let mut guards = Vec::with_capacity(in_order.len());
    for same in in_order.chunk_by(|(_, one), (_, other)| ptr::eq(*one, *other)) {
        for (index, _) in same {
            guard_of[*index] = guards.len();
        }
        guards.push(lock(same[0].1));
    }
    LockedTogether { guards, guard_of }
}

impl<T> LockedTogether<'_, T> {
    /// What the mutex guards that the caller named as the `index`th.
    pub(crate) fn get_mut(&mut self, index: usize) -> &mut T {
        &mut self.guards[self.guard_of[index]]
    }

    /// The same, to read.
    pub(crate) fn get(&self, index: usize) -> &T {
        &self.guards[self.guard_of[index]]
    }

    /// Each guarded value once.
    pub(crate) fn each(&self) -> impl Iterator<Item = &T> {
        self.guards.iter().map(|guard| &**guard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn a_mutex_that_is_named_twice_is_locked_once() {
        let counts = [Mutex::new(0), Mutex::new(10)];
        let mut locked = lock_together([&counts[1], &counts[0], &counts[1]]);
        *locked.get_mut(0) += 1;
        *locked.get_mut(1) += 1;
        *locked.get_mut(2) += 1;
        assert_eq!(locked.each().copied().collect::<Vec<_>>(), [1, 12]);
        drop(locked);
        assert!(counts.iter().all(|count| count.try_lock().is_ok()));
    }

    /// Threads that name the same mutexes in all orders. Locked in the order in which they are named they
    /// soon wait for each other.
    #[test]
    fn threads_that_name_mutexes_in_different_orders_do_not_wait_for_each_other() {
        const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        const ROUNDS: usize = 2_000;
        let (send, ended) = mpsc::channel();
        thread::spawn(move || {
            let counts = [const { Mutex::new(0) }; 3];
            thread::scope(|scope| {
                for order in ORDERS {
                    let counts = &counts;
                    scope.spawn(move || {
                        for _ in 0..ROUNDS {
                            let mut locked = lock_together(order.map(|index| &counts[index]));
                            (0..3).for_each(|index| *locked.get_mut(index) += 1);
                        }
                    });
                }
            });
            send.send(counts.map(|count| count.into_inner().unwrap())).unwrap();
        });
        let counts = ended.recv_timeout(Duration::from_secs(60)).expect("threads wait for each other");
        assert_eq!(counts, [ORDERS.len() * ROUNDS; 3]);
    }
}
