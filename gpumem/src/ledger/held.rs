//! A thing that an application holds of a device, as users see it.

use crate::label::BufferLabel;
use std::backtrace::Backtrace;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// The kind of a [`Held`]. Not public: where two public items have one name, messages of the compiler write
/// their paths. So a public variant `Buffer` would make each message about `gpumem::Buffer` longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub(crate) enum HeldKind {
    Buffer,
    Download,
    Guard,
    Upload,
    Stage,
    Use,
    Binding,
    Stream,
    Module,
}

impl HeldKind {
    /// Whether it keeps the device from being closed.
    pub(crate) fn keeps_open(self) -> bool {
        !matches!(self, Self::Upload | Self::Module)
    }

    /// Whether a leak check fails for it.
    pub(crate) fn is_leak(self) -> bool {
        self != Self::Module
    }

    /// Whether it holds memory of the device, or pinned memory, and needs no buffer to be alive for that.
    pub(crate) fn outlives_buffers(self) -> bool {
        matches!(self, Self::Download | Self::Guard)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Buffer => "buffer",
            Self::Download => "download",
            Self::Guard => "guard",
            Self::Upload => "upload",
            Self::Stage => "stage",
            Self::Use => "use",
            Self::Binding => "binding",
            Self::Stream => "stream",
            Self::Module => "module",
        }
    }

    /// So many of them, in words.
    pub(super) fn counted(self, count: usize) -> String {
        format!("{count} {}{}", self.name(), if count == 1 { "" } else { "s" })
    }
}

/// Something that the application holds of a device, as the device's ledger knows it. Its text names it:
/// ``download of buffer `positions` ``.
///
/// ```
/// use gpumem::{Buffer, Device};
///
/// let device = Device::host();
/// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
/// let [held] = &device.live_buffers()[..] else { panic!("there is one buffer") };
/// assert_eq!((held.kind(), held.name(), held.element, held.bytes), ("buffer", "cells", "u32", 12));
/// println!("{held} is {:?} old and was made at {}", held.age, held.made_at);
/// # assert_eq!(held.to_string(), "buffer `cells`");
/// # drop(cells);
/// # Ok::<(), gpumem::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Held {
    pub(crate) kind: HeldKind,
    /// The name of its buffer and that of the buffer's set. A stream and a module have no buffer.
    pub label: Option<BufferLabel>,
    /// The element type of its buffer, as [`std::any::type_name`] writes it.
    pub element: &'static str,
    /// Bytes that it holds: device memory of a buffer, pinned memory of a download, a guard or a stage.
    pub bytes: u64,
    /// The time since it was made. It may be 10 ms too short or too long.
    #[cfg_attr(feature = "serde", serde(rename = "age_seconds", serialize_with = "serialized::age"))]
    pub age: Duration,
    /// The line of the application that made it. A guard has the line that started its download.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialized::place"))]
    pub made_at: &'static Location<'static>,
    #[cfg_attr(
        feature = "serde",
        serde(skip_serializing_if = "Option::is_none", serialize_with = "serialized::trace")
    )]
    pub(super) backtrace: Option<SharedBacktrace>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(super) span: Option<&'static str>,
}

impl Held {
    /// What it is:
    ///
    /// | kind | what |
    /// | --- | --- |
    /// | `"buffer"` | a [`Buffer`](crate::Buffer) |
    /// | `"download"` | a part of the [`Ticket`](crate::Ticket) of a download: a ticket of several buffers has one per buffer |
    /// | `"guard"` | a [`DownloadGuard`](crate::DownloadGuard): a frame has one per buffer |
    /// | `"upload"` | an [`Upload`](crate::Upload), which holds no memory and does not keep a device from being closed |
    /// | `"stage"` | a [`Stage`](crate::Stage) that was not committed |
    /// | `"use"` | a [`StreamUse`](crate::StreamUse) |
    /// | `"binding"` | a [`Bound`](crate::Bound) |
    /// | `"stream"` | a [`Stream`](crate::Stream) of the application's own |
    /// | `"module"` | a module of kernels on a card. No check fails for modules alone, since kernels on the host have none, and they do not keep a device from being closed |
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let device = Device::host();
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?.into_async();
    /// let ticket = cells.start_download()?;
    /// let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("two are alive") };
    /// assert!(report.held().iter().map(|held| held.kind()).eq(["buffer", "download"]));
    /// # drop((cells, ticket));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind.name()
    }

    /// The name of its buffer. Empty for a stream or a module.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
    /// assert_eq!(device.live_buffers()[0].name(), "cells");
    /// # drop(cells);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.label.as_ref().map_or("", BufferLabel::name)
    }

    /// The calls that led to its making, if the device
    /// [captures](crate::DeviceBuilder::capture_backtraces) them.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::builder().capture_backtraces(true).host()?;
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
    /// let trace = device.live_buffers()[0].backtrace().expect("it was captured").to_string();
    /// assert!(trace.contains("main"));
    /// # drop(cells);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.backtrace.as_ref().map(|trace| &*trace.0)
    }

    /// The name of the span of `tracing` that its thread was in when it was made. `None` if there was none,
    /// or no subscriber.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    /// use tracing_subscriber::registry;
    ///
    /// let device = Device::host();
    /// let made = tracing::subscriber::with_default(registry(), || {
    ///     let _loading = tracing::info_span!("load_scene").entered();
    ///     Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])
    /// });
    /// assert_eq!(device.live_buffers()[0].span(), Some("load_scene"));
    /// # drop(made?);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn span(&self) -> Option<&'static str> {
        self.span
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(label) = &self.label else { return f.write_str(self.kind()) };
        match self.kind {
            HeldKind::Buffer => label.fmt(f),
            HeldKind::Upload => write!(f, "upload to {label}"),
            HeldKind::Stage => write!(f, "stage for {label}"),
            _ => write!(f, "{} of {label}", self.kind()),
        }
    }
}

/// A backtrace that reports share with the ledger. Two are equal if they are the same one.
#[derive(Clone)]
pub(super) struct SharedBacktrace(pub(super) Arc<Backtrace>);

impl Eq for SharedBacktrace {}

impl PartialEq for SharedBacktrace {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for SharedBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The forms of fields that have none in serde, or one that is hard to read.
#[cfg(feature = "serde")]
mod serialized {
    use super::SharedBacktrace;
    use serde::Serializer;
    use serde::ser::SerializeStruct;
    use std::panic::Location;
    use std::time::Duration;

    pub(super) fn age<S: Serializer>(age: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(age.as_secs_f64())
    }

    pub(super) fn place<S: Serializer>(place: &Location<'_>, to: S) -> Result<S::Ok, S::Error> {
        let mut fields = to.serialize_struct("Location", 3)?;
        fields.serialize_field("file", place.file())?;
        fields.serialize_field("line", &place.line())?;
        fields.serialize_field("column", &place.column())?;
        fields.end()
    }

    pub(super) fn trace<S: Serializer>(trace: &Option<SharedBacktrace>, to: S) -> Result<S::Ok, S::Error> {
        match trace {
            Some(trace) => to.collect_str(&trace.0),
            None => to.serialize_none(),
        }
    }
}
