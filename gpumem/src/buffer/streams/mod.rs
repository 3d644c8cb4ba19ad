//! Uses of a buffer on streams of the application's own: one use at a time (`stream_use`), or all kernels of
//! a buffer (`bound`).

mod bound;
mod stream_use;

pub use self::bound::Bound;
pub use self::stream_use::{StreamUse, StreamUseMut};
