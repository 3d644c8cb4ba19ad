//! Guides: pages that explain. This module declares no items to use.
//!
//! | for | read |
//! | --- | --- |
//! | the first program, on the host and on a card, and its first errors | [`getting_started`] |
//! | the calls of two other crates beside those of this one | [`coming_from`] |
//! | buffers whose names are known at run time, as hand-written managers have them | [`named`](crate::named) |
//! | buffers that grow and shrink | [`adding_and_removing`] |
//! | one source for the host and for a card | [`generic_backend`] |
//! | data that is larger than the device's memory, and steps that take turns | [`chunked_pipelines`] |
//! | downloads that tasks await | [`streaming_under_tokio`] |
//! | memory: what fits, what holds it, what to drop | [`will_it_fit`] |
//! | what had the memory, when, and what overlapped | [`timelines`] |
//! | tests of a program that uses this crate | [`testing_without_a_card`] |
//! | what holds the memory, and the line that made it | [`finding_a_leak`] |
//! | logs, traces and profilers: what a device tells of | [`logging`] |
//! | the dangers of an async download, and the prevention of each | [`downloads`] |
//!
//! The text of the pages is in the folder `gpumem/guide` of the repository. Their examples run as tests,
//! except those that need a card or another crate.

#[cfg_attr(feature = "derive", doc = include_str!("../guide/getting_started.md"))]
#[cfg_attr(not(feature = "derive"), doc = "This page needs the feature `derive`.")]
pub mod getting_started {}

#[doc = include_str!("../guide/coming_from.md")]
pub mod coming_from {}

#[cfg_attr(feature = "derive", doc = include_str!("../guide/adding_and_removing.md"))]
#[cfg_attr(not(feature = "derive"), doc = "This page needs the feature `derive`.")]
pub mod adding_and_removing {}

#[cfg_attr(feature = "derive", doc = include_str!("../guide/generic_backend.md"))]
#[cfg_attr(not(feature = "derive"), doc = "This page needs the feature `derive`.")]
pub mod generic_backend {}

#[doc = include_str!("../guide/chunked_pipelines.md")]
pub mod chunked_pipelines {}

#[doc = include_str!("../guide/streaming_under_tokio.md")]
pub mod streaming_under_tokio {}

#[cfg_attr(feature = "derive", doc = include_str!("../guide/will_it_fit.md"))]
#[cfg_attr(not(feature = "derive"), doc = "This page needs the feature `derive`.")]
pub mod will_it_fit {}
#[cfg_attr(feature = "timeline", doc = include_str!("../guide/timelines.md"))]
#[cfg_attr(not(feature = "timeline"), doc = "This page needs the feature `timeline`.")]
pub mod timelines {}

#[cfg_attr(feature = "testing", doc = include_str!("../guide/testing_without_a_card.md"))]
#[cfg_attr(not(feature = "testing"), doc = "This page needs the feature `testing`.")]
pub mod testing_without_a_card {}

#[doc = include_str!("../guide/finding_a_leak.md")]
pub mod finding_a_leak {}

#[doc = include_str!("../guide/logging.md")]
pub mod logging {}

#[doc = include_str!("../guide/downloads.md")]
pub mod downloads {}
