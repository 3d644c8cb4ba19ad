//! The ticket of one buffer's download, without its element type.

use super::guard::DownloadGuard;
use crate::backend::Backend;
use crate::buffer::raw::RawBuffer;
use crate::buffer::ticket::RawTicket;
use crate::error::Error;
use crate::label::BufferLabel;
use crate::memory::Completion;

/// The ticket of a download that was started.
pub(super) struct RawDownload<B: Backend> {
    ticket: RawTicket<B>,
    len: usize,
    element_size: usize,
    label: BufferLabel,
}

impl<B: Backend> RawDownload<B> {
    /// The ticket for `len` elements of a buffer, whose copy ends with `completion`. There is none if there
    /// is nothing to copy.
    pub(super) fn new(raw: &RawBuffer<B>, len: usize, completion: Option<Completion<B>>) -> Self {
        let ticket = RawTicket::new(completion);
        Self { ticket, len, element_size: raw.element_size(), label: raw.label() }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn label(&self) -> BufferLabel {
        self.label.clone()
    }

    pub(super) fn ticket(&self) -> &RawTicket<B> {
        &self.ticket
    }

    pub(super) fn ticket_mut(&mut self) -> &mut RawTicket<B> {
        &mut self.ticket
    }

    /// Whether there is anything to copy.
    pub(super) fn has_data(&self) -> bool {
        self.ticket.completion().is_some()
    }

    /// Takes the data, whose copy has ended.
    ///
    /// # Safety
    ///
    /// The caller has seen the end of the copy (rule 3), and any bits are a `T` (rule 5).
    pub(super) unsafe fn take<T>(&self) -> Result<DownloadGuard<T, B>, Error> {
        let Self { ticket, len, element_size, label } = self;
        let take = |completion: &Completion<B>| {
            completion.take()?.ok_or(Error::DownloadAbandoned { buffer: label.clone() })
        };
        let data = ticket.completion().map(take).transpose()?;
        // SAFETY: the caller promises the same (rules 3 and 5).
        Ok(unsafe { DownloadGuard::new(data, *len, *element_size, label.clone()) })
    }
}
