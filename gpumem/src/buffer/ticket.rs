//! The part that all tickets share: the end of a transfer, if there is one to wait for.

use crate::backend::Backend;
use crate::error::Error;
use crate::memory::Completion;
use std::task::{Poll, Waker};
use std::time::Duration;

/// The end of a transfer as a ticket sees it. A transfer of no bytes has none, and has ended.
pub(super) struct RawTicket<B: Backend>(Option<Completion<B>>);

impl<B: Backend> RawTicket<B> {
    pub(super) fn new(completion: Option<Completion<B>>) -> Self {
        Self(completion)
    }

    /// The transfer, if there are bytes to copy.
    pub(super) fn completion(&self) -> Option<&Completion<B>> {
        self.0.as_ref()
    }

    /// Whether the transfer has ended. Asks the device, and does not wait.
    pub(super) fn is_ready(&self) -> Result<bool, Error> {
        Ok(self.0.as_ref().map_or(Ok(true), Completion::is_ready)?)
    }

    /// Waits for the end.
    pub(super) fn wait(&self) -> Result<(), Error> {
        Ok(self.0.as_ref().map_or(Ok(()), Completion::wait)?)
    }

    /// Waits for the end for at most `timeout`. Returns whether it has come.
    pub(super) fn wait_timeout(&mut self, timeout: Duration) -> Result<bool, Error> {
        let wait = |completion: &mut Completion<B>| completion.wait_timeout(timeout);
        Ok(self.0.as_mut().map_or(Ok(true), wait)?)
    }

    /// Whether the transfer has ended; if not, `waker` is woken at its end.
    pub(super) fn poll(&mut self, waker: &Waker) -> Poll<Result<(), Error>> {
        let Some(completion) = &mut self.0 else { return Poll::Ready(Ok(())) };
        completion.poll(waker).map_err(Error::from)
    }
}
