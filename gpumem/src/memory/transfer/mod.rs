//! What is under way: transfers, their lanes, and who waits for them.

pub(crate) mod completion;
pub(crate) mod copy_threads;
pub(crate) mod in_flight;
pub(crate) mod pinned;
pub(crate) mod queue;
pub(crate) mod slots;
pub(crate) mod wake_thread;
