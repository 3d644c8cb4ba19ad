//! The recorder of a crate that was built without the feature `timeline`: it takes no room and does nothing.

use super::direction::Direction;
use crate::label::BufferLabel;
use std::panic::Location;

#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted(());

#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(());

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Track(());

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Footprint(());

#[derive(Default)]
pub(crate) struct Bar(());

#[allow(clippy::unused_self)]
impl Wanted {
    pub(crate) fn mistake(&self) -> Option<(&'static str, String, &'static str)> {
        None
    }
}

impl Footprint {
    pub(crate) fn new(_: u64, _: u64, _: u64) -> Self {
        Self(())
    }
}

impl Bar {
    #[allow(clippy::unused_self)]
    pub(crate) fn end(&mut self) {}
}

#[allow(clippy::unused_self)]
impl Recorder {
    pub(crate) fn new(_: Wanted) -> Self {
        Self(())
    }

    #[inline]
    pub(crate) fn track(&self, _: &BufferLabel, _: &'static Location<'static>) -> Track {
        Track(())
    }

    #[inline]
    pub(crate) fn moved(&self, _: Track, _: Footprint, _: Footprint) {}

    #[inline]
    pub(crate) fn staged(&self, _: Track, _: usize, _: Footprint, _: Footprint) {}

    #[inline]
    pub(crate) fn transfer(&self, _: Direction, _: Track, _: usize) -> Bar {
        Bar(())
    }

    #[inline]
    pub(crate) fn kernel(&self, _: &'static str, _: &'static Location<'static>, _: u64) {}

    #[inline]
    pub(crate) fn mapped(&self, _: u64, _: usize, _: usize, _: usize) {}

    #[inline]
    pub(crate) fn slab(&self, _: u64, _: bool) {}

    #[inline]
    pub(crate) fn trimmed(&self, _: u64, _: u64) {}

    #[inline]
    pub(crate) fn under_pressure(&self, _: u64, _: u64, _: bool, callback: impl FnOnce()) {
        callback();
    }

    #[inline]
    pub(crate) fn failed(&self, _: &BufferLabel, _: u64, _: u64, _: Option<u64>) {}
}
