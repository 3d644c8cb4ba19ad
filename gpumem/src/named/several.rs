//! Several buffers at once, for a kernel that takes them.

use super::key::Key;
use super::table::Table;
use crate::backend::Backend;
use crate::buffer::{Async, Buffer, Element};
use crate::error::Error;
use std::any::type_name;

/// Two to twelve keys, as a tuple, for [`NamedBuffers::split_mut`](super::NamedBuffers::split_mut). Sealed.
#[diagnostic::on_unimplemented(
    message = "`split_mut` takes a tuple of two to twelve keys",
    label = "this is `{Self}`",
    note = "such as `buffers.split_mut((positions, velocities))?`, with the keys that `allocate` and `key::<T>(name)` give",
    note = "`at_mut(key)` borrows one buffer"
)]
pub trait Keys<B: Backend> {
    /// A mutable reference for each key.
    type Buffers<'a>;

    /// Borrows the buffers. Users cannot call it: its argument has no public name.
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`].
    #[doc(hidden)]
    fn split(self, table: &mut Table<B>) -> Result<Self::Buffers<'_>, Error>;
}

/// The error for a key that is there twice.
#[cold]
fn key_twice(places: &[usize], elements: &[&'static str]) -> Error {
    let second = (1..places.len()).find(|index| places[..*index].contains(&places[*index]));
    let element = elements[second.unwrap_or_default()];
    Error::BadKey { element, reason: "was given twice, and a buffer can be borrowed mutably once" }
}

macro_rules! split {
    ($($element:ident $key:ident),+) => {
        impl<B: Backend, $($element: Element),+> Keys<B> for ($(Key<$element>,)+) {
            type Buffers<'a> = ($(&'a mut Buffer<$element, B, Async>,)+);

            fn split(self, table: &mut Table<B>) -> Result<Self::Buffers<'_>, Error> {
                let ($($key,)+) = self;
                $(table.at($key)?;)+
                let places = [$($key.place),+];
                let twice = || key_twice(&places, &[$(type_name::<$element>()),+]);
                let [$($key),+] = table.entries_mut(places).ok_or_else(twice)?;
                // SAFETY: `at` has found each key, which has the type of the entry with its number (rule 5).
                Ok(unsafe { ($($key.buffer_mut::<$element>(),)+) })
            }
        }
    };
}

split!(A a, C c);
split!(A a, C c, D d);
split!(A a, C c, D d, E e);
split!(A a, C c, D d, E e, F f);
split!(A a, C c, D d, E e, F f, G g);
split!(A a, C c, D d, E e, F f, G g, H h);
split!(A a, C c, D d, E e, F f, G g, H h, I i);
split!(A a, C c, D d, E e, F f, G g, H h, I i, J j);
split!(A a, C c, D d, E e, F f, G g, H h, I i, J j, K k);
split!(A a, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l);
split!(A a, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l, M m);
