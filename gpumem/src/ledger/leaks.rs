//! Reports of leaks.

use crate::label::{BufferLabel, Bytes};
use std::fmt;
use std::panic::Location;

/// The ledger's record of a live buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveBuffer {
    /// Its name and that of its set.
    pub label: BufferLabel,
    /// Bytes of device memory that it holds.
    pub bytes: u64,
    /// The line of the application that made it.
    pub made_at: &'static Location<'static>,
}

/// A live handle of a device that is no buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveHandle {
    /// Its kind: `"stream"`.
    pub kind: &'static str,
    /// The line of the application that made it.
    pub made_at: &'static Location<'static>,
}

/// The result of a leak check. Its text is a list with each buffer's name, its size, and the line that made
/// it, the oldest first. If a device was to be closed, the list has the application's streams too. `Debug`
/// prints the same text, so that it can be read when `main` or `unwrap` prints the error.
///
/// ```
/// use gpumem::{Buffer, Device, Error};
///
/// let device = Device::host();
/// let kept = Buffer::from_slice(&device, "kept", &[1, 2, 3])?;
/// let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("`kept` is alive") };
/// assert_eq!(report.buffers()[0].label.name(), "kept");
/// assert!(report.to_string().starts_with("1 buffer of device `host` is still alive:"));
/// drop(kept);
/// device.check_leaks()?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct LeakReport {
    // Boxed so that `Error` stays small.
    content: Box<Content>,
}

#[derive(Clone, PartialEq, Eq)]
struct Content {
    owner: String,
    buffers: Vec<LiveBuffer>,
    handles: Vec<LiveHandle>,
    lost_bytes: u64,
}

/// The number of buffers that a report lists before it counts the rest: a page of a terminal.
const LISTED: usize = 20;

impl LeakReport {
    pub(crate) fn new(owner: String, buffers: Vec<LiveBuffer>, lost_bytes: u64) -> Self {
        Self { content: Box::new(Content { owner, buffers, handles: Vec::new(), lost_bytes }) }
    }

    /// The same, with the handles that keep the device open.
    pub(crate) fn with_handles(mut self, handles: Vec<LiveHandle>) -> Self {
        self.content.handles = handles;
        self
    }

    /// The live buffers, the oldest first.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let device = Device::host();
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
    /// let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("`cells` is alive") };
    /// let [leaked] = report.buffers() else { panic!("{report}") };
    /// assert_eq!((leaked.label.name(), leaked.bytes), ("cells", 12));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn buffers(&self) -> &[LiveBuffer] {
        &self.content.buffers
    }

    /// The live streams, if a device was to be closed.
    ///
    /// ```
    /// use gpumem::{Device, Error};
    ///
    /// let device = Device::host();
    /// let own = device.create_stream()?;
    /// let Err(Error::Leaked(report)) = device.close() else { panic!("`own` is alive") };
    /// let [handle] = report.handles() else { panic!("{report}") };
    /// assert_eq!(handle.kind, "stream");
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn handles(&self) -> &[LiveHandle] {
        &self.content.handles
    }

    /// Bytes that could not be given back to the driver, because it had failed.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let device = Device::host();
    /// let own = device.create_stream()?;
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
    /// let _ = device.launch_on(&own, (&cells,), |_| panic!("a mistake")); // fails the device
    /// assert!(device.synchronize_stream(&own).is_err());
    /// drop(cells); // the end of its last use is not known
    /// let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("memory was lost") };
    /// assert!(report.buffers().is_empty() && report.lost_bytes() >= 12);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        self.content.lost_bytes
    }
}

impl fmt::Debug for LeakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for LeakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Content { owner, buffers, handles, lost_bytes } = &*self.content;
        match buffers.len() {
            0 => write!(f, "no buffer of {owner} is alive")?,
            1 => write!(f, "1 buffer of {owner} is still alive:")?,
            count => write!(f, "{count} buffers of {owner} are still alive:")?,
        }
        for LiveBuffer { label, bytes, made_at } in buffers.iter().take(LISTED) {
            write!(f, "\n  {label}: {}, made at {made_at}", Bytes(*bytes))?;
        }
        if buffers.len() > LISTED {
            let rest = &buffers[LISTED..];
            let bytes = rest.iter().map(|buffer| buffer.bytes).sum();
            write!(f, "\n  and {} more with {}", rest.len(), Bytes(bytes))?;
        }
        if !handles.is_empty() {
            let are = if handles.len() == 1 { "handle is" } else { "handles are" };
            write!(
                f,
                "\n{} {are} still alive, which keeps the device open; drop what is not needed:",
                handles.len()
            )?;
        }
        for LiveHandle { kind, made_at } in handles.iter().take(LISTED) {
            write!(f, "\n  {kind}, made at {made_at}")?;
        }
        if handles.len() > LISTED {
            write!(f, "\n  and {} more", handles.len() - LISTED)?;
        }
        if *lost_bytes > 0 {
            write!(f, "\n{} could not be given back to the driver", Bytes(*lost_bytes))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_reports_are_cut_and_say_so() {
        let buffer = LiveBuffer {
            label: BufferLabel { set: Some("Graph"), ..BufferLabel::literal("edges") },
            bytes: 4096,
            made_at: Location::caller(),
        };
        let report = LeakReport::new("set `Graph`".into(), vec![buffer; 23], 0).to_string();
        assert!(report.starts_with("23 buffers of set `Graph` are still alive:\n"), "{report}");
        assert!(
            report.contains("\n  buffer `Graph.edges`: 4 KiB, made at gpumem/src/ledger/leaks.rs:"),
            "{report}"
        );
        assert!(report.ends_with("\n  and 3 more with 12 KiB"), "{report}");
        let handle = LiveHandle { kind: "stream", made_at: Location::caller() };
        let report =
            LeakReport::new("device `host`".into(), Vec::new(), 0).with_handles(vec![handle; 23]).to_string();
        let start = "no buffer of device `host` is alive\n23 handles are still alive, which keeps the device open; drop";
        assert!(report.starts_with(start) && report.ends_with("\n  and 3 more"), "{report}");
    }
}
