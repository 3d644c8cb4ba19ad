//! Several buffers at once, for a kernel that takes them.

use super::key::Key;
use super::table::{Table, bad_key};
use crate::backend::Backend;
use crate::buffer::{Async, Buffer, Element};
use crate::error::Error;

/// Two to six keys, as a tuple, for [`NamedBuffers::split_mut`](super::NamedBuffers::split_mut). Sealed.
pub trait Keys<B: Backend>: sealed::Split<B> {}

impl<B: Backend, K: sealed::Split<B>> Keys<B> for K {}

pub(super) mod sealed {
    use super::{Backend, Error, Table};

    pub trait Split<B: Backend> {
        /// A mutable reference for each key.
        type Buffers<'a>;

        /// # Errors
        ///
        /// [`Error::BadKey`].
        fn split(self, table: &mut Table<B>) -> Result<Self::Buffers<'_>, Error>;
    }
}

macro_rules! split {
    ($($element:ident $key:ident),+) => {
        impl<B: Backend, $($element: Element),+> sealed::Split<B> for ($(Key<$element>,)+) {
            type Buffers<'a> = ($(&'a mut Buffer<$element, B, Async>,)+);

            fn split(self, table: &mut Table<B>) -> Result<Self::Buffers<'_>, Error> {
                let ($($key,)+) = self;
                $(table.at($key)?;)+
                let twice = || bad_key::<Self>("a key is in there twice, and a buffer can be borrowed mutably once");
                let [$($key),+] = table.entries_mut([$($key.place),+]).ok_or_else(twice)?;
                Ok(($($key.buffer_mut::<$element>(),)+))
            }
        }
    };
}

split!(T a, U b);
split!(T a, U b, V c);
split!(T a, U b, V c, W d);
split!(T a, U b, V c, W d, X e);
split!(T a, U b, V c, W d, X e, Y f);
