//! Events and spans of `tracing`, in code that must not unwind. An application's subscriber or logger is
//! foreign code. If it panicked in the middle of a drop, or between the end of one transfer and the next,
//! memory would be freed that a device still uses.
//!
//! | for | use |
//! | --- | --- |
//! | an event | [`event!`] |
//! | a span around an operation | [`span!`] |
//! | a wait that is told of only if it was long | [`WaitBegan`] |
//! | the span that the application is in | [`span_name`] |
//!
//! Without a listener each of them costs one or two loads of a number that never changes. The feature `log`
//! of `tracing` gives events to the logger of `log` as long as the program has no subscriber.
//!
//! A subscriber may use a device, so no caller holds a lock. What it does there makes no events but errors
//! and warnings: otherwise a subscriber that takes device memory for an event would be called again for that.

use crate::threads;
use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Span};

/// An event with target `gpumem`: its level, its name, and then as in the macros of `tracing`.
macro_rules! event {
    ($level:ident, $name:literal, $($event:tt)+) => {
        if $crate::log_safely::is_heard(tracing::Level::$level) {
            $crate::log_safely::safely(tracing::Level::$level, || {
                tracing::event!(name: $name, target: "gpumem", tracing::Level::$level, $($event)+);
            });
        }
    };
}
pub(crate) use event;

/// A span with target `gpumem` at debug level, as an [`Entered`]: its name and its fields. For subscribers
/// only: the text of an event has what a logger needs.
macro_rules! span {
    ($name:literal, $($fields:tt)*) => {
        $crate::log_safely::Entered::new(|| tracing::debug_span!(target: "gpumem", $name, $($fields)*))
    };
}
pub(crate) use span;

/// Whether a subscriber or a logger may want events of this level. It is inlined, where it is two relaxed
/// loads.
#[inline]
pub(crate) fn is_heard(level: Level) -> bool {
    let of_log = if level == Level::ERROR {
        log::LevelFilter::Error
    } else if level == Level::WARN {
        log::LevelFilter::Warn
    } else if level == Level::INFO {
        log::LevelFilter::Info
    } else if level == Level::DEBUG {
        log::LevelFilter::Debug
    } else {
        log::LevelFilter::Trace
    };
    level <= LevelFilter::current() || of_log <= log::max_level()
}

/// Runs `call`, one call of `tracing`, and ignores a panic in it. Inside of such a call only errors and
/// warnings are told. A thread of this crate's own tells nothing while the process ends: the memory that it
/// cannot give back any more is no loss.
#[cold]
pub(crate) fn safely(level: Level, call: impl FnOnce()) {
    thread_local! {
        /// Whether the thread is in such a call. Nothing to drop, so it is there until the thread has ended.
        static INSIDE: Cell<bool> = const { Cell::new(false) };
    }
    if INSIDE.get() && level > Level::WARN || threads::is_cut_off() {
        return;
    }
    let outer = INSIDE.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    INSIDE.set(outer);
    if let Err(panic) = result {
        // Dropping the payload could panic again.
        std::mem::forget(panic);
    }
}

/// A span that the calling thread is in until this is dropped. It stays on its thread, so it cannot be held
/// while a future is awaited elsewhere.
pub(crate) struct Entered {
    span: Option<Span>,
    stays: PhantomData<*const ()>,
}

impl Entered {
    /// Enters a span, if there is a subscriber for its level.
    #[inline]
    pub(crate) fn new(make: impl FnOnce() -> Span) -> Self {
        let is_wanted = Level::DEBUG <= LevelFilter::current();
        Self { span: if is_wanted { enter(make) } else { None }, stays: PhantomData }
    }
}

#[cold]
fn enter(make: impl FnOnce() -> Span) -> Option<Span> {
    let mut made = None;
    safely(Level::DEBUG, || made = Some(make()));
    if let Some(span) = &made {
        safely(Level::DEBUG, || _ = span.with_subscriber(|(id, subscriber)| subscriber.enter(id)));
    }
    made
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        if let Some(span) = self.span.take() {
            leave(span);
        }
    }
}

/// Two calls, so that a panic in one of them does not meet the drop of the other's span.
#[cold]
fn leave(span: Span) {
    safely(Level::DEBUG, || _ = span.with_subscriber(|(id, subscriber)| subscriber.exit(id)));
    safely(Level::DEBUG, || drop(span));
}

/// The beginning of a wait, if long ones are logged.
#[derive(Clone, Copy, Default)]
pub(crate) struct WaitBegan(Option<Instant>);

/// The shortest wait that is told of.
const SLOW: Duration = Duration::from_millis(1);

impl WaitBegan {
    #[inline]
    pub(crate) fn now() -> Self {
        Self(is_heard(Level::INFO).then(Instant::now))
    }

    /// The milliseconds since then, if they are a long wait.
    #[inline]
    pub(crate) fn slow(self) -> Option<f64> {
        let waited = self.0?.elapsed();
        (waited >= SLOW).then_some(waited.as_secs_f64() * 1e3)
    }
}

/// The name of the span that the calling thread is in, if there is a subscriber.
#[inline]
pub(crate) fn span_name() -> Option<&'static str> {
    if LevelFilter::current() == LevelFilter::OFF { None } else { current_span_name() }
}

#[cold]
fn current_span_name() -> Option<&'static str> {
    let mut name = None;
    safely(Level::TRACE, || {
        tracing::dispatcher::get_default(|subscriber| {
            name = subscriber.current_span().metadata().map(tracing::Metadata::name);
        });
    });
    name
}
