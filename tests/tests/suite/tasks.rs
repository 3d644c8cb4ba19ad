//! Wakers that count, and executors that fail a test when a wake-up is lost.

pub(crate) use gpumem_tests::{NEVER, block_on};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// A waker that counts its calls. A thread can wait for the first one.
#[derive(Default)]
pub(crate) struct Counter {
    woken: Mutex<usize>,
    bell: Condvar,
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        *self.woken.lock().unwrap() += 1;
        self.bell.notify_all();
    }
}

impl Counter {
    pub(crate) fn wait(&self) {
        let woken = self.woken.lock().unwrap();
        let (woken, _) = self.bell.wait_timeout_while(woken, NEVER, |woken| *woken == 0).unwrap();
        assert!(*woken > 0, "nobody was woken");
    }

    pub(crate) fn count(&self) -> usize {
        *self.woken.lock().unwrap()
    }
}

pub(crate) fn poll<F: Future + Unpin>(future: &mut F, waker: &Arc<Counter>) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(&Waker::from(waker.clone())))
}

/// A future for [`run_on_threads`].
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task of [`run_on_threads`].
struct Shared {
    future: Mutex<Option<Task>>,
    /// The number of polls. Only the waker of the last poll wakes the task.
    polls: AtomicUsize,
    ready: Mutex<mpsc::Sender<Arc<Shared>>>,
}

/// The waker of one poll.
struct OfPoll(Arc<Shared>, usize);

impl Wake for OfPoll {
    fn wake(self: Arc<Self>) {
        let Self(task, poll) = &*self;
        if task.polls.load(Ordering::SeqCst) == *poll {
            // After the last task the receiver is gone.
            let _ = task.ready.lock().unwrap().send(task.clone());
        }
    }
}

/// Runs tasks on four threads. Any free thread polls a task, each time with another waker. Returns the number
/// of polls.
pub(crate) fn run_on_threads(tasks: Vec<Task>) -> usize {
    let (ready, next) = mpsc::channel::<Arc<Shared>>();
    let (left, polls) = (AtomicUsize::new(tasks.len()), AtomicUsize::new(0));
    for future in tasks {
        let (future, own) = (Mutex::new(Some(future)), Mutex::new(ready.clone()));
        ready.send(Arc::new(Shared { future, polls: AtomicUsize::new(0), ready: own })).unwrap();
    }
    let (next, began) = (Mutex::new(next), Instant::now());
    let work = || {
        while left.load(Ordering::SeqCst) > 0 {
            assert!(began.elapsed() < NEVER, "a task was never woken");
            let task = next.lock().unwrap().recv_timeout(Duration::from_millis(5));
            let Ok(task) = task else { continue };
            let mut slot = task.future.lock().unwrap();
            let Some(future) = slot.as_mut() else { continue };
            polls.fetch_add(1, Ordering::SeqCst);
            let poll = task.polls.fetch_add(1, Ordering::SeqCst) + 1;
            let waker = Waker::from(Arc::new(OfPoll(task.clone(), poll)));
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                *slot = None;
                left.fetch_sub(1, Ordering::SeqCst);
            } else if poll % 2 == 1 {
                // Polls once more for nothing, so that the waker that counts is not the first one of the
                // future.
                task.ready.lock().unwrap().send(task.clone()).unwrap();
            }
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| _ = scope.spawn(work)));
    polls.into_inner()
}
