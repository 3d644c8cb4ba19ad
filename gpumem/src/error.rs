//! What can go wrong, one variant a cause. Every message names the buffer or device, and the figures.

use crate::backend::{Cause, Fault};
use crate::ledger::LeakReport;
use std::fmt;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why an operation failed. Every buffer is as it was before the call then: contents, length, capacity.
///
/// Memory, limits and arguments are seen to before anything is changed. What can still fail is the driver, in the middle of the work
/// ([`Error::DeviceFailed`], and [`Error::CallRefused`] where it refuses one call). Even then each buffer has the length that it had, and the
/// elements that the operation was not to write are what they were. Of those that it was to write some may be written, and
/// where it made room first (`extend_from_slice`, `resize`, `copy_from`) the capacity may have grown. An operation on a whole set may have
/// changed the buffers before the one at which the driver failed; its `shrink_to_fit` goes buffer by buffer in any case.
///
/// ```
/// use gpumem::{Buffer, BufferSpec, Device, Error};
///
/// let device = Device::host();
/// let spec = BufferSpec::new("positions").max(1_000);
/// let mut positions: Buffer<[f32; 2]> = Buffer::new(&device, spec)?;
/// let error = positions.resize(126).unwrap_err();
/// assert!(matches!(error, Error::BufferLimit { requested: 1_008, limit: 1_000, .. }));
/// assert_eq!(error.to_string(), "buffer `positions` needs 1008 bytes, and its `max` is 1000 bytes");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The backend has no driver, no such device, or cannot run what it was given (a kernel's PTX, for one).
    #[error("the {backend} backend is not available: {reason}")]
    BackendUnavailable {
        /// Which backend, as in [`Backend::NAME`].
        backend: &'static str,
        /// Why, in the driver's words where it has any.
        reason: String,
    },

    /// The device has no room, although the limits would allow it. What could be given back was, and it was tried again.
    #[error(
        "out of memory: {buffer} asked for {}; live buffers hold {}, transfers {} more; {} are kept, of which the largest \
         free piece has {}; {}",
        Bytes(*requested), Bytes(*live), Bytes(*retired), Bytes(*kept), Bytes(*largest_free),
        OptionalBytes("the device has", *free, "free")
    )]
    OutOfMemory {
        /// Who asked.
        buffer: BufferLabel,
        /// Bytes asked for.
        requested: u64,
        /// Bytes that live buffers of the device hold.
        live: u64,
        /// Bytes of dropped buffers that transfers and other streams still use.
        retired: u64,
        /// Bytes that are held from the driver and belong to no buffer. What could be given back was.
        kept: u64,
        /// Bytes in the largest free piece of what is kept.
        largest_free: u64,
        /// Bytes free on the device by its own account.
        free: Option<u64>,
    },

    /// The host could not provide (more) pinned memory for a transfer.
    #[error("no pinned memory: a transfer of {buffer} asked for {}, and {} are pinned already", Bytes(*requested), Bytes(*pinned))]
    OutOfPinnedMemory {
        /// Whose transfer.
        buffer: BufferLabel,
        /// Bytes asked for.
        requested: u64,
        /// Bytes that the device has pinned.
        pinned: u64,
    },

    /// The host has no memory for the elements of a download.
    #[error(
        "no memory on the host: a download of {buffer} asked for {}; free something, or download it in parts, by `view(..)` or into \
         slices that there are (`download_into`)",
        Bytes(*requested)
    )]
    OutOfHostMemory {
        /// Whose elements.
        buffer: BufferLabel,
        /// Bytes asked for.
        requested: u64,
    },

    /// The buffer would grow beyond its own `max`.
    #[error("{buffer} needs {}, and its `max` is {}", Bytes(*requested), Bytes(*limit))]
    BufferLimit {
        /// Which buffer.
        buffer: BufferLabel,
        /// Bytes that its contents would take.
        requested: u64,
        /// Its limit in bytes.
        limit: u64,
    },

    /// The buffers of the device would together grow beyond the device's memory limit.
    #[error(
        "{buffer} asked for {} more, but {} of the device's limit of {} are in use; free something, or open the \
         device with a higher `memory_limit`",
        Bytes(*requested), Bytes(*used), Bytes(*limit)
    )]
    DeviceLimit {
        /// Which buffer.
        buffer: BufferLabel,
        /// Bytes asked for.
        requested: u64,
        /// Bytes that count against the limit already.
        used: u64,
        /// The limit in bytes.
        limit: u64,
    },

    /// The buffers of a set would together grow beyond the set's own limit.
    #[error(
        "{buffer} asked for {} more, but {} of its set's limit of {} are in use",
        Bytes(*requested), Bytes(*used), Bytes(*limit)
    )]
    SetLimit {
        /// Which buffer.
        buffer: BufferLabel,
        /// Bytes asked for.
        requested: u64,
        /// Bytes that the capacities of the set take.
        used: u64,
        /// The limit in bytes.
        limit: u64,
    },

    /// A number of elements whose size in bytes no address range can hold.
    #[error("{buffer}: {elements} elements of {element_size} bytes are more than memory can address")]
    SizeOverflow {
        /// Which buffer.
        buffer: BufferLabel,
        /// Elements asked for.
        elements: usize,
        /// Bytes an element.
        element_size: usize,
    },

    /// A range that does not lie in the buffer.
    #[error("{buffer}: elements {start}..{end} were asked for, and it has {len}")]
    OutOfBounds {
        /// Which buffer.
        buffer: BufferLabel,
        /// First element asked for.
        start: usize,
        /// One behind the last element asked for.
        end: usize,
        /// Elements that there are.
        len: usize,
    },

    /// Two sides of a copy that differ in length.
    #[error("{buffer} has {len} elements, and the other side of the copy has {other}")]
    LengthMismatch {
        /// Which buffer.
        buffer: BufferLabel,
        /// Its elements (or those of the view).
        len: usize,
        /// Elements on the other side.
        other: usize,
    },

    /// A [`BufferSpec`](crate::BufferSpec) or a [`DeviceBuilder`](crate::DeviceBuilder) with a value that cannot work.
    #[error("{what}: `{key}` is {value}, and {rule}")]
    InvalidSpec {
        /// Whose specification.
        what: String,
        /// The setting.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it has to be.
        rule: &'static str,
    },

    /// All download slots of the buffer are taken, by downloads that are under way and by guards.
    ///
    /// What can be done: drop a ticket or guard, wait for a slot with
    /// [`start_download_wait`](crate::Buffer::start_download_wait), or await one with
    /// [`start_download_when_free`](crate::Buffer::start_download_when_free) (sets have both too, and selections
    /// [`start_downloads_wait`](crate::Device::start_downloads_wait) and
    /// [`start_downloads_when_free`](crate::Device::start_downloads_when_free)), or give the buffer more slots
    /// ([`BufferSpec::slots`](crate::BufferSpec::slots), `async(slots = N)` on a field). Where tickets were forgotten,
    /// [`abandon_downloads`](crate::Buffer::abandon_downloads) frees their slots.
    #[error(
        "{buffer}: none of its {slots} download slots is free; drop a download or a guard, wait for one with `start_download_wait`, or give \
         it more with `async(slots = N)`; `abandon_downloads` frees those of forgotten tickets"
    )]
    SlotsBusy {
        /// Which buffer.
        buffer: BufferLabel,
        /// How many slots it has.
        slots: usize,
    },

    /// More parts of one buffer were to be downloaded together than it has download slots. No waiting gives it more.
    #[error(
        "{buffer}: {parts} parts of it were asked for in one frame, and each takes one of its download slots, of which it has {slots}; \
         give it more with `async(slots = {parts})` or `BufferSpec::slots`"
    )]
    TooFewSlots {
        /// Which buffer.
        buffer: BufferLabel,
        /// How many slots it has; see [`BufferSpec::slots`](crate::BufferSpec::slots).
        slots: usize,
        /// How many parts of it were asked for.
        parts: usize,
    },

    /// The download was given up with [`Buffer::abandon_downloads`](crate::Buffer::abandon_downloads), or its data was taken before:
    /// a ticket gives it once.
    #[error(
        "{buffer}: this download has no data to give: either its data was taken before, or it was given up with `abandon_downloads`"
    )]
    DownloadAbandoned {
        /// Which buffer.
        buffer: BufferLabel,
    },

    /// Two things of different devices that were to be used together: buffers of a copy or a frame, a buffer and a stream, or a kernel
    /// and what it takes.
    #[error(
        "{} lives on another device than {other}; {}", Misplaced(*buffer),
        if buffer.is_some() { "use its own (`Buffer::device`) for both, or download it and upload it there" }
        else { "ask the device that made it" }
    )]
    DifferentDevices {
        /// The buffer that is out of place; `None` for a stream.
        buffer: Option<BufferLabel>,
        /// What it was to be used with.
        other: String,
    },

    /// Buffers are alive where none should be, or streams of a device that was to be closed. The report says
    /// which, how large, and where they were made.
    #[error("{0}")]
    Leaked(LeakReport),

    /// Other handles of a device, or transfers, are alive where it was to be closed.
    #[error(
        "device `{device}` cannot be closed: {handles} more of its handles, tickets or guards are alive; drop them first"
    )]
    DeviceInUse {
        /// Which device.
        device: String,
        /// How many.
        handles: usize,
    },

    /// A kernel that its module does not have, or a launch that the device cannot do. Nothing was queued.
    #[error("the {backend} backend refuses the kernel: {reason}")]
    KernelRefused {
        /// Which backend.
        backend: &'static str,
        /// Why: the kernel's name, or the launch that was asked for.
        reason: String,
    },

    /// What was asked would wait for the thread that asked: for the device that the calling host kernel is running on; in a waker that
    /// runs its task in place, for the thread of the device that runs it; in a pressure callback, for slots that the download may have
    /// which asks for the memory.
    #[error(
        "this wait would wait for its own thread: a host kernel cannot wait for the device that it runs on, nor a waker for the \
         thread that runs it, nor a pressure callback for slots; do it before or after the launch, or in the woken task"
    )]
    WouldDeadlock,

    /// The driver refused one call, or had no memory for it. Nothing has failed: the device works on, with
    /// all that is queued, and what was asked for can be asked for again. See the top of this page for what is
    /// left of an operation that was half done. Every operation can give this where it gives
    /// [`Error::DeviceFailed`].
    #[error(
        "the {backend} backend was refused {operation}: {reason}. Nothing is lost, and it can be tried again"
    )]
    CallRefused {
        /// Which backend.
        backend: &'static str,
        /// The call, as the driver names it.
        operation: &'static str,
        /// What the driver says, with its code.
        reason: String,
    },

    /// The device or its driver failed, now or in work queued before. What is on the device is lost.
    #[error("the {backend} backend failed in {operation}: {reason}")]
    DeviceFailed {
        /// Which backend.
        backend: &'static str,
        /// What was being done.
        operation: &'static str,
        /// What the driver says.
        reason: String,
    },
}

impl Error {
    /// The error for a fault while a device is opened. No data is on the device yet that could be lost, so every fault
    /// means the same: the device is not available.
    pub(crate) fn from_opening(fault: Fault) -> Self {
        let told = fault.to_string();
        let (backend, cause) = fault.into_parts();
        let reason = match cause {
            Cause::Failed { .. } => {
                format!("{told}; the device has failed in this process before, and works again in a new one")
            }
            Cause::OutOfMemory => "the device has no memory left for it".into(),
            _ => told,
        };
        Self::BackendUnavailable { backend, reason }
    }
}

impl From<Fault> for Error {
    /// The error for a fault of a call that was not for a buffer's memory. Callers that ask for memory make
    /// [`Error::OutOfMemory`] or [`Error::OutOfPinnedMemory`] of a lack of it before.
    fn from(fault: Fault) -> Self {
        let (backend, cause) = fault.into_parts();
        match cause {
            Cause::Unavailable(reason) => Self::BackendUnavailable { backend, reason },
            Cause::Refused(reason) => Self::KernelRefused { backend, reason },
            Cause::WouldDeadlock => Self::WouldDeadlock,
            Cause::Denied { operation, reason } => Self::CallRefused { backend, operation, reason },
            Cause::Failed { operation, reason } => Self::DeviceFailed { backend, operation, reason },
            Cause::OutOfMemory => Self::CallRefused {
                backend,
                operation: "an operation",
                reason: "there is no memory for it; drop buffers, or give back with `Device::trim(0)` what is kept".into(),
            },
        }
    }
}

/// What messages call a buffer: its name, behind that of its set where it belongs to one.
///
/// ```
/// # use gpumem::{Buffer, Device};
/// let edges: Buffer<u32> = Buffer::new(&Device::host(), "edges")?;
/// assert_eq!(edges.label().to_string(), "buffer `edges`");
/// # Ok::<(), gpumem::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BufferLabel {
    pub(crate) set: Option<&'static str>,
    pub(crate) name: &'static str,
}

impl BufferLabel {
    /// The set that the buffer was made for, such as `Graph`.
    #[must_use]
    pub fn set(&self) -> Option<&'static str> {
        self.set
    }

    /// The buffer's own name, such as `positions`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Display for BufferLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.set {
            Some(set) => write!(f, "buffer `{set}.{}`", self.name),
            None => write!(f, "buffer `{}`", self.name),
        }
    }
}

/// A number of bytes as a person reads it: `512 MiB` when that is exact, else both forms.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1 << 10 || self.0 < 1 << 20 && !self.0.is_multiple_of(1 << 10) {
            return write!(f, "{} bytes", self.0);
        }
        let power = (self.0.ilog2() / 10) as usize;
        let unit = 1_u64 << (10 * power);
        if self.0.is_multiple_of(unit) {
            return write!(f, "{} {}", self.0 / unit, UNITS[power - 1]);
        }
        // Two digits are shown, so the precision of f64 is no concern.
        #[allow(clippy::cast_precision_loss)]
        let about = self.0 as f64 / unit as f64;
        write!(f, "{about:.2} {} ({} bytes)", UNITS[power - 1], self.0)
    }
}

/// What is on another device than it should be.
struct Misplaced(Option<BufferLabel>);

impl fmt::Display for Misplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(buffer) => buffer.fmt(f),
            None => f.write_str("the stream"),
        }
    }
}

struct OptionalBytes(&'static str, Option<u64>, &'static str);

impl fmt::Display for OptionalBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(bytes) => write!(f, "{} {} {}", self.0, Bytes(bytes), self.2),
            None => f.write_str("and the device does not tell what is free"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_well() {
        let cases = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (2500, "2500 bytes"),
            (512 << 20, "512 MiB"),
            ((3 << 30) + 1, "3.00 GiB (3221225473 bytes)"),
            (2 << 60, "2 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn errors_are_small_enough_to_return() {
        // clippy's `result_large_err` threshold: above it every `Result` here would cost its callers a copy.
        assert!(size_of::<Error>() <= 128, "{}", size_of::<Error>());
    }
}
