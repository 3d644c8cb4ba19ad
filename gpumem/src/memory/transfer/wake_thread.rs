//! The wake thread: wakes the tasks that await transfers.
//!
//! A driver has no wait with a timeout and no wait that an executor could take part in, and a callback of the
//! driver may not call the driver. So each lane whose transfers are awaited has one thread, the *wake
//! thread*, that waits in the tasks' place: the download lane's for async downloads, the compute lane's for
//! staged uploads. Each task that it wakes then asks the driver itself.
//!
//! ```text
//!            number:   7     8     9     10    11
//!                    .-----.-----.-----.-----.-----.
//! leaves (released) <-|  T  |  T  |  T  |  T  |  T  |<- enters
//!                    '-----'--+--'-----'-----'--+--'
//!     watches:             W  W                 W    <- a first poll puts a watch here
//!                       ^
//!                       seen = 8: the wake thread waits for transfer 8, whether or not it is awaited
//! ```
//!
//! * The first await starts the thread ([`Queue::watch`]), and the device ends it. While no transfer is
//!   awaited it sleeps on a condition variable.
//! * A first poll makes a [`Watch`], which holds the waker of the last poll. The ticket owns the watch; the
//!   transfer's entry in the lane's queue has a weak reference. So dropping the future ends the matter, at
//!   any time and without asking the thread. A poll costs the same however many transfers there are.
//! * While any transfer is awaited (a count of the watches that have not been told), the thread takes the
//!   *oldest transfer of the lane that it has not seen to end*, awaited or not, waits for it, tells its
//!   watches, and goes on with the next. So each transfer costs it one wait, and a task is woken as soon as
//!   its transfer has ended: the lane runs in order, so the oldest ends first, and the thread is never in a
//!   wait for a later one. For that the numbers of awaited transfers are in the order of their events: a
//!   transfer gets its number and its event under one lock ([`Lane::lock`](super::Lane::lock)), and those
//!   that do not ([`Lane::hold`](super::Lane::hold)) have an event that is older than their number, which
//!   ends no later.
//! * A transfer whose end another thread sees first leaves the queue. Its watches go to a list (`left`),
//!   which the wake thread reads before anything else. Only the wake thread wakes: a thread that comes across
//!   an end while it starts a transfer may be in the middle of anything.
//! * No end is missed, and a poll looks at the event only once, before. Once the watch is in the queue, the
//!   transfer either leaves, which puts the watch in the list, or the wake thread comes to it, since it goes
//!   on while the count is above 0. A transfer that the thread has passed (`seen`), or that has left, takes
//!   no watch; its event is done.
//! * A fault from a wait is a fault of the device: all awaiting tasks of the lane are woken, with the fault.
//! * How the thread waits is up to the backend
//!   ([`BackendOps::synchronize_asleep`](crate::backend::BackendOps::synchronize_asleep)): on the host it
//!   sleeps until the lane's thread wakes it; on a card it asks, at first at once and then after pauses that
//!   grow with the time waited, since the driver's own wait takes a whole core.
//! * The thread never holds the device state: it keeps no device alive and is not counted as a handle. When
//!   the state goes, no transfer is left, so whatever the thread waits for is over. It holds the backend, and
//!   an event, only while it waits, and drops both before it wakes a task: a device that is closed afterwards
//!   gives back everything, and leaves nothing to a thread that the end of the program may cut off.
//!
//! Wakers are foreign code: they run, and are dropped, while the thread holds no lock, and a panic of one is
//! logged. A waker that runs its task in place may poll again, but must not sleep until the wake thread wakes
//! it: that is refused ([`may_sleep`](watch::may_sleep)).

use super::in_flight::InFlight;
use super::queue::{Next, Queue};
use super::watch::{self, Ended, Watch};
use crate::backend::{Backend, Fault};
use crate::threads;
use std::sync::Arc;
use std::task::Waker;

/// Has `waker` woken when `transfer`, of this queue, has ended; see [`Queue::watch`]. The first call starts
/// the thread.
pub(super) fn watch<B: Backend>(
    queue: &Arc<Queue<B>>,
    transfer: &InFlight<B>,
    waker: &Waker,
) -> Result<Option<Arc<Watch>>, Fault> {
    queue.start_once(|| {
        let queue = queue.clone();
        let operation = "start the thread that wakes the tasks that await transfers";
        threads::start("gpumem-wake", move || run(&queue))
            .map_err(|error| Fault::call_refused(B::NAME, operation, error.to_string()))
    })?;
    Ok(queue.watch(transfer, waker))
}

/// The wake thread of a queue.
fn run<B: Backend>(queue: &Queue<B>) {
    watch::this_is_a_wake_thread();
    while let Some(next) = queue.next() {
        let ended = match next {
            Next::Tell(ended) => ended,
            Next::Wait(number, event) => wait(queue, number, event),
        };
        for (watch, end) in ended {
            if let Some(watch) = watch.upgrade() {
                watch.end(end);
            }
        }
    }
}

/// Waits for transfer `number`. Returns the watches to tell.
// By value: the event is dropped here.
#[allow(clippy::needless_pass_by_value)]
fn wait<B: Backend>(queue: &Queue<B>, number: u64, event: B::Event) -> Vec<Ended> {
    let Some(backend) = queue.backend() else {
        // The device state is going, and with it all transfers: this only comes a moment earlier.
        queue.close();
        return Vec::new();
    };
    let end = backend.synchronize_asleep(&event);
    queue.has_ended(number, &end)
}

#[cfg(test)]
mod tests {
    use crate::{Async, Buffer, Device, Host};
    use std::sync::Arc;
    use std::time::Duration;

    // The thread kept the backend, on a card the context, until it had a turn after the device was closed:
    // the program ended in between.
    #[test]
    fn a_closed_device_leaves_nothing_to_the_thread() {
        let mut left = 0;
        for _ in 0..50 {
            let device = Device::host();
            let backend = Arc::downgrade(&device.state().backend);
            let buffer: Buffer<u32, Host, Async> =
                Buffer::from_slice(&device, "buffer", &[1, 2]).unwrap().into_async();
            device.launch((), |()| std::thread::sleep(Duration::from_millis(2))).unwrap();
            let mut ticket = buffer.start_download().unwrap();
            assert!(ticket.wait_timeout(Duration::from_secs(60)).unwrap().is_some());
            drop((ticket, buffer));
            device.close().unwrap();
            left += backend.strong_count();
        }
        // Where a machine is busy the kernel may end before the thread is asked, and the thread with it a
        // little later.
        assert!(left < 25, "{left} of 50 were left");
    }
}
