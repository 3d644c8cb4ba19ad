//! Leak checks, and the end of a device.

use super::Device;
use crate::backend::Backend;
use crate::error::Error;
use crate::ledger::{Held, LeakReport, ScopeId};
use std::fmt;
use std::sync::{Arc, PoisonError};

impl<B: Backend> Device<B> {
    /// The live buffers, the oldest first, each with the line of source that made it.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
    /// let edges = Buffer::<u32>::with_capacity(&device, "edges", 100)?;
    /// let live = device.live_buffers();
    /// assert_eq!((live[0].name(), live[0].bytes), ("cells", 12));
    /// assert_eq!((live[1].name(), live[1].bytes), ("edges", 400));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn live_buffers(&self) -> Vec<Held> {
        self.state().ledger.list_buffers()
    }

    /// Checks that the application holds nothing of this device: no buffer, ticket, guard, stage, use on a
    /// stream, or stream of its own. The report lists all that it holds, each with the line that made it.
    ///
    /// What is in flight is not held: a transfer whose ticket was dropped runs to its end, and memory of a
    /// dropped buffer comes back when its last use is done. The report has these bytes in their own line.
    /// Modules of kernels, which only cards have, are in the report if it has anything else.
    ///
    /// A check that finds nothing takes less than a microsecond. One that does takes about 0.1 us for each
    /// thing that it lists.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let kept = Buffer::from_slice(&device, "kept", &[1_u32, 2, 3])?;
    /// let report = device.check_leaks().unwrap_err().to_string();
    /// assert!(report.starts_with("1 buffer of device `host` is still alive:"));
    /// assert!(report.contains("buffer `kept`  u32      12 bytes")); // and its age, and the line that made it
    /// drop(kept);
    /// device.check_leaks()?;
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Leaked`] with the list, or with the bytes that the driver did not take back.
    pub fn check_leaks(&self) -> Result<(), Error> {
        let state = self.state();
        if state.ledger.leaks() == 0 && state.losses.bytes() == 0 {
            return Ok(());
        }
        // Transfers that have ended are not in flight after this.
        state.sweep();
        let (held, lost) = (state.ledger.list(), state.losses.bytes());
        // Another thread may have dropped it all in between.
        if lost == 0 && !held.iter().any(|held| held.kind.is_leak()) {
            Ok(())
        } else {
            Err(Error::Leaked(state.leak_report(held)))
        }
    }

    /// Begins a part of the program that leaves nothing behind, such as a frame. [`LeakScope::check`] reports
    /// what was made inside it, by any thread, and is still held. `name` is for the report.
    ///
    /// Scopes may be nested. To begin one, to check it and to drop it takes less than a microsecond each,
    /// however many buffers there are.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let device = Device::host();
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?.into_async();
    /// let mut unread = Vec::new();
    ///
    /// let frame = device.leak_scope("frame");
    /// let scratch = Buffer::<u32>::zeroed(&device, "scratch", 100)?;
    /// drop(scratch);
    /// frame.check()?;
    /// unread.push(cells.start_download()?); // and nobody waits for it
    /// let Err(Error::Leaked(report)) = frame.check() else { panic!("a ticket is left") };
    /// let text = report.to_string();
    /// assert!(text.starts_with("1 download of scope `frame` of device `host` is still alive:"), "{text}");
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    pub fn leak_scope<'a>(&'a self, name: &'a str) -> LeakScope<'a, B> {
        LeakScope { device: self, name, id: self.state().ledger.open_scope() }
    }

    /// Ends the device in order: waits for all queued work, checks that nothing of it is held, and gives all
    /// memory back before it returns. Modules of kernels are unloaded even if they are alive; their kernels
    /// cannot be launched any more. Tickets of uploads may be alive too, and have ended.
    ///
    /// Dropping the last handle does the same without waiting; it logs tickets and guards of downloads that
    /// are alive.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let device = Device::host();
    /// let cells = Buffer::from_slice(&device, "cells", &[1, 2, 3])?;
    /// let refused = device.clone().close();
    /// assert!(matches!(refused, Err(Error::Leaked(_)))); // it lists `cells`
    /// drop(cells);
    /// device.close()?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Leaked`] when buffers, tickets or guards of downloads, stages, uses on streams, or streams of
    /// the application's own are alive: it lists them. [`Error::DeviceInUse`] when other handles are, and
    /// [`Error::DeviceFailed`] when the device has failed. The device then ends with the last of them.
    pub fn close(self) -> Result<(), Error> {
        self.synchronize()?;
        let state = self.state();
        let held = state.ledger.list();
        if state.losses.bytes() > 0 || held.iter().any(|held| held.kind.keeps_open()) {
            let report = state.leak_report(held);
            state.was_reported();
            return Err(Error::Leaked(report));
        }
        // Keeps the idle thread out until this handle has gone, so that its reference is neither counted nor
        // the last one. That thread holds no other lock when it takes the gate, so code that runs here
        // meanwhile (a logger) delays it alone.
        let gate = self.state().idle_gate();
        let _gate = gate.lock().unwrap_or_else(PoisonError::into_inner);
        // Besides this handle, nothing that is not listed above refers to the device state.
        let handles = Arc::strong_count(&self.handle) + Arc::strong_count(self.state()) - 2;
        if handles > 0 {
            return Err(Error::DeviceInUse { device: self.name().into(), handles });
        }
        if let Some(handle) = Arc::into_inner(self.handle) {
            handle.close();
        }
        Ok(())
    }
}

/// A part of a program that leaves nothing behind; made by [`Device::leak_scope`], where the example is.
/// Dropping it reports nothing.
#[must_use = "it reports nothing before `check` is called"]
pub struct LeakScope<'a, B: Backend> {
    device: &'a Device<B>,
    name: &'a str,
    id: ScopeId,
}

impl<B: Backend> LeakScope<'_, B> {
    /// Checks that nothing is held that was made since the scope began. It may be called again: the scope
    /// ends when it is dropped.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let _earlier = Buffer::from_slice(&device, "earlier", &[1, 2, 3])?;
    /// for _ in 0..3 {
    ///     let frame = device.leak_scope("frame");
    ///     let scratch = Buffer::<u32>::zeroed(&device, "scratch", 100)?;
    ///     drop(scratch);
    ///     frame.check()?;
    /// }
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Leaked`] with the list.
    pub fn check(&self) -> Result<(), Error> {
        let ledger = &self.device.state().ledger;
        if ledger.leaks_in(&self.id) == 0 {
            return Ok(());
        }
        let held = ledger.list_in(&self.id);
        if !held.iter().any(|held| held.kind.is_leak()) {
            // Another thread has dropped it in between.
            return Ok(());
        }
        let owner = format!("scope `{}` of device `{}`", self.name, self.device.name());
        Err(Error::Leaked(LeakReport::new(owner, held)))
    }
}

impl<B: Backend> Drop for LeakScope<'_, B> {
    fn drop(&mut self) {
        self.device.state().ledger.close_scope(&self.id);
    }
}

impl<B: Backend> fmt::Debug for LeakScope<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeakScope").field("name", &self.name).finish_non_exhaustive()
    }
}
