//! Large transfers: several threads and lanes at once.
//!
//! One core copies to and from pinned memory at a fraction of the rate of the bus, and touching new memory is
//! slower yet. So a large blocking transfer is done by up to [`MOST`] threads, of which the calling thread is
//! one. The protocol:
//!
//! * **Lanes.** A device has one *transfer lane* per copy thread, made by the first large transfer and kept
//!   ([`Lanes`](super::Lanes)). One transfer has all of them at a time ([`LaneLease`](super::LaneLease)), so
//!   that two transfers never come in between each other; a transfer that finds them taken is done by its own
//!   thread alone, like a small one.
//! * **Order.** Before the first piece, every transfer lane is ordered after the compute stream
//!   ([`Lanes::order_after_compute`](super::Lanes::order_after_compute)). Each piece is a pending use of the
//!   block (rule 2), a write as well as a read. A download waits for its pieces. An upload does not: at its
//!   end, failed or not, the compute stream is ordered after all pieces
//!   ([`Block::join_uses`](crate::memory::Block::join_uses)), and then they are as good as queued there (rule
//!   1).
//! * **Pinned memory.** Each copy thread has a ring of blocks, which stay in flight on its lane when the ring
//!   is dropped (rule 3).
//! * **Threads.** They are scoped: they borrow the user's slice, and none outlives the call. Starting three
//!   costs some 0.1 ms at most, where the smallest transfer that comes here takes longer than 0.3 ms; threads
//!   that live longer would have to be given the slice with its lifetime taken away. A thread that does not
//!   start leaves its pieces to the others.
//! * **Pieces** are handed out one by one ([`Pieces`]), so a slow thread does less, and each is a slice that
//!   no other thread has. When a thread fails, the others get no more.

use crate::error::Error;
use crate::memory::locks::lock;
use std::panic::resume_unwind;
use std::sync::{Mutex, OnceLock};
use std::thread;

/// Threads and lanes of a large transfer: as many as it takes for the bus to be what limits it.
const MOST: usize = 4;

/// How many threads do a large transfer on this machine.
pub(crate) fn copy_threads() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| thread::available_parallelism().map_or(1, usize::from).min(MOST))
}

/// The pieces of a transfer that no thread has taken yet.
pub(crate) struct Pieces<I>(Mutex<Option<I>>);

impl<I: Iterator> Pieces<I> {
    pub(crate) fn new(pieces: I) -> Self {
        Self(Mutex::new(Some(pieces)))
    }

    pub(crate) fn next(&self) -> Option<I::Item> {
        lock(&self.0).as_mut()?.next()
    }

    /// Hands out no more.
    fn stop(&self) {
        *lock(&self.0) = None;
    }
}

/// Runs `work` with each of the `tools` on a thread of its own, with the first on the calling thread. Returns
/// when all have ended, with the first failure.
pub(crate) fn run_on_threads<I, W>(
    pieces: &Pieces<I>,
    tools: impl IntoIterator<Item = W>,
    work: impl Fn(W, &Pieces<I>) -> Result<(), Error> + Sync,
) -> Result<(), Error>
where
    I: Iterator + Send,
    W: Send,
{
    let mut tools = tools.into_iter().peekable();
    let Some(first) = tools.next() else { return Ok(()) };
    if tools.peek().is_none() {
        return work(first, pieces);
    }
    let work = |tool| {
        let result = work(tool, pieces);
        if result.is_err() {
            pieces.stop();
        }
        result
    };
    thread::scope(|scope| {
        let start =
            |tool| thread::Builder::new().name("gpumem-copy".into()).spawn_scoped(scope, || work(tool)).ok();
        let others: Vec<_> = tools.filter_map(start).collect();
        let mut result = work(first);
        for other in others {
            result = result.and(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_given_to_one_thread() {
        let mut data = vec![0_u8; 1_000];
        let pieces = Pieces::new(data.chunks_mut(7));
        let work = |tool: u8, pieces: &Pieces<std::slice::ChunksMut<'_, u8>>| {
            while let Some(piece) = pieces.next() {
                piece.iter_mut().for_each(|byte| *byte += tool);
            }
            Ok(())
        };
        run_on_threads(&pieces, [1, 1, 1, 1], work).unwrap();
        assert_eq!(data, [1; 1_000]);
    }

    #[test]
    fn a_failure_stops_the_others() {
        let pieces = Pieces::new(0_usize..);
        let work = |tool: usize, pieces: &Pieces<std::ops::RangeFrom<usize>>| {
            while let Some(piece) = pieces.next() {
                if tool == 2 && piece > 100 {
                    return Err(Error::WouldDeadlock);
                }
            }
            Ok(())
        };
        assert!(matches!(run_on_threads(&pieces, 0..4, work), Err(Error::WouldDeadlock)));
        assert_eq!(pieces.next(), None);
    }
}
