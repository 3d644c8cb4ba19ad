//! The timeline: what happened on a device, recorded while it happens, and written to a file for people and
//! programs to look at.
//!
//! ```text
//!   ledger and others ---> recorder ---> ring        records of 64 bytes, the newest replace the oldest
//!                            |     '---> sites       names and lines
//!                            |
//!   Device::timeline ---> snapshot ---> history      what lived when, from the records and from what lives now
//!                                         '---> write/    a page, a Perfetto trace, PyTorch's pickle, RMM's log
//! ```
//!
//! Without the feature `timeline` there is `off` in place of all that: the same functions, which do nothing.
//! So other layers report without asking.
//!
//! The ring forgets the oldest records. Two things keep a snapshot whole all the same: a record of a change
//! has what was before, and the ledger and the recorder have lists of what there is now.

#[cfg(feature = "timeline")]
mod clock;
mod direction;
#[cfg(feature = "timeline")]
mod history;
#[cfg(not(feature = "timeline"))]
mod off;
#[cfg(feature = "timeline")]
mod record;
#[cfg(feature = "timeline")]
mod recorder;
#[cfg(feature = "timeline")]
mod ring;
#[cfg(feature = "timeline")]
mod sites;
#[cfg(feature = "timeline")]
mod snapshot;
#[cfg(feature = "timeline")]
mod write;

pub(crate) use self::direction::Direction;
#[cfg(feature = "timeline")]
pub(crate) use self::history::Lasting;
#[cfg(not(feature = "timeline"))]
pub(crate) use self::off::{Bar, Footprint, Recorder, Track, Wanted};
#[cfg(feature = "timeline")]
pub(crate) use self::record::{Footprint, Track};
#[cfg(feature = "timeline")]
pub(crate) use self::recorder::{Bar, Recorder, Wanted};
#[cfg(feature = "timeline")]
pub use self::snapshot::Timeline;
