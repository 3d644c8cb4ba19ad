//! [`Table`]: the buffers of a manager, found by name and by key.
//!
//! Each buffer has a place in an array, which it keeps while it lives. A name is looked up in a map of
//! places. A key has the place and the number of its buffer.
//!
//! An [`Entry`] has the type of its elements, and never another type of buffer: `get_mut` gives a
//! `&mut Buffer<T, ..>`, with which the application can exchange the buffer for another one, but only for one
//! of the same element type.

use super::key::{Key, Serial};
use super::nearest::nearest;
use crate::backend::Backend;
use crate::buffer::{Async, Buffer, Download, DownloadGuard, Element, RawBuffer, RawOwned};
use crate::error::Error;
use crate::label::BufferLabel;
use std::any::{Any, TypeId, type_name};
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::fmt;

/// A buffer, its name, and its downloads.
pub(super) struct Entry<B: Backend> {
    name: String,
    serial: Serial,
    /// The type of the elements.
    element: TypeId,
    raw: RawBuffer<B>,
    /// Downloads of that type, the oldest first. They are boxed, since only a name leads to them.
    downloads: VecDeque<Box<dyn Any + Send + Sync>>,
}

impl<B: Backend> Entry<B> {
    pub(super) fn raw(&self) -> &RawBuffer<B> {
        &self.raw
    }

    /// The name under which the buffer is found, for messages. The buffer's own name is another one after
    /// `std::mem::swap` of two buffers.
    fn label(&self) -> BufferLabel {
        BufferLabel { name: Cow::<str>::Owned(self.name.clone()).into(), ..self.raw.label() }
    }

    /// The buffer.
    ///
    /// # Safety
    ///
    /// The buffer has elements of type `T`: a key of this entry has its type (rule 5).
    #[inline]
    unsafe fn buffer<T: Element>(&self) -> &Buffer<T, B, Async> {
        // SAFETY: the caller's promise (rule 5).
        unsafe { Buffer::of_raw(&self.raw) }
    }

    /// The buffer.
    ///
    /// # Safety
    ///
    /// As for [`Self::buffer`] (rule 5).
    #[inline]
    pub(super) unsafe fn buffer_mut<T: Element>(&mut self) -> &mut Buffer<T, B, Async> {
        // SAFETY: the caller's promise (rule 5).
        unsafe { Buffer::of_raw_mut(&mut self.raw) }
    }

    fn check_async(&self) -> Result<(), Error> {
        if !self.raw.spec().is_async() {
            return Err(Error::InvalidSpec {
                what: self.label().to_string(),
                key: "enable_async",
                value: "false".into(),
                rule: "an async download needs it: allocate the buffer with it, or call `download` of the buffer, which waits",
            });
        }
        Ok(())
    }
}

/// The buffers of a manager.
pub struct Table<B: Backend> {
    /// `None` is a place that was freed.
    places: Vec<Option<Entry<B>>>,
    by_name: HashMap<String, usize>,
    /// The places that were freed.
    free: Vec<usize>,
}

impl<B: Backend> Table<B> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), by_name: HashMap::new(), free: Vec::new() }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry<B>> {
        self.places.iter().flatten()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries().map(|entry| entry.name.as_str())
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Refuses an empty name, and the name of a buffer that is there.
    pub(super) fn check_new(&self, name: &str) -> Result<(), Error> {
        if name.is_empty() {
            let (what, value) = ("a buffer".into(), "\"\"".into());
            return Err(Error::InvalidSpec {
                what,
                key: "name",
                value,
                rule: "a name has a letter at least",
            });
        }
        let entry = self.by_name.get(name).and_then(|place| self.places[*place].as_ref());
        entry.map_or(Ok(()), |entry| {
            let (buffer, element) = (entry.label(), entry.raw.spec().element_name().get());
            Err(Error::DuplicateName { buffer, element, len: entry.raw.len() })
        })
    }

    /// Adds a buffer, whose elements have the type `element`, under a new name.
    pub(super) fn insert(&mut self, name: &str, element: TypeId, made: RawOwned<B>) {
        let (name, serial) = (name.to_owned(), Serial::next());
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.by_name.insert(name.clone(), place);
        self.places[place] = Some(Entry { name, serial, element, raw: made.0, downloads: VecDeque::new() });
    }

    pub(super) fn remove(&mut self, name: &str) -> Result<Entry<B>, Error> {
        let place = self.by_name.remove(name).ok_or_else(|| self.unknown(name))?;
        self.free.push(place);
        Ok(self.places[place].take().expect("a name leads to a buffer"))
    }

    /// Removes all.
    pub(super) fn into_raw(self) -> Vec<RawOwned<B>> {
        self.places.into_iter().flatten().map(|entry| RawOwned(entry.raw)).collect()
    }

    /// The key of the buffer with this name, if it has elements of this type.
    pub(super) fn key<T: Element>(&self, name: &str) -> Result<Key<T>, Error> {
        let place = *self.by_name.get(name).ok_or_else(|| self.unknown(name))?;
        let entry = self.places[place].as_ref().expect("a name leads to a buffer");
        if entry.element != TypeId::of::<T>() {
            let (buffer, element) = (entry.label(), entry.raw.spec().element_name().get());
            return Err(Error::WrongElement { buffer, element, asked: type_name::<T>() });
        }
        Ok(Key::new(place, entry.serial))
    }

    /// The buffer of a key.
    #[inline]
    pub(super) fn at<T: Element>(&self, key: Key<T>) -> Result<&Buffer<T, B, Async>, Error> {
        match self.places.get(key.place) {
            Some(Some(entry)) if entry.serial == key.serial => {
                // SAFETY: a key has the type of the entry with its number (rule 5).
                Ok(unsafe { entry.buffer() })
            }
            _ => Err(bad_key::<T>()),
        }
    }

    #[inline]
    fn entry_mut<T: Element>(&mut self, key: Key<T>) -> Result<&mut Entry<B>, Error> {
        match self.places.get_mut(key.place) {
            Some(Some(entry)) if entry.serial == key.serial => Ok(entry),
            _ => Err(bad_key::<T>()),
        }
    }

    /// The buffer of a key.
    #[inline]
    pub(super) fn at_mut<T: Element>(&mut self, key: Key<T>) -> Result<&mut Buffer<T, B, Async>, Error> {
        // SAFETY: a key has the type of the entry with its number (rule 5).
        Ok(unsafe { self.entry_mut(key)?.buffer_mut() })
    }

    #[track_caller]
    pub(super) fn start_download<T: Element>(&mut self, key: Key<T>) -> Result<(), Error> {
        self.entry_mut(key)?.check_async()?;
        let download: Download<T, B> = self.at(key)?.start_download()?;
        self.entry_mut(key)?.downloads.push_back(Box::new(download));
        Ok(())
    }

    /// Waits for the oldest download of the buffer of a key.
    pub(super) fn wait_for_download<T: Element>(
        &mut self,
        key: Key<T>,
    ) -> Result<DownloadGuard<T, B>, Error> {
        let entry = self.entry_mut(key)?;
        let oldest = entry.downloads.pop_front();
        let oldest = oldest.ok_or_else(|| Error::NoDownload { buffer: entry.label() })?;
        let download = oldest.downcast::<Download<T, B>>();
        download.unwrap_or_else(|_| unreachable!("the downloads have the type of their buffer")).wait()
    }

    /// The entries at several places, which keys of them have given, unless a place is there twice.
    pub(super) fn entries_mut<const N: usize>(&mut self, places: [usize; N]) -> Option<[&mut Entry<B>; N]> {
        let entries = self.places.get_disjoint_mut(places).ok()?;
        Some(entries.map(|entry| entry.as_mut().expect("the keys were checked")))
    }

    /// The error for a name that no buffer has.
    fn unknown(&self, name: &str) -> Error {
        let mut names: Vec<&str> = self.names().collect();
        names.sort_unstable();
        Error::UnknownName {
            name: name.to_owned(),
            nearest: nearest(name, names.iter().copied()).map(str::to_owned),
            names: names.iter().take(MOST_NAMES).map(|name| (*name).to_owned()).collect(),
            count: names.len(),
        }
    }
}

impl<B: Backend> fmt::Debug for Table<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// The most names in the error for a name that no buffer has.
const MOST_NAMES: usize = 16;

/// The error for a key that leads to no buffer.
#[cold]
fn bad_key<T>() -> Error {
    let reason =
        "is not valid here: the buffer was freed, or is of other `NamedBuffers`; look its name up with `key`";
    Error::BadKey { element: type_name::<T>(), reason }
}
