//! Errors: one variant per cause. Every message names the buffer or device, and the figures.

use crate::backend::{Cause, Fault};
pub(crate) use crate::label::{BufferLabel, Bytes};
use crate::ledger::{Counters, ErrorKind, LeakReport};
use std::fmt;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// The reason why an operation failed. Every buffer is as it was before the call then: contents, length,
/// capacity.
///
/// Memory, limits and arguments are checked before anything is changed. Only the driver can still fail, in
/// the middle of the work ([`Error::DeviceFailed`], and [`Error::CallRefused`] if it refuses one call). Even
/// then each buffer has the length and the capacity that it had, and the elements that the operation was not
/// to write are what they were. Of those that it was to write some may be written. An operation on a whole
/// set may have changed the buffers before the one at which the driver failed. The set's `shrink_to_fit` goes
/// buffer by buffer in any case.
///
/// In these texts *the driver* is CUDA's, or for the host backend the operating system.
///
/// `Debug` prints the message, as `Display` does: it is the text that a program prints whose `main` returns
/// this error, and so does `unwrap`.
///
/// ```
/// use gpumem::{Buffer, BufferSpec, Device, Error};
///
/// let device = Device::host();
/// let spec = BufferSpec::new("positions").max(1_000);
/// let mut positions = Buffer::<[f32; 2]>::new(&device, spec)?;
/// let error = positions.resize(126).unwrap_err();
/// assert!(matches!(error, Error::BufferLimit { requested: 1_008, limit: 1_000, .. }));
/// assert_eq!(error.to_string(), "buffer `positions` needs 1008 bytes, and its `max` is 1000 bytes");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The backend has no driver or no such device, or it cannot run its input (a kernel's PTX, for example).
    #[error("the {backend} backend is not available: {reason}")]
    BackendUnavailable {
        /// Which backend, as in [`Backend::NAME`](crate::Backend::NAME).
        backend: &'static str,
        /// Why, in the driver's words if it has any.
        reason: String,
    },

    /// The device has no room, although the limits would allow it. All idle memory was given back, and the
    /// allocation was tried again.
    #[error(
        "out of memory: {buffer} asked for {}; live buffers hold {}, transfers {} more; {} are retained, of which the largest \
         free piece has {}; {}",
        Bytes(*requested), Bytes(*live), Bytes(*retired), Bytes(*retained), Bytes(*largest_free),
        OptionalBytes("the device has", *free, "free")
    )]
    OutOfMemory {
        /// The buffer that asked.
        buffer: BufferLabel,
        /// Bytes asked for.
        requested: u64,
        /// Bytes that live buffers of the device hold.
        live: u64,
        /// Bytes of dropped buffers that transfers and other streams still use.
        retired: u64,
        /// Bytes that are held from the driver and belong to no buffer. They could not be given back.
        retained: u64,
        /// Bytes in the largest free piece of that memory.
        largest_free: u64,
        /// Bytes free on the device by its own account.
        free: Option<u64>,
    },

    /// The machine has no (more) pinned memory for a transfer.
    #[error("no pinned memory: a transfer of {buffer} asked for {}, and {} are pinned already", Bytes(*requested), Bytes(*pinned))]
    OutOfPinnedMemory {
        /// The buffer of the transfer.
        buffer: BufferLabel,
        /// Bytes asked for.
        requested: u64,
        /// Bytes that the device has pinned.
        pinned: u64,
    },

    /// The program has no memory for the elements of a download.
    #[error(
        "no memory on the host: a download of {buffer} asked for {}; free something, or download it in parts, by `view(..)` or into \
         slices that there are (`download_into_slice`)",
        Bytes(*requested)
    )]
    OutOfHostMemory {
        /// The buffer of the elements.
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
        "{buffer} asked for {} more, {}, or open the device with a higher `memory_limit`",
        Bytes(*requested), Excess { of: "the device", requested: *requested, used: *used, limit: *limit }
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
        "{buffer} asked for {} more, {}, or give the set a higher `limit`",
        Bytes(*requested), Excess { of: "its set", requested: *requested, used: *used, limit: *limit }
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
        /// One after the last element asked for.
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

    /// A [`BufferSpec`](crate::BufferSpec) or a [`DeviceBuilder`](crate::DeviceBuilder) with a value that
    /// cannot work, or the environment variable `GPUMEM_DEVICE` with such a value.
    #[error("{what}: `{key}` is {value}, and {rule}")]
    InvalidSpec {
        /// The owner of the setting.
        what: String,
        /// The setting.
        key: &'static str,
        /// Its value.
        value: String,
        /// The rule that it breaks.
        rule: &'static str,
    },

    /// No buffer of [`NamedBuffers`](crate::named::NamedBuffers) has this name.
    #[error("no buffer is named `{name}`{}", Named { nearest: nearest.as_deref(), names, count: *count })]
    UnknownName {
        /// The name that was asked for.
        name: String,
        /// The name of a buffer that may be meant.
        nearest: Option<String>,
        /// The names that there are, the first 16 in alphabetical order.
        names: Vec<String>,
        /// The number of all names that there are.
        count: usize,
    },

    /// [`NamedBuffers`](crate::named::NamedBuffers) have a buffer with this name already.
    #[error(
        "{buffer} is there already, with {len} elements of `{element}`: take it with `get` or `get_mut`, or `free` it first"
    )]
    DuplicateName {
        /// The buffer that there is.
        buffer: BufferLabel,
        /// The type of its elements.
        element: &'static str,
        /// Its length.
        len: usize,
    },

    /// A buffer of [`NamedBuffers`](crate::named::NamedBuffers) was asked for as one of another element type.
    #[error("{buffer} has elements of `{element}`, and was asked for as one of `{asked}`")]
    WrongElement {
        /// Which buffer.
        buffer: BufferLabel,
        /// The type of its elements.
        element: &'static str,
        /// The type that was asked for.
        asked: &'static str,
    },

    /// A [`Key`](crate::named::Key) that leads to no buffer, or that is there twice where several buffers are
    /// borrowed at once.
    #[error("the key of a buffer of `{element}` {reason}")]
    BadKey {
        /// The type of the elements that its buffer had.
        element: &'static str,
        /// Why, and what to do.
        reason: &'static str,
    },

    /// A download was waited for by the name of its buffer, and none was started by that name.
    #[error(
        "{buffer}: no download is under way; call `start_async_download` before each `wait_for_download`"
    )]
    NoDownload {
        /// Which buffer.
        buffer: BufferLabel,
    },

    /// All download slots of the buffer are taken, by downloads that are under way and by guards.
    ///
    /// Remedies: drop a ticket or guard, wait for a slot or await one with
    /// [`start_download_when_free`](crate::Buffer::start_download_when_free) (sets and views have it too, and
    /// selections [`start_downloads_when_free`](crate::Device::start_downloads_when_free)), or give the
    /// buffer more slots ([`BufferSpec::slots`](crate::BufferSpec::slots), `async(slots = N)` on a field).
    /// [`abandon_downloads`](crate::Buffer::abandon_downloads) frees the slots of forgotten tickets.
    #[error(
        "{buffer}: none of its {slots} download slots is free; drop a download or a guard, wait for one with \
         `start_download_when_free`, or give \
         it more with `async(slots = N)`; `abandon_downloads` frees those of forgotten tickets"
    )]
    SlotsBusy {
        /// Which buffer.
        buffer: BufferLabel,
        /// Its slots.
        slots: usize,
    },

    /// More parts of one buffer were to be downloaded together than it has download slots. A wait gives it no
    /// more.
    #[error(
        "{buffer}: {parts} parts of it were asked for in one frame, and each takes one of its download slots, of which it has {slots}; \
         give it more with `async(slots = {parts})` or `BufferSpec::slots`"
    )]
    TooFewSlots {
        /// Which buffer.
        buffer: BufferLabel,
        /// Its slots; see [`BufferSpec::slots`](crate::BufferSpec::slots).
        slots: usize,
        /// The parts of it that were asked for.
        parts: usize,
    },

    /// The download was given up with [`Buffer::abandon_downloads`](crate::Buffer::abandon_downloads), or its
    /// data was taken before: a ticket gives it once.
    #[error(
        "{buffer}: this download has no data to give: either its data was taken before, or it was given up with `abandon_downloads`"
    )]
    DownloadAbandoned {
        /// Which buffer.
        buffer: BufferLabel,
    },

    /// Two things of different devices that were to be used together: buffers of a copy or a frame, a buffer
    /// and a stream, or a kernel and its arguments. Devices and buffers can have the same names, so the
    /// message has the lines that made the buffers too.
    #[error(
        "{} {place}, and {other}; {}", Misplaced(buffer.as_ref()),
        if buffer.is_some() { "use its own (`Buffer::device`) for both, or download it and upload it there" }
        else { "ask the device that made it" }
    )]
    DifferentDevices {
        /// The buffer that is out of place; `None` for a stream.
        buffer: Option<BufferLabel>,
        /// Where it is: for a buffer the line that made it, and its device.
        place: String,
        /// The other thing, and its device.
        other: String,
    },

    /// A buffer is in the place of a buffer of a set, and that set has not made it: `std::mem::swap` or
    /// `std::mem::replace` has put it there. The operations of the set refuse it.
    ///
    /// Remedies: put the set's own buffer back. To exchange elements, use
    /// [`Buffer::swap_contents`](crate::Buffer::swap_contents), which leaves each buffer where it is, or
    /// [`Buffer::copy_from`](crate::Buffer::copy_from).
    #[error(
        "{buffer} is in the place of a buffer of the set `{set}`, which has not made it{}; `mem::swap` or `mem::replace` has \
         put it there: put the set's own buffer back, and exchange elements with `swap_contents` or `copy_from`",
        if *elsewhere { ", and lives on another device" } else { "" }
    )]
    ForeignBuffer {
        /// The name of the set.
        set: &'static str,
        /// The buffer that is not of the set.
        buffer: BufferLabel,
        /// Whether it lives on another device than the set.
        elsewhere: bool,
    },

    /// Buffers, tickets, guards or other things of a device are alive, and none should be. The report names
    /// them, with their sizes and the lines that made them.
    #[error("{0}")]
    Leaked(LeakReport),

    /// A device was to be closed, and other handles of it are alive: clones, and sets.
    #[error(
        "device `{device}` cannot be closed: {handles} more of its handles are alive; drop clones and sets first"
    )]
    DeviceInUse {
        /// Which device.
        device: String,
        /// Their number.
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

    /// The calling thread would wait for itself. A host kernel would wait for the device that it runs on. Or
    /// a waker that runs its task in place would wait for the thread of the device that runs it. Or a
    /// pressure callback would wait for slots, which may belong to the download that asks for the memory.
    #[error(
        "this wait would wait for its own thread: a host kernel cannot wait for the device that it runs on, nor a waker for the \
         thread that runs it, nor a pressure callback for slots; do it before or after the launch, or in the woken task"
    )]
    WouldDeadlock,

    /// The driver refused one call, or had no memory for it. Nothing has failed: the device works on, with
    /// all queued work, and the operation can be tried again. The top of this page tells the state after an
    /// operation that was half done. Every operation that can give [`Error::DeviceFailed`] can give this too.
    #[error(
        "the {backend} backend was refused {operation}: {reason}. Nothing is lost, and it can be tried again"
    )]
    CallRefused {
        /// Which backend.
        backend: &'static str,
        /// The call, by the driver's name for it.
        operation: &'static str,
        /// The driver's reason, with its code.
        reason: String,
    },

    /// The device or its driver failed, now or in work queued before. All data on the device is lost.
    #[error("the {backend} backend failed in {operation}: {reason}")]
    DeviceFailed {
        /// Which backend.
        backend: &'static str,
        /// The operation that failed.
        operation: &'static str,
        /// The driver's reason.
        reason: String,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// The error for a fault while a device is opened. No data is on the device yet that could be lost, so
    /// every fault means the same: the device is not available.
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

impl Error {
    /// The same error, after it was counted: for an operation that ends with it.
    pub(crate) fn counted(self, counters: &Counters) -> Self {
        let kind = match &self {
            Self::OutOfMemory { .. } => ErrorKind::OutOfMemory,
            Self::OutOfPinnedMemory { .. } => ErrorKind::OutOfPinnedMemory,
            Self::DeviceLimit { .. } => ErrorKind::DeviceLimit,
            Self::SetLimit { .. } => ErrorKind::SetLimit,
            Self::BufferLimit { .. } => ErrorKind::BufferLimit,
            Self::SlotsBusy { .. } => ErrorKind::SlotsBusy,
            Self::CallRefused { .. } | Self::KernelRefused { .. } => ErrorKind::CallRefused,
            Self::DeviceFailed { .. } => ErrorKind::DeviceFailed,
            _ => return self,
        };
        counters.failed(kind);
        self
    }
}

impl From<Fault> for Error {
    /// The error for a fault of a call that was not for a buffer's memory. Callers that ask for memory make
    /// [`Error::OutOfMemory`] or [`Error::OutOfPinnedMemory`] of a lack of it before.
    fn from(fault: Fault) -> Self {
        let (backend, cause) = fault.into_parts();
        match cause {
            Cause::Unavailable(reason) => Self::BackendUnavailable { backend, reason },
            Cause::KernelRefused(reason) => Self::KernelRefused { backend, reason },
            Cause::WouldDeadlock => Self::WouldDeadlock,
            Cause::CallRefused { operation, reason } => Self::CallRefused { backend, operation, reason },
            Cause::Failed { operation, reason } => Self::DeviceFailed { backend, operation, reason },
            Cause::OutOfMemory => Self::CallRefused {
                backend,
                operation: "an operation",
                reason: "there is no memory for it; drop buffers, or give back with `Device::trim(0)` what is retained".into(),
            },
        }
    }
}

/// The thing that is on another device than it should be.
struct Misplaced<'a>(Option<&'a BufferLabel>);

impl fmt::Display for Misplaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(buffer) => buffer.fmt(f),
            None => f.write_str("the stream"),
        }
    }
}

/// Why a limit refuses a request: it is too small for any such request, or too much of it is in use.
struct Excess {
    of: &'static str,
    requested: u64,
    used: u64,
    limit: u64,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, requested, used, limit } = *self;
        if requested > limit {
            let limit = Bytes(limit);
            return write!(f, "which can never fit: {of}'s whole limit is {limit}; ask for less");
        }
        write!(f, "but {} of {of}'s limit of {} are in use; free something", Bytes(used), Bytes(limit))
    }
}

/// The names that there are, for a name that is not one of them.
struct Named<'a> {
    nearest: Option<&'a str>,
    names: &'a [String],
    count: usize,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.names.is_empty() {
            return f.write_str("; there are no buffers yet");
        }
        match self.nearest {
            Some(nearest) => write!(f, "; is it `{nearest}`? There are")?,
            None => f.write_str("; there are")?,
        }
        write!(f, " `{}`", self.names.join("`, `"))?;
        match self.count - self.names.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
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
    fn errors_are_small_enough_to_return() {
        // The threshold of clippy's `result_large_err`: above it every `Result` would cost its callers a
        // copy.
        assert!(size_of::<Error>() <= 128, "{}", size_of::<Error>());
    }
}
