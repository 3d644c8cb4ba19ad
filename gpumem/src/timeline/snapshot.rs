//! The timeline that users write to files.

use super::clock::Scale;
use super::history::{About, History, Lasting};
use super::record::{SegmentState, TimelineRecord};
use super::ring::Read;
use super::sites::Site;
use super::write;
use std::fmt;
use std::io;
use std::path::Path;

/// What happened on a device up to the call of [`Device::timeline`](crate::Device::timeline), which made
/// this.
///
/// It has the memory of each buffer over time, with the line that made the buffer, uploads and downloads,
/// launches, the memory that the device held, and requests that failed. The device goes on meanwhile, and
/// this stays as it is.
///
/// The end of a transfer is the time at which the program saw it: when a ticket was waited for or polled, or
/// when an operation looked for transfers that had ended. So a bar of a ticket that nobody asks about is
/// longer than the copy.
///
/// ```
/// use gpumem::{Buffer, Device};
///
/// let device = Device::builder().timeline(10_000).host()?;
/// let mut cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
/// cells.resize(1_000_000)?;
/// let timeline = device.timeline().expect("the device records");
/// # let folder = std::env::temp_dir();
/// let path = folder.join("cells.html");
/// timeline.write_to(&path)?; // open it in a browser
/// assert!(std::fs::read_to_string(&path)?.contains("cells"));
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Timeline {
    about: About,
    records: Vec<TimelineRecord>,
    missing: u64,
    sites: Vec<Option<Site>>,
    lasting: Vec<Lasting>,
    segments: Vec<(u64, SegmentState)>,
}

impl Timeline {
    pub(super) fn new(
        about: About,
        Read { records, missing }: Read,
        scale: &Scale,
        sites: Vec<Option<Site>>,
        lasting: Vec<Lasting>,
        segments: Vec<(u64, SegmentState)>,
    ) -> Self {
        let records =
            records.into_iter().map(|words| TimelineRecord::of(words).in_nanoseconds(scale)).collect();
        Self { about, records, missing, sites, lasting, segments }
    }

    /// The number of events that are in it.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::builder().timeline(10_000).host()?;
    /// let before = device.timeline().map_or(0, |timeline| timeline.events());
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?; // memory, and an upload
    /// assert!(device.timeline().is_some_and(|timeline| timeline.events() > before));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn events(&self) -> usize {
        self.records.len()
    }

    /// The number of events that the device has forgotten, because it has room for so many only. The oldest
    /// are forgotten first. What lived through them is in the timeline all the same.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::builder().timeline(64).host()?;
    /// let oldest = Buffer::from_slice(&device, "oldest", &[1_u32, 2, 3])?;
    /// for round in 0..100 {
    ///     let _scratch = Buffer::<f32>::with_capacity(&device, "scratch", 500)?;
    /// }
    /// let timeline = device.timeline().expect("the device records");
    /// assert!(timeline.forgotten() >= 136 && timeline.events() <= 64);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.missing
    }

    /// Writes the timeline to a file. The extension of the path says how:
    ///
    /// | extension | file |
    /// | --- | --- |
    /// | `html` | a page for any browser, with all it needs inside: memory over time, transfers, a map of the memory, and what lived at the peak |
    /// | `pftrace` | a trace for [Perfetto](https://ui.perfetto.dev) |
    /// | `pickle` | a snapshot for [PyTorch's memory viewer](https://pytorch.org/memory_viz) |
    /// | `csv` | the log of RMM's `logging_resource_adaptor`, which RMM's replay benchmark reads |
    ///
    /// ```
    /// # use gpumem::{Buffer, Device};
    /// # let device = Device::builder().timeline(10_000).host()?;
    /// # let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
    /// # let timeline = device.timeline().expect("the device records");
    /// # let folder = std::env::temp_dir().join(format!("gpumem-doc-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// for name in ["run.html", "run.pftrace", "run.pickle", "run.csv"] {
    ///     timeline.write_to(folder.join(name))?;
    /// }
    /// let refused = timeline.write_to("run.png").unwrap_err();
    /// assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::write`], and [`io::ErrorKind::InvalidInput`] for another extension.
    pub fn write_to(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let Self { about, records, sites, lasting, segments, .. } = self;
        let history = History::new(about, records, sites, lasting, segments);
        let counts = write::EventCounts { events: self.events() as u64, forgotten: self.missing };
        write::write(path.as_ref(), about, &history, counts)
    }
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeline")
            .field("device", &self.about.device)
            .field("events", &self.events())
            .field("forgotten", &self.forgotten())
            .finish_non_exhaustive()
    }
}
