//! The settings of a buffer, as data: an attribute of the derive as a constant.

use crate::error::Error;
use crate::label::{Bytes, ElementName, Name};
use std::borrow::Cow;

/// The settings of a buffer: its growth, its limit, and its downloads. `#[buffer(..)]` makes one as a
/// constant.
///
/// | setting | default | meaning |
/// | --- | --- | --- |
/// | [`growth`](Self::growth) | 1.5 | when the contents outgrow the capacity, the new capacity is at least the old one times this |
/// | [`max`](Self::max) | none | bytes that the buffer never exceeds; near it, growth falls back to the exact need |
/// | [`min`](Self::min) | 0 | bytes that the buffer holds from the start and keeps when it shrinks |
/// | [`asynchronous`](Self::asynchronous) | off | recorded for generated documentation; the buffer's type decides |
/// | [`slots`](Self::slots) | 2 | async downloads that can be under way or unread at a time |
/// | [`snapshot`](Self::snapshot) | off | async downloads first copy on the device, so that the buffer may be written at once |
/// | [`stable`](Self::stable) | off | the buffer's address on the device stays the same while it grows |
///
/// ```
/// use gpumem::{Buffer, BufferSpec, Device};
///
/// const PARTICLES: BufferSpec = BufferSpec::new("particles").growth(1.3).max(64 << 20);
///
/// let mut particles = Buffer::<[f32; 4]>::new(&Device::host(), PARTICLES)?;
/// particles.resize(1_000)?;
/// assert_eq!(particles.capacity(), 1_000);
/// particles.resize(1_001)?;
/// assert_eq!(particles.capacity(), 1_300); // 1.3 times the old one
/// # Ok::<(), gpumem::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct BufferSpec {
    name: Name,
    growth: f64,
    max: Option<u64>,
    min: u64,
    asynchronous: bool,
    slots: usize,
    snapshot: bool,
    stable: bool,
    element_size: usize,
    element_name: ElementName,
}

/// The most download slots that a buffer can have: each is a piece of pinned memory as large as the buffer.
const MAX_SLOTS: usize = 64;

impl BufferSpec {
    /// The defaults, under a name that messages and reports use. For a name that is made at run time, use
    /// [`named`](Self::named), or `BufferSpec::from(format!(..))`.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// const CELLS: BufferSpec = BufferSpec::new("cells");
    /// let cells = Buffer::<u32>::new(&Device::host(), CELLS)?;
    /// assert_eq!(cells.label().to_string(), "buffer `cells`");
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name: Name::Literal(name),
            growth: 1.5,
            max: None,
            min: 0,
            asynchronous: false,
            slots: 2,
            snapshot: false,
            stable: false,
            element_size: 0,
            element_name: ElementName::NONE,
        }
    }

    /// The same settings under another name, which may be made at run time.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// const TILE: BufferSpec = BufferSpec::new("tile").max(1 << 20);
    ///
    /// let device = Device::host();
    /// let tiles: Vec<Buffer<f32>> =
    ///     (0..4).map(|i| Buffer::new(&device, TILE.named(format!("tile_{i}")))).collect::<Result<_, _>>()?;
    /// assert_eq!(tiles[3].name(), "tile_3");
    ///
    /// let notes = Buffer::<u8>::new(&device, format!("notes of {}", tiles.len()))?; // as a specification, too
    /// assert_eq!(notes.label().to_string(), "buffer `notes of 4`");
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into().into();
        self
    }

    /// [`named`](Self::named) for constants, in generated code.
    #[doc(hidden)]
    #[must_use]
    pub const fn __named(mut self, name: &'static str) -> Self {
        // Constants cannot drop a name.
        std::mem::forget(std::mem::replace(&mut self.name, Name::Literal(name)));
        self
    }

    /// Sets the growth factor. It must be finite and above 1, which is checked when a buffer is made.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// let spec = BufferSpec::new("cells").growth(2.0);
    /// let mut cells = Buffer::<u32>::with_capacity(&Device::host(), spec, 100)?;
    /// cells.resize(101)?;
    /// assert!(cells.capacity() >= 200);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub const fn growth(mut self, factor: f64) -> Self {
        self.growth = factor;
        self
    }

    /// Sets the limit in bytes.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device, Error};
    ///
    /// let mut cells = Buffer::<u32>::new(&Device::host(), BufferSpec::new("cells").max(1_000))?;
    /// cells.resize(250)?;
    /// assert!(matches!(cells.resize(251), Err(Error::BufferLimit { requested: 1_004, limit: 1_000, .. })));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn max(mut self, bytes: u64) -> Self {
        self.max = Some(bytes);
        self
    }

    /// Sets the bytes that the buffer holds from the start.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// let mut cells = Buffer::<u32>::new(&Device::host(), BufferSpec::new("cells").min(4_000))?;
    /// assert!(cells.is_empty() && cells.capacity() >= 1_000);
    /// cells.shrink_to_fit()?;
    /// assert!(cells.capacity() >= 1_000); // it keeps them
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub const fn min(mut self, bytes: u64) -> Self {
        self.min = bytes;
        self
    }

    /// Marks the buffer for async downloads.
    ///
    /// ```
    /// # use gpumem::{Buffer, BufferSpec, Device};
    /// let spec = BufferSpec::new("frame").asynchronous();
    /// let frame = Buffer::<u32>::new(&Device::host(), spec)?.into_async(); // the type decides
    /// assert!(frame.spec().is_async());
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub const fn asynchronous(mut self) -> Self {
        self.asynchronous = true;
        self
    }

    /// Sets the number of async downloads that can be under way or unread at a time: 1 to 64, which is
    /// checked when a buffer is made.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device, Error};
    ///
    /// let spec = BufferSpec::new("frame").slots(1);
    /// let frame = Buffer::from_slice(&Device::host(), spec, &[1, 2, 3])?.into_async();
    /// let first = frame.start_download()?;
    /// assert!(matches!(frame.start_download(), Err(Error::SlotsBusy { slots: 1, .. })));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn slots(mut self, slots: usize) -> Self {
        self.slots = slots;
        self
    }

    /// Lets async downloads copy on the device first. Later writes of the buffer then wait for that copy
    /// only, and not for the bus. It costs device memory: a *staging copy* as large as the download, for each
    /// slot in use.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// let spec = BufferSpec::new("frame").snapshot();
    /// let mut frame = Buffer::from_slice(&Device::host(), spec, &[1, 2, 3])?.into_async();
    /// let ticket = frame.start_download()?;
    /// frame.fill(0)?; // waits for the staging copy alone
    /// assert_eq!(*ticket.wait()?, [1, 2, 3]);
    /// assert!(frame.stats().staging_bytes > 0); // of the staging copy
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub const fn snapshot(mut self) -> Self {
        self.snapshot = true;
        self
    }

    /// Keeps the buffer at one address on the device while it grows, up to its [`max`](Self::max), or without
    /// one up to the device's memory. The addresses are reserved when the buffer is made. Growth then copies
    /// nothing and adds memory at the end. Without this setting, a buffer starts in memory that it shares
    /// with others and moves once, at about 1 MiB.
    ///
    /// On a device without virtual memory, all of `max` is allocated at once, and a stable buffer without a
    /// `max` is an error.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// let spec = BufferSpec::new("cells").max(1 << 20).stable();
    /// let mut cells = Buffer::from_slice(&Device::host(), spec, &[1, 2, 3])?;
    /// let address = cells.host_slice()?.as_ptr();
    /// cells.resize(100_000)?;
    /// assert_eq!(cells.host_slice()?.as_ptr(), address);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub const fn stable(mut self) -> Self {
        self.stable = true;
        self
    }

    /// Undoes [`stable`](Self::stable), for `stable = false` beside a constant.
    #[doc(hidden)]
    #[must_use]
    pub const fn __movable(mut self) -> Self {
        self.stable = false;
        self
    }

    /// Records the element type: its size and its name.
    ///
    /// ```
    /// # use gpumem::BufferSpec;
    /// assert_eq!(BufferSpec::new("positions").element::<[f32; 3]>().element_size(), 12);
    /// ```
    #[must_use]
    pub const fn element<T>(mut self) -> Self {
        self.element_size = size_of::<T>();
        self.element_name = ElementName::of::<T>();
        self
    }

    /// Records the size of an element alone.
    pub(crate) const fn sized(mut self, bytes: usize) -> Self {
        self.element_size = bytes;
        self
    }

    /// The buffer's name.
    ///
    /// ```
    /// # use gpumem::BufferSpec;
    /// assert_eq!(BufferSpec::new("tile").named(format!("tile_{}", 3)).name(), "tile_3");
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    pub(crate) fn element_name(&self) -> ElementName {
        self.element_name
    }

    pub(crate) fn shared_name(&self) -> Name {
        self.name.clone()
    }

    /// The growth factor.
    ///
    /// ```
    /// # use gpumem::BufferSpec;
    /// assert_eq!(BufferSpec::new("cells").growth_factor(), 1.5); // the default
    /// ```
    #[must_use]
    pub const fn growth_factor(&self) -> f64 {
        self.growth
    }

    /// The limit in bytes, if there is one.
    ///
    /// ```
    /// # use gpumem::BufferSpec;
    /// assert_eq!(BufferSpec::new("cells").max_bytes(), None);
    /// assert_eq!(BufferSpec::new("cells").max(1 << 20).max_bytes(), Some(1 << 20));
    /// ```
    #[must_use]
    pub const fn max_bytes(&self) -> Option<u64> {
        self.max
    }

    /// The bytes that the buffer holds from the start.
    ///
    /// ```
    /// # use gpumem::BufferSpec;
    /// assert_eq!(BufferSpec::new("cells").min(4_000).min_bytes(), 4_000);
    /// ```
    #[must_use]
    pub const fn min_bytes(&self) -> u64 {
        self.min
    }

    /// Whether the buffer is meant for async downloads.
    ///
    /// ```
    /// # use gpumem::BufferSpec;
    /// assert!(BufferSpec::new("frame").asynchronous().is_async());
    /// ```
    #[must_use]
    pub const fn is_async(&self) -> bool {
        self.asynchronous
    }

    /// [`is_async`](Self::is_async) of a constant, in generated code.
    #[doc(hidden)]
    #[must_use]
    pub const fn __is_async(self) -> bool {
        let asynchronous = self.asynchronous;
        // Constants cannot drop a name.
        std::mem::forget(self);
        asynchronous
    }

    /// The number of async downloads that can be under way or unread at a time.
    ///
    /// ```
    /// # use gpumem::BufferSpec;
    /// assert_eq!(BufferSpec::new("frame").slot_count(), 2); // the default
    /// ```
    #[must_use]
    pub const fn slot_count(&self) -> usize {
        self.slots
    }

    /// Whether async downloads copy on the device first.
    ///
    /// ```
    /// # use gpumem::BufferSpec;
    /// assert!(BufferSpec::new("frame").snapshot().is_snapshot());
    /// ```
    #[must_use]
    pub const fn is_snapshot(&self) -> bool {
        self.snapshot
    }

    /// Whether the buffer's address on the device stays the same while it grows.
    ///
    /// ```
    /// # use gpumem::BufferSpec;
    /// assert!(BufferSpec::new("cells").stable().is_stable());
    /// ```
    #[must_use]
    pub const fn is_stable(&self) -> bool {
        self.stable
    }

    /// Bytes per element, or 0 if that was not recorded.
    ///
    /// ```
    /// # use gpumem::{Buffer, BufferSpec, Device};
    /// assert_eq!(BufferSpec::new("cells").element_size(), 0);
    /// let cells = Buffer::<u64>::new(&Device::host(), "cells")?; // the constructor records it
    /// assert_eq!(cells.spec().element_size(), 8);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub const fn element_size(&self) -> usize {
        self.element_size
    }

    /// The bytes of the whole elements that hold `min` bytes, if there is such a number.
    fn min_capacity_bytes(&self) -> Option<u64> {
        self.min.checked_next_multiple_of(self.element_size.max(1) as u64)
    }

    /// An error for settings that cannot work.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |key, value: String, rule| {
            Err(Error::InvalidSpec { what: format!("buffer `{}`", self.name()), key, value, rule })
        };
        // Written so that NaN is refused too.
        if !(self.growth.is_finite() && self.growth > 1.0) {
            return refuse("growth", self.growth.to_string(), "it must be finite and above 1");
        }
        if !(1..=MAX_SLOTS).contains(&self.slots) {
            return refuse("slots", self.slots.to_string(), "it must be from 1 to 64");
        }
        match self.max {
            Some(max) if max < self.element_size as u64 => {
                refuse("max", Bytes(max).to_string(), "it must hold at least one element")
            }
            // A buffer holds whole elements.
            Some(max) if self.min_capacity_bytes().is_none_or(|min| min > max) => {
                refuse("min", Bytes(self.min).to_string(), "it must not be above `max`, in whole elements")
            }
            _ => Ok(()),
        }
    }

    /// The first setting in which `other` differs, and its value there. Names do not count, nor whether a
    /// buffer is meant for async downloads, which its type decides.
    pub(crate) fn difference(&self, other: &Self) -> Option<(&'static str, String)> {
        if self.growth.to_bits() != other.growth.to_bits() {
            return Some(("growth", other.growth.to_string()));
        }
        if self.max != other.max {
            return Some(("max", other.max.map_or_else(|| "none".into(), |max| Bytes(max).to_string())));
        }
        if self.min != other.min {
            return Some(("min", Bytes(other.min).to_string()));
        }
        if self.slots != other.slots {
            return Some(("slots", other.slots.to_string()));
        }
        if self.snapshot != other.snapshot {
            return Some(("snapshot", other.snapshot.to_string()));
        }
        (self.stable != other.stable).then(|| ("stable", other.stable.to_string()))
    }

    /// The next capacity, in elements, when `need` elements no longer fit in `capacity`. The caller has
    /// checked that `need` elements are within the limit.
    pub(crate) fn next_capacity(&self, capacity: usize, need: usize, element_size: usize) -> usize {
        // A capacity above 2^53 elements would lose a few units to rounding, but no memory is that large. The
        // cast saturates.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let grown = (capacity as f64 * self.growth) as usize;
        let limit = self.max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
        let most = limit.min(isize::MAX.unsigned_abs()) / element_size.max(1);
        grown.min(most).max(need)
    }
}

impl From<&'static str> for BufferSpec {
    fn from(name: &'static str) -> Self {
        Self::new(name)
    }
}

impl From<String> for BufferSpec {
    fn from(name: String) -> Self {
        Self::new("").named(name)
    }
}

impl From<&String> for BufferSpec {
    fn from(name: &String) -> Self {
        name.clone().into()
    }
}

impl From<&BufferSpec> for BufferSpec {
    fn from(spec: &BufferSpec) -> Self {
        spec.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_stops_at_the_limit_and_never_below_the_need() {
        let spec = BufferSpec::new("x").growth(1.3).max(1_000);
        assert_eq!(spec.next_capacity(0, 10, 8), 10, "the first capacity is exact");
        assert_eq!(spec.next_capacity(10, 11, 8), 13);
        assert_eq!(spec.next_capacity(10, 100, 8), 100, "a need beyond the factor is met exactly");
        assert_eq!(spec.next_capacity(100, 101, 8), 125, "the limit of 1000 bytes holds 125 elements");
        assert_eq!(BufferSpec::new("x").next_capacity(usize::MAX / 2, 1, 4), isize::MAX.unsigned_abs() / 4);
    }

    #[test]
    fn a_stable_address_is_asked_for_and_taken_back() {
        const STABLE: BufferSpec = BufferSpec::new("x").max(64).stable();
        assert!(STABLE.is_stable() && !BufferSpec::new("x").is_stable());
        assert_eq!(STABLE.__movable(), BufferSpec::new("x").max(64));
        // Whether there has to be a limit is for the device to say.
        assert!(STABLE.check().is_ok() && BufferSpec::new("x").stable().check().is_ok());
    }

    #[test]
    fn the_first_difference_is_told() {
        let spec = BufferSpec::new("x");
        assert_eq!(spec.difference(&BufferSpec::new("y").asynchronous()), None);
        for (other, key, value) in [
            (spec.clone().growth(2.0), "growth", "2"),
            (spec.clone().max(1024), "max", "1 KiB"),
            (spec.clone().min(1), "min", "1 byte"),
            (spec.clone().slots(3), "slots", "3"),
            (spec.clone().snapshot(), "snapshot", "true"),
            (spec.clone().stable(), "stable", "true"),
        ] {
            assert_eq!(spec.difference(&other), Some((key, value.into())));
            assert_eq!(other.difference(&spec).map(|(key, _)| key), Some(key));
        }
    }

    #[test]
    fn specs_that_cannot_work_are_refused() {
        let spec = BufferSpec::new("x").element::<u64>();
        assert!(spec.check().is_ok() && spec.clone().max(8).min(8).check().is_ok());
        for growth in [1.0, 0.5, -2.0, f64::NAN, f64::INFINITY] {
            let error = spec.clone().growth(growth).check().unwrap_err();
            assert!(matches!(error, Error::InvalidSpec { key: "growth", .. }), "{growth}: {error}");
        }
        for slots in [0, 65] {
            assert!(matches!(
                spec.clone().slots(slots).check(),
                Err(Error::InvalidSpec { key: "slots", .. })
            ));
        }
        assert!(matches!(spec.clone().max(7).check(), Err(Error::InvalidSpec { key: "max", .. })));
        assert!(matches!(spec.clone().max(9).min(9).check(), Err(Error::InvalidSpec { key: "min", .. })));
        assert!(matches!(spec.clone().max(64).min(65).check(), Err(Error::InvalidSpec { key: "min", .. })));
    }
}
