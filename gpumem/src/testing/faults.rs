//! Failures on purpose.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Makes a chosen call to the host backend fail, to test how an application behaves then.
///
/// Two kinds of calls count: those that take a block of device memory or of pinned memory, and those that
/// queue work. The call with the chosen number fails, once. Memory fails twice in a row, since the runtime
/// tries again. Calls by which the runtime takes new memory, to make blocks of it, count apart
/// ([`Faults::fail_driver`]).
///
/// ```
/// use gpumem::testing::Faults;
/// use gpumem::{Buffer, Device, Error};
///
/// let faults = Faults::new();
/// let device = Device::builder().faults(&faults).host()?;
/// let mut cells = Buffer::from_slice(&device, "cells", &[1, 2, 3])?;
/// faults.fail_at(0);
/// assert!(matches!(cells.resize(1_000), Err(Error::OutOfMemory { .. })));
/// assert_eq!(cells.download()?, [1, 2, 3]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Plan>);

#[derive(Debug)]
struct Plan {
    calls: AtomicUsize,
    fail_at: AtomicUsize,
    driver_calls: AtomicUsize,
    driver_fails: Mutex<Range<usize>>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            calls: AtomicUsize::new(0),
            fail_at: AtomicUsize::new(usize::MAX),
            driver_calls: AtomicUsize::new(0),
            driver_fails: Mutex::new(0..0),
        }
    }
}

/// The kind of a call that is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// It takes a block.
    Block,
    /// It takes new memory from the operating system, which stands for the driver here: a block, a chunk, or
    /// the mapping of one. To reserve addresses does not count.
    NewMemory,
    /// It queues work.
    Queue,
}

/// How a chosen call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    OutOfMemory,
    OfTheDevice,
}

impl Faults {
    /// No failures yet.
    ///
    /// ```
    /// use gpumem::testing::Faults;
    /// use gpumem::{Buffer, Device};
    ///
    /// let faults = Faults::new();
    /// let device = Device::builder().faults(&faults).host()?;
    /// let cells = Buffer::from_slice(&device, "cells", &[1, 2, 3])?;
    /// assert!(!faults.stop()); // no call has failed
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets one call fail, by its number from now: 0 is the next one.
    ///
    /// ```
    /// use gpumem::testing::Faults;
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let faults = Faults::new();
    /// let device = Device::builder().faults(&faults).host()?;
    /// faults.fail_at(1);
    /// let cells = Buffer::<u32>::with_capacity(&device, "cells", 100)?; // call 0
    /// let edges = Buffer::<u32>::with_capacity(&device, "edges", 100); // call 1
    /// assert!(matches!(edges, Err(Error::OutOfMemory { .. })));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn fail_at(&self, call: usize) {
        self.0.calls.store(0, Ordering::SeqCst);
        self.0.fail_at.store(call, Ordering::SeqCst);
    }

    /// Lets the calls fail by which the runtime takes new memory and maps it, by their numbers from now:
    /// `fail_driver(0..1)` lets the next one fail, `fail_driver(0..usize::MAX)` all of them. They answer that
    /// there is no memory.
    ///
    /// ```
    /// use gpumem::testing::Faults;
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let faults = Faults::new();
    /// let device = Device::builder().faults(&faults).host()?;
    /// faults.fail_driver(0..usize::MAX);
    /// let refused = Buffer::<u8>::with_capacity(&device, "mesh", 4 << 20);
    /// assert!(matches!(refused, Err(Error::OutOfMemory { .. })));
    /// faults.fail_driver(0..0);
    /// let mesh = Buffer::<u8>::with_capacity(&device, "mesh", 4 << 20)?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn fail_driver(&self, calls: Range<usize>) {
        self.0.driver_calls.store(0, Ordering::SeqCst);
        *self.0.driver_fails.lock().unwrap_or_else(PoisonError::into_inner) = calls;
    }

    /// Lets no call fail from now on. Returns whether a call has failed since [`Faults::fail_at`].
    ///
    /// ```
    /// use gpumem::testing::Faults;
    /// use gpumem::{Buffer, Device};
    ///
    /// let faults = Faults::new();
    /// let device = Device::builder().faults(&faults).host()?;
    /// let mut cells = Buffer::from_slice(&device, "cells", &[1, 2, 3])?;
    /// faults.fail_at(0);
    /// assert!(cells.resize(1_000).is_err());
    /// assert!(faults.stop()); // it failed because of the fault
    /// cells.resize(1_000)?;
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use = "whether a call failed at all is what a test has to know"]
    pub fn stop(&self) -> bool {
        *self.0.driver_fails.lock().unwrap_or_else(PoisonError::into_inner) = 0..0;
        let planned = self.0.fail_at.swap(usize::MAX, Ordering::SeqCst);
        planned < self.0.calls.load(Ordering::SeqCst)
    }

    /// Counts a call that is about to be made; how it is to fail, if it was chosen.
    pub(crate) fn chosen(&self, call: CallKind) -> Option<Failure> {
        if call == CallKind::NewMemory {
            let number = self.0.driver_calls.fetch_add(1, Ordering::SeqCst);
            let fails = self.0.driver_fails.lock().unwrap_or_else(PoisonError::into_inner).contains(&number);
            return fails.then_some(Failure::OutOfMemory);
        }
        let planned = self.0.fail_at.load(Ordering::SeqCst);
        if planned == usize::MAX {
            return None;
        }
        let number = self.0.calls.fetch_add(1, Ordering::SeqCst);
        match call {
            // The second attempt has the next number.
            CallKind::Block if number == planned || number == planned + 1 => Some(Failure::OutOfMemory),
            CallKind::Queue if number == planned => Some(Failure::OfTheDevice),
            _ => None,
        }
    }
}
