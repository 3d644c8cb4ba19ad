//! The latest frame, and the latest message: one place for each. What comes later takes the place of what
//! was not read. No thread computes, or waits for a socket, while it has the lock.

use std::{
    mem::replace,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tungstenite::Bytes;

use crate::layout::frames::Shown;

/// A frame as it is sent.
#[derive(Clone)]
pub struct Message {
    /// The step of the frame.
    pub step: u32,
    /// The message of the graph that it belongs to, and the number of graphs before.
    pub graph: (u32, Bytes),
    /// The message of the frame.
    pub frame: Bytes,
}

/// The time between two looks at whether a page has gone.
const LOOKS: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Latest {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    graph: (u32, Bytes),
    frame: Option<(Shown, (u32, Bytes))>,
    /// Whether a page waits for a message.
    wanted: bool,
    /// Whether a frame was taken, and its message is not here yet.
    writing: bool,
    message: Option<Message>,
    /// The pages that are open.
    pages: usize,
    /// Whether the last frame was put here.
    done: bool,
    closed: bool,
    sent: u64,
    left_out: u64,
}

impl Latest {
    /// No code panics while it has the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until `ready`, or until the time is over.
    fn wait(&self, time: Duration, mut ready: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        let state = self.lock();
        let slept = self.changed.wait_timeout_while(state, time, |state| !ready(state));
        slept.unwrap_or_else(PoisonError::into_inner).0
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// The graph of the frames that come from now on.
    pub fn set_graph(&self, graph: Bytes) {
        // As in `put`.
        let mut before = Bytes::new();
        self.change(|state| {
            state.graph.0 += 1;
            before = replace(&mut state.graph.1, graph);
        });
        drop(before);
    }

    /// Takes a frame.
    pub fn put(&self, shown: Shown) {
        // The frame before goes after the lock.
        let mut before = None;
        self.change(|state| before = state.frame.replace((shown, state.graph.clone())));
        drop(before);
    }

    /// Waits for a frame that a page wants. `None` at the end.
    pub fn take(&self) -> Option<(Shown, (u32, Bytes))> {
        let ready =
            |state: &mut State| state.closed || (state.frame.is_some() && (state.wanted || state.done));
        let mut state = self.wait(Duration::MAX, ready);
        if state.closed {
            return None;
        }
        (state.wanted, state.writing) = (false, true);
        state.frame.take()
    }

    /// Gives a message to all pages.
    pub fn publish(&self, message: Message) {
        // As in `put`.
        let mut before = None;
        self.change(|state| {
            before = state.message.replace(message);
            state.writing = false;
        });
        drop(before);
    }

    /// Waits for a message of a later step than `step`. `None` at the end, or if `gone` says after a second
    /// without one that the page has gone.
    pub fn next(&self, step: Option<u32>, gone: impl Fn() -> bool) -> Option<Message> {
        let later = |state: &State| {
            state.message.as_ref().is_some_and(|message| step.is_none_or(|step| message.step > step))
        };
        if !later(&self.lock()) {
            self.change(|state| state.wanted = true);
        }
        let is_over = |state: &State| state.done && state.frame.is_none() && !state.writing;
        let mut state = loop {
            let state = self.wait(LOOKS, |state| state.closed || later(state) || is_over(state));
            if state.closed || later(&state) || is_over(&state) {
                break state;
            }
            drop(state);
            if gone() {
                return None;
            }
        };
        let message = state.message.clone().filter(|_| !state.closed && later(&state))?;
        state.sent += 1;
        state.left_out += u64::from(message.step - step.map_or(message.step, |step| step + 1));
        Some(message)
    }

    /// Counts a page, if there are fewer than `most`.
    pub fn enter(&self, most: usize) -> bool {
        let mut entered = false;
        self.change(|state| {
            entered = state.pages < most && !state.closed;
            state.pages += usize::from(entered);
        });
        entered
    }

    /// A page has gone.
    pub fn leave(&self) {
        self.change(|state| state.pages -= 1);
    }

    pub fn wait_for_page(&self) {
        drop(self.wait(Duration::MAX, |state| state.pages > 0));
    }

    /// Sends the last frame. Returns the numbers of frames that were sent and left out.
    pub fn finish(&self, time: Duration) -> (u64, u64) {
        let end = Instant::now() + time;
        self.change(|state| state.done = true);
        let state = self.wait(end - Instant::now(), |state| state.pages == 0);
        (state.sent, state.left_out)
    }

    /// Ends all waits.
    pub fn close(&self) {
        self.change(|state| state.closed = true);
    }
}

/// A page that is open. Its drop counts it out.
pub struct Page(Arc<Latest>);

impl Page {
    /// `None` if there are `most` pages.
    pub fn enter(latest: &Arc<Latest>, most: usize) -> Option<Self> {
        latest.enter(most).then(|| Page(Arc::clone(latest)))
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.0.leave();
    }
}
