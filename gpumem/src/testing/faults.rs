//! Failures on purpose.

use crate::backend::Fault;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Makes a chosen call to the host backend fail, to test what an application does then.
///
/// Each call that takes memory or queues work counts; the one with the chosen number fails, once. Memory calls fail
/// with out of memory twice in a row, since the runtime tries them again.
///
/// ```
/// use gpumem::testing::Faults;
/// use gpumem::{Buffer, Device, Error};
///
/// let faults = Faults::new();
/// let device = Device::builder().faults(&faults).host()?;
/// let mut cells: Buffer<u32> = Buffer::from_slice(&device, "cells", &[1, 2, 3])?;
/// faults.fail_at(0);
/// assert!(matches!(cells.resize(1_000), Err(Error::OutOfMemory { .. })));
/// assert_eq!(cells.download()?, [1, 2, 3]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<State>);

#[derive(Debug)]
struct State {
    calls: AtomicUsize,
    fail_at: AtomicUsize,
}

impl Default for State {
    fn default() -> Self {
        Self { calls: AtomicUsize::new(0), fail_at: AtomicUsize::new(usize::MAX) }
    }
}

/// What kind of call is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// It takes memory.
    Memory,
    /// It queues work.
    Queue,
}

impl Faults {
    /// No failures yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the call fail that comes after so many others, counted from now: 0 is the next one.
    pub fn fail_at(&self, call: usize) {
        self.0.calls.store(0, Ordering::SeqCst);
        self.0.fail_at.store(call, Ordering::SeqCst);
    }

    /// Lets nothing fail from now on. Returns whether a call has failed since [`Faults::fail_at`].
    #[must_use = "whether a call failed at all is what a test has to know"]
    pub fn stop(&self) -> bool {
        let planned = self.0.fail_at.swap(usize::MAX, Ordering::SeqCst);
        planned < self.0.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn call(&self, call: Call) -> Result<(), Fault> {
        let planned = self.0.fail_at.load(Ordering::SeqCst);
        if planned == usize::MAX {
            return Ok(());
        }
        let number = self.0.calls.fetch_add(1, Ordering::SeqCst);
        match call {
            // The second attempt has the next number.
            Call::Memory if number == planned || number == planned + 1 => Err(Fault::OutOfMemory),
            Call::Queue if number == planned => {
                Err(Fault::Failed { operation: "a call that was chosen to fail", reason: "it was".into() })
            }
            _ => Ok(()),
        }
    }
}
