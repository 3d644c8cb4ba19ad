//! [`Set`], the hidden part of each generated manager. It holds the logic of operations on the whole set, so
//! that the generated code holds none, and works on the untyped buffers of the manager, in the order of the
//! fields.

use crate::backend::Backend;
use crate::buffer::{
    Arrived, Buffer, BufferRange, DownloadGuard, Element, Frame, FrameQueue, Growth, Mode, Old, OneOrMany,
    RawBuffer, RawMut, RawOwned, Request, SetShared, Ticket, View, WhenFree,
};
use crate::device::Device;
use crate::error::Error;
use crate::ledger::{LeakReport, SetStats};
use crate::memory::Budget;
use crate::spec::BufferSpec;
use std::fmt;
use std::sync::Arc;

/// The operations that generated code needs of an element type.
///
/// It is implemented for every [`Element`]. Generated code uses this one trait, so that an element that is
/// not plain data is one error at the field, and not one for each method that the buffer does not have then.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an element of a GPU buffer",
    label = "not plain data (`bytemuck::Pod`)",
    note = "for a struct of your own, write `#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]` and `#[repr(C)]` on it \
            (with the `derive` feature of `bytemuck`)",
    note = "for a type of another crate, such as `glam::Vec3`, turn on that crate's feature `bytemuck`",
    note = "not every byte is a `bool`, a `char` or an `Option`, and a device may write any: use `u8` or `u32`, and a value that \
            means none",
    note = "a device cannot follow what lives on the heap of the host, such as a `String` or a nested `Vec`: keep the values in \
            one flat buffer with a `Vec<u32>` of offsets",
    note = "a field that is to stay on the host takes `#[buffer(skip)]`"
)]
pub trait PlainData: Sized {
    /// A buffer that the set has made, with its element type.
    fn typed<B: Backend, M: Mode>(raw: RawOwned<B>) -> Buffer<Self, B, M>;

    /// The bytes of the elements.
    fn bytes(elements: &[Self]) -> &[u8];

    /// The elements as the target of a download.
    fn target<B: Backend>(elements: &mut Vec<Self>) -> &mut dyn Target<B>;

    /// The next part of a frame.
    ///
    /// # Errors
    ///
    /// Those of [`Arrived::take_next`].
    fn arrive<B: Backend>(parts: &mut Arrived<'_, B>) -> Result<DownloadGuard<Self, B>, Error>;
}

#[diagnostic::do_not_recommend]
impl<T: Element> PlainData for T {
    fn typed<B: Backend, M: Mode>(raw: RawOwned<B>) -> Buffer<T, B, M> {
        Buffer::from_made(raw)
    }

    fn bytes(elements: &[T]) -> &[u8] {
        bytemuck::cast_slice(elements)
    }

    fn target<B: Backend>(elements: &mut Vec<T>) -> &mut dyn Target<B> {
        elements
    }

    fn arrive<B: Backend>(parts: &mut Arrived<'_, B>) -> Result<DownloadGuard<T, B>, Error> {
        parts.take_next()
    }
}

/// The default that `download` gives a field that stays on the host. Generated code has one such bound per
/// field, each with its own number: if two bounds were the same, the compiler could not choose between them
/// for a type that borrows for any lifetime, such as `Box<dyn Fn(&str)>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no default, which `download` gives a field that stays on the host",
    label = "a field of the type `{Self}` would need a default here",
    note = "implement `Default` for `{Self}`, or call `download_into`, which leaves such fields alone"
)]
pub trait HostDefault<const FIELD: usize>: Sized {
    /// The type's default.
    fn host_default() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default, const FIELD: usize> HostDefault<FIELD> for T {
    fn host_default() -> T {
        T::default()
    }
}

/// The bound for `start_download` of a set without `async` fields. Generated code requires it of
/// [`Blocking`](crate::Blocking). No type implements it, so a call is an error with this text.
#[diagnostic::on_unimplemented(
    message = "this set has no async downloads",
    label = "none of its buffers is `async`",
    note = "add `async` to a field: `#[buffer(async)]`",
    note = "`download` waits for the data, and every set has it"
)]
pub trait AsyncSet {}

/// A `Vec` that a download fills, without its element type, so that one call of the runtime fills all of a
/// set.
pub trait Target<B: Backend> {
    /// Downloads the elements of a buffer.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::download_into_vec`].
    fn fetch(&mut self, buffer: &RawBuffer<B>) -> Result<(), Error>;
}

impl<T: Element, B: Backend> Target<B> for Vec<T> {
    fn fetch(&mut self, buffer: &RawBuffer<B>) -> Result<(), Error> {
        // Generated code brings the two together. An element of the size of a `T` is one, since any bits are
        // (rule 5).
        assert_eq!(buffer.element_size(), size_of::<T>(), "gpumem: a buffer of another element");
        View::<T, B>::new(BufferRange::all(buffer)).download_into_vec(self)
    }
}

/// The part of a generated manager besides its buffers.
pub struct Set<B: Backend> {
    device: Device<B>,
    shared: Arc<SetShared>,
}

impl<B: Backend> Set<B> {
    /// A set without buffers. `label` is the name of the user's struct.
    #[must_use]
    pub fn new(device: &Device<B>, label: &'static &'static str) -> Self {
        Self::with_budget(device, label, None)
    }

    /// [`Set::new`] with a limit for the capacities of all its buffers together, in bytes.
    #[must_use]
    pub fn limited(device: &Device<B>, label: &'static &'static str, limit: u64) -> Self {
        Self::with_budget(device, label, Some(Budget::new(limit)))
    }

    fn with_budget(device: &Device<B>, label: &'static &'static str, budget: Option<Budget>) -> Self {
        let mark = device.state().ledger.new_set();
        Self { device: device.clone(), shared: Arc::new(SetShared { mark, label, budget }) }
    }

    /// The buffers of this set, empty and with memory for so many elements each.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::with_capacity`], for the first buffer that fails.
    #[track_caller]
    pub fn make<const N: usize>(
        &self,
        specs: &[BufferSpec],
        capacities: [usize; N],
    ) -> Result<[RawOwned<B>; N], Error> {
        let mut made = Vec::with_capacity(N);
        for (spec, capacity) in specs.iter().zip(capacities) {
            let raw = RawBuffer::new(&self.device, spec.clone(), capacity, Some(self.shared.clone()))?;
            made.push(RawOwned(raw));
        }
        Ok(made.try_into().unwrap_or_else(|_| unreachable!("there are as many specs as capacities")))
    }

    /// Whether [`Set::make`] would succeed now.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::would_fit`], for the first buffer that would fail beside those before it.
    pub fn would_fit<const N: usize>(
        &self,
        specs: &[BufferSpec],
        capacities: [usize; N],
    ) -> Result<(), Error> {
        let mut forecast = self.device.state().forecast();
        let mut would_fit = |(spec, capacity)| {
            RawBuffer::would_fit(&self.device, spec, capacity, Some(&self.shared), &mut forecast)
        };
        // Each has its part of the set's limit until the last was looked at.
        let charges: Result<Vec<_>, Error> = specs.iter().zip(capacities).map(&mut would_fit).collect();
        charges.map(drop)
    }

    /// The buffers of this set with these bytes.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::from_slice`].
    #[track_caller]
    pub fn make_from<const N: usize>(
        &self,
        specs: &[BufferSpec],
        data: [&[u8]; N],
    ) -> Result<[RawOwned<B>; N], Error> {
        let mut made = Vec::with_capacity(N);
        for (spec, data) in specs.iter().zip(data) {
            let len = data.len() / spec.element_size().max(1);
            let mut raw = RawBuffer::new(&self.device, spec.clone(), len, Some(self.shared.clone()))?;
            raw.upload(data)?;
            made.push(RawOwned(raw));
        }
        Ok(made.try_into().unwrap_or_else(|_| unreachable!("there are as many specs as slices")))
    }

    /// Fills each target with the elements of its buffer.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::download_into_vec`], for the first buffer that fails, and [`Error::ForeignBuffer`].
    pub fn fetch(&self, buffers: &[&RawBuffer<B>], targets: &mut [&mut dyn Target<B>]) -> Result<(), Error> {
        self.check(buffers)?;
        buffers.iter().zip(targets).try_for_each(|(buffer, target)| target.fetch(buffer))
    }

    /// Starts the downloads of these buffers, all of them or none. `F` takes as many parts, of these
    /// elements.
    ///
    /// # Errors
    ///
    /// Those of [`Device::start_downloads`].
    #[track_caller]
    pub fn start_downloads<F: Frame<B>>(&self, buffers: &[&RawBuffer<B>]) -> Result<Ticket<F, B>, Error> {
        self.request(buffers).start()
    }

    /// [`Set::start_downloads`] that waits for slots.
    #[track_caller]
    pub fn start_downloads_when_free<'a, F: Frame<B>>(
        &'a self,
        buffers: &[&'a RawBuffer<B>],
    ) -> WhenFree<'a, F, B> {
        WhenFree::new(self.request(buffers))
    }

    /// A queue for downloads of these buffers.
    #[must_use]
    pub fn frame_queue<F: Frame<B>>(&self, buffers: &[&RawBuffer<B>]) -> FrameQueue<F, B> {
        self.request(buffers).frame_queue()
    }

    /// The request fails later, when it starts, if a buffer is not of this set.
    #[track_caller]
    fn request<'a>(&'a self, buffers: &[&'a RawBuffer<B>]) -> Request<'a, B> {
        let parts = buffers.iter().map(|buffer| BufferRange::all(buffer)).collect();
        Request::new(self.device.state(), OneOrMany::Many(parts)).checked(self.check(buffers))
    }

    /// The number of elements in each buffer.
    #[must_use]
    pub fn lengths<const N: usize>(&self, buffers: [&RawBuffer<B>; N]) -> [usize; N] {
        buffers.map(RawBuffer::len)
    }

    /// The number of elements that fit into each buffer without growth.
    #[must_use]
    pub fn capacities<const N: usize>(&self, buffers: [&RawBuffer<B>; N]) -> [usize; N] {
        buffers.map(RawBuffer::capacity)
    }

    /// The set's name.
    #[must_use]
    pub fn label(&self) -> &'static str {
        self.shared.label
    }

    /// The name of each buffer and the number of its elements.
    #[must_use]
    pub fn lengths_by_name<'a>(&self, buffers: &[&'a RawBuffer<B>]) -> Vec<(&'a str, usize)> {
        buffers.iter().map(|buffer| (buffer.spec().name(), buffer.len())).collect()
    }

    /// Shortens each buffer that has more elements.
    pub fn truncate(&self, buffers: &mut [RawMut<'_, B>], lengths: &[usize]) {
        buffers.iter_mut().zip(lengths).for_each(|(buffer, len)| buffer.0.truncate(*len));
    }

    /// Removes an element of each buffer, whose place the last one takes, or changes none of them.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] for the first buffer that has no such element.
    pub fn swap_remove(&self, buffers: &mut [RawMut<'_, B>], index: usize) -> Result<(), Error> {
        self.check_mut(buffers)?;
        buffers.iter().try_for_each(|buffer| buffer.0.check_index(index))?;
        buffers.iter_mut().try_for_each(|buffer| buffer.0.swap_remove(index))
    }

    /// Replaces the contents of each buffer by those of a buffer of another set, or changes none of them.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::copy_from`], for the first buffer that fails.
    pub fn copy_from(&self, buffers: &mut [RawMut<'_, B>], sources: &[&RawBuffer<B>]) -> Result<(), Error> {
        self.check_mut(buffers)?;
        let prepare = buffers.iter_mut().zip(sources).map(|(buffer, source)| buffer.0.prepare_copy(source));
        let growths: Vec<_> = prepare.collect::<Result<_, Error>>()?;
        growths.into_iter().zip(sources).try_for_each(|(growth, source)| growth.copy_from(source))
    }

    /// Refuses buffers that this set has not made. `std::mem::swap` can put such a buffer in the place of the
    /// set's own.
    fn check(&self, buffers: &[&RawBuffer<B>]) -> Result<(), Error> {
        buffers.iter().try_for_each(|buffer| self.check_one(buffer))
    }

    /// [`Self::check`] for an operation that writes.
    fn check_mut(&self, buffers: &[RawMut<'_, B>]) -> Result<(), Error> {
        buffers.iter().try_for_each(|buffer| self.check_one(buffer.0))
    }

    fn check_one(&self, buffer: &RawBuffer<B>) -> Result<(), Error> {
        if self.has_made(buffer) {
            return Ok(());
        }
        let elsewhere = !buffer.device().is(&self.device);
        Err(Error::ForeignBuffer { set: self.label(), buffer: buffer.label(), elsewhere })
    }

    fn has_made(&self, buffer: &RawBuffer<B>) -> bool {
        buffer.set().is_some_and(|set| std::ptr::eq(set, &raw const self.shared.mark))
    }

    /// Removes all elements of each buffer.
    pub fn clear(&self, buffers: &mut [RawMut<'_, B>]) {
        for buffer in buffers {
            buffer.0.truncate(0);
        }
    }

    /// Gives the unused capacity of each buffer back.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::shrink_to_fit`], for the first buffer that fails.
    pub fn shrink_to_fit(&self, buffers: &mut [RawMut<'_, B>]) -> Result<(), Error> {
        self.check_mut(buffers)?;
        buffers.iter_mut().try_for_each(|buffer| buffer.0.shrink_to_fit())
    }

    /// The device of the set.
    #[must_use]
    pub fn device(&self) -> &Device<B> {
        &self.device
    }

    /// Makes the capacity of each buffer large enough for so many more elements, or changes none of them.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`], for the first buffer that fails.
    pub fn reserve(&self, buffers: &mut [RawMut<'_, B>], additional: &[usize]) -> Result<(), Error> {
        let needs: Vec<usize> = buffers
            .iter()
            .zip(additional)
            .map(|(buffer, more)| buffer.0.len().saturating_add(*more))
            .collect();
        self.reserve_to(buffers, &needs)
    }

    /// Makes the capacity of each buffer large enough for so many elements in all, or changes none of them.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve_to`], for the first buffer that fails.
    pub fn reserve_to(&self, buffers: &mut [RawMut<'_, B>], capacities: &[usize]) -> Result<(), Error> {
        let growths = self.prepare(buffers, capacities)?;
        growths.into_iter().try_for_each(Growth::commit)
    }

    /// Takes memory for so many elements in all in each buffer. All memory is taken before the first buffer
    /// changes; if some is missing, the rest goes back here.
    fn prepare<'a>(
        &self,
        buffers: &'a mut [RawMut<'_, B>],
        lengths: &[usize],
    ) -> Result<Vec<Growth<'a, B>>, Error> {
        self.check_mut(buffers)?;
        buffers.iter_mut().zip(lengths).map(|(buffer, len)| buffer.0.prepare(*len)).collect()
    }

    /// Replaces the contents of each buffer by the bytes in `data`, or changes none of them.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::upload`], for the first buffer that fails.
    pub fn refill(&self, buffers: &mut [RawMut<'_, B>], data: &[&[u8]]) -> Result<(), Error> {
        self.send(buffers, data, Old::Replaced)
    }

    /// Appends the bytes in `data` to the buffers, or changes none of them.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::extend_from_slice`], for the first buffer that fails.
    pub fn extend(&self, buffers: &mut [RawMut<'_, B>], data: &[&[u8]]) -> Result<(), Error> {
        self.send(buffers, data, Old::Kept)
    }

    /// Takes all memory before the first buffer changes, as [`Self::prepare`] does, and sends the data then.
    fn send(&self, buffers: &mut [RawMut<'_, B>], data: &[&[u8]], old: Old) -> Result<(), Error> {
        self.check_mut(buffers)?;
        let prepare = buffers.iter_mut().zip(data).map(|(buffer, data)| buffer.0.prepare_upload(data, old));
        let uploads: Vec<_> = prepare.collect::<Result<_, Error>>()?;
        uploads.into_iter().zip(data).try_for_each(|(upload, data)| upload.commit(data))
    }

    /// Sets the length of each buffer, or changes none of them. New elements are zero.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::resize`], for the first buffer that fails.
    pub fn resize(&self, buffers: &mut [RawMut<'_, B>], lengths: &[usize]) -> Result<(), Error> {
        let growths = self.prepare(buffers, lengths)?;
        growths.into_iter().zip(lengths).try_for_each(|(growth, len)| growth.resize(*len))
    }

    /// The memory and the lengths of the set's buffers.
    #[must_use]
    pub fn stats(&self, buffers: &[&RawBuffer<B>]) -> SetStats {
        SetStats {
            label: self.label(),
            buffers: buffers.iter().map(|buffer| buffer.stats()).collect(),
            peak_bytes: self.shared.mark.peak(),
            limit_bytes: self.shared.budget.as_ref().map(Budget::limit),
        }
    }

    /// Sets the peaks of the set and of its buffers to the bytes that they hold now.
    pub fn reset_peak(&self, buffers: &[&RawBuffer<B>]) {
        buffers.iter().for_each(|buffer| buffer.reset_peak());
        self.shared.mark.reset_peak();
    }

    /// Checks that every live buffer that was made for this set is in it. Costs a comparison when all are.
    ///
    /// # Errors
    ///
    /// [`Error::Leaked`] with the buffers that are not in it.
    pub fn check_leaks(&self, buffers: &[&RawBuffer<B>]) -> Result<(), Error> {
        let own = buffers.iter().filter(|buffer| self.has_made(buffer));
        let present: Vec<_> = own.filter_map(|buffer| buffer.record()).collect();
        if self.shared.mark.live() == present.len() {
            return self.check(buffers);
        }
        let escaped = self.device.state().ledger.list_escaped(self.shared.mark.id, &present);
        if escaped.is_empty() {
            // Another thread has dropped the missing buffer in between.
            return Ok(());
        }
        Err(Error::Leaked(LeakReport::new(format!("set `{}`", self.shared.label), escaped)))
    }

    /// Gives all memory back, and waits until that is done.
    ///
    /// # Errors
    ///
    /// [`Error::Leaked`] when buffers of this set are alive elsewhere, [`Error::DeviceFailed`] when the
    /// device has failed.
    pub fn close(self, buffers: Vec<RawOwned<B>>) -> Result<(), Error> {
        let own = buffers.iter().try_for_each(|buffer| self.check_one(&buffer.0));
        drop(buffers);
        self.device.synchronize()?;
        self.check_leaks(&[])?;
        own
    }

    /// Writes the set as `name { buffer: len/capacity (bytes), .. }`.
    ///
    /// # Errors
    ///
    /// Those of the formatter.
    pub fn debug(&self, f: &mut fmt::Formatter<'_>, name: &str, buffers: &[&RawBuffer<B>]) -> fmt::Result {
        let mut fields = f.debug_struct(name);
        for stats in buffers.iter().map(|buffer| buffer.stats()) {
            let (len, capacity, bytes) = (stats.len, stats.capacity, stats.live_bytes());
            fields.field(stats.label.name(), &format_args!("{len} of {capacity} elements, {bytes} bytes"));
        }
        fields.finish()
    }
}

impl<B: Backend> fmt::Debug for Set<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Set").field("device", &self.device).field("shared", &self.shared).finish()
    }
}

/// `Debug` of a generated struct with these fields.
///
/// # Errors
///
/// Those of the formatter.
pub fn debug(f: &mut fmt::Formatter<'_>, name: &str, fields: &[(&str, &dyn fmt::Debug)]) -> fmt::Result {
    let mut shown = f.debug_struct(name);
    for (name, value) in fields {
        shown.field(name, value);
    }
    shown.finish()
}
