//! The cases, one file per subject.

pub(crate) mod awaits;
pub(crate) mod copies;
pub(crate) mod crowd;
pub(crate) mod frames;
pub(crate) mod launches;
pub(crate) mod staged;
pub(crate) mod start;

pub(crate) type Session<'a> = crate::common::session::Session<'a>;
