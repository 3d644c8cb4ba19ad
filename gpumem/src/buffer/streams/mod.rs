//! Uses of a buffer on streams of the application's own: for reading (`stream_use`), and for exclusive use
//! (`bound`).

mod bound;
mod stream_use;

pub use self::bound::Bound;
pub use self::stream_use::StreamUse;
