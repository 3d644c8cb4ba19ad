//! Streams as threads, events as numbers.
//!
//! The pieces of work on a stream are numbered. A worker runs them in order and advances the `finished` count
//! of the stream's [`Progress`]. An event is a stream's progress and a number, and it is past when `finished`
//! has reached the number. So to record one costs no queue entry and no allocation, and any number of threads
//! and streams can wait for one event.
//!
//! A panic in a job fails the whole device ([`Failed`]). The workers then skip the remaining jobs but go on
//! counting, so every wait ends. A thread that waited looks at the failure before it takes its work for done.

use super::fault::{call_refused, failed};
use crate::backend::Fault;
use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// The line of the application that launched a kernel, if the job is one.
pub(super) type LaunchedAt = Option<&'static Location<'static>>;

/// The reason why a device has failed, once it has. All its streams share it.
#[derive(Clone, Default)]
pub(super) struct Failed(Arc<Failing>);

#[derive(Default)]
struct Failing {
    fault: OnceLock<Fault>,
    /// Of all streams, so that a failure ends the waits for each.
    streams: Mutex<Vec<Weak<Progress>>>,
}

impl Failed {
    pub(super) fn check(&self) -> Result<(), Fault> {
        self.0.fault.get().map_or(Ok(()), |fault| Err(fault.clone()))
    }

    fn set(&self, panic: &(dyn Any + Send), launched_at: Option<&Location<'_>>) {
        let message = panic.downcast_ref::<&str>().copied();
        let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let message = message.unwrap_or("(no message)");
        let (operation, reason) = match launched_at {
            Some(line) => ("a kernel", format!("the one launched at {line} panicked: {message}")),
            None => ("queued work", format!("it panicked: {message}")),
        };
        // No job runs after a panic, but two streams may race to the first one. Then one of them wins.
        let _ = self.0.fault.set(failed(operation, reason));
        for progress in lock(&self.0.streams).iter().filter_map(Weak::upgrade) {
            // Locked, so that no thread is between its look at the failure and its sleep.
            let _guard = lock(&progress.lock);
            progress.moved.notify_all();
        }
    }

    fn tell(&self, progress: &Arc<Progress>) {
        let mut streams = lock(&self.0.streams);
        streams.retain(|progress| progress.strong_count() > 0);
        streams.push(Arc::downgrade(progress));
    }
}

/// The progress of a stream.
#[derive(Debug, Default)]
struct Progress {
    finished: AtomicU64,
    /// The lowest number that a thread sleeps for. `finished` is advanced under this lock, so that no wake-up
    /// falls between a look and the sleep.
    lock: Mutex<Option<u64>>,
    moved: Condvar,
}

impl Progress {
    fn advance(&self, to: u64) {
        let mut awaited = lock(&self.lock);
        self.finished.store(to, Ordering::Release);
        // Those that sleep for a later number note it again.
        if awaited.take_if(|number| *number <= to).is_some() {
            self.moved.notify_all();
        }
    }
}

/// A queue of work and the thread that runs it.
pub struct HostStream {
    progress: Arc<Progress>,
    queue: Mutex<JobQueue>,
    failure: Failed,
}

struct JobQueue {
    submitted: u64,
    /// None until the first job: a device that is opened and not used starts no thread.
    jobs: Option<Sender<(u64, LaunchedAt, Job)>>,
}

impl fmt::Debug for HostStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostStream").finish_non_exhaustive()
    }
}

impl HostStream {
    pub(super) fn new(failure: Failed) -> Self {
        let progress = Arc::default();
        failure.tell(&progress);
        Self { progress, queue: Mutex::new(JobQueue { submitted: 0, jobs: None }), failure }
    }

    pub(super) fn push(&self, launched_at: LaunchedAt, job: Job) -> Result<(), Fault> {
        let mut queue = lock(&self.queue);
        if queue.jobs.is_none() {
            queue.jobs = Some(self.start_worker()?);
        }
        let number = queue.submitted + 1;
        let sent = queue.jobs.as_ref().map_or(Ok(()), |jobs| jobs.send((number, launched_at, job)));
        if sent.is_ok() {
            queue.submitted = number;
        }
        drop(queue);
        // A refused job is dropped here, without the lock: its captures are the application's, and may do
        // anything.
        sent.map_err(|_| failed("queue work", "the stream's thread has ended".into()))
    }

    /// The point after all work that is queued now.
    pub(super) fn now(&self) -> HostEvent {
        HostEvent { progress: self.progress.clone(), number: lock(&self.queue).submitted }
    }

    /// Whether work that is queued here from now on runs after `event` in any case.
    pub(super) fn orders(&self, event: &HostEvent) -> bool {
        Arc::ptr_eq(&self.progress, &event.progress)
    }

    fn start_worker(&self) -> Result<Sender<(u64, LaunchedAt, Job)>, Fault> {
        let (jobs, queue) = mpsc::channel::<(u64, LaunchedAt, Job)>();
        let (progress, failure) = (self.progress.clone(), self.failure.clone());
        let worker = move || {
            ON_WORKER.set(true);
            for (number, launched_at, job) in queue {
                // A skipped job is dropped inside the guard too: the captures of a kernel may have a
                // destructor that panics.
                let run = || if failure.check().is_ok() { job() } else { drop(job) };
                if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(run)) {
                    failure.set(&*panic, launched_at);
                    // Dropping the payload could panic again, outside any guard.
                    std::mem::forget(panic);
                }
                progress.advance(number);
            }
        };
        let thread = thread::Builder::new().name("gpumem-stream".into()).spawn(worker);
        let operation = "start a stream's thread";
        thread.map_err(|error| call_refused(operation, &error))?;
        Ok(jobs)
    }
}

/// A point in a stream.
#[derive(Clone, Debug)]
pub struct HostEvent {
    progress: Arc<Progress>,
    number: u64,
}

impl PartialEq for HostEvent {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.progress, &other.progress) && self.number == other.number
    }
}

impl HostEvent {
    /// The number of references to the stream's progress: of the stream, of its thread, and of events.
    #[cfg(test)]
    pub(crate) fn references(&self) -> usize {
        Arc::strong_count(&self.progress)
    }

    pub(super) fn is_past(&self) -> bool {
        // Acquire: a thread that sees the new count also sees all that the worker wrote before it.
        self.progress.finished.load(Ordering::Acquire) >= self.number
    }

    pub(super) fn block(&self) {
        self.block_until(|| false);
    }

    /// Waits until it is past or the device has failed. In the second case, work before it may still run.
    pub(super) fn block_unless(&self, failure: &Failed) {
        self.block_until(|| failure.check().is_err());
    }

    fn block_until(&self, given_up: impl Fn() -> bool) {
        if self.is_past() {
            return;
        }
        let guard = lock(&self.progress.lock);
        let wait = self.progress.moved.wait_while(guard, |awaited| {
            *awaited = Some(awaited.map_or(self.number, |number| number.min(self.number)));
            !self.is_past() && !given_up()
        });
        drop(wait.unwrap_or_else(PoisonError::into_inner));
    }
}

thread_local! {
    // Nothing to drop, so it is there until the thread has ended.
    static ON_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread belongs to a stream, so that waiting here could wait for itself.
pub(super) fn on_worker() -> bool {
    ON_WORKER.get()
}

/// No lock here is held while foreign code runs, so a poisoned one is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
