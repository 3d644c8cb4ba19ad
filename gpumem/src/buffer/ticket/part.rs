//! The transfer of one buffer, as a ticket sees it, without the element type.

use super::guard::DownloadGuard;
use crate::backend::Backend;
use crate::error::Error;
use crate::label::BufferLabel;
use crate::ledger::Listed;
use crate::memory::Completion;

/// The transfer of one buffer that was started: a part of a ticket.
pub(in crate::buffer) struct TicketPart<B: Backend> {
    /// None if there is nothing to copy.
    completion: Option<Completion<B>>,
    len: usize,
    element_size: usize,
    label: BufferLabel,
    /// The record of an upload. That of a download is with its slot.
    _listed: Option<Listed>,
}

impl<B: Backend> TicketPart<B> {
    /// The part for `len` elements of the buffer `label`, of so many bytes each.
    pub(in crate::buffer) fn new(
        completion: Option<Completion<B>>,
        label: BufferLabel,
        len: usize,
        element_size: usize,
    ) -> Self {
        Self { completion, len, element_size, label, _listed: None }
    }

    /// The same for an upload, which the ledger lists.
    pub(in crate::buffer) fn listed(self, listed: Option<Listed>) -> Self {
        Self { _listed: listed, ..self }
    }

    /// The number of elements of the buffer.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The size of an element of the buffer, in bytes.
    pub(super) fn element_size(&self) -> usize {
        self.element_size
    }

    pub(super) fn label(&self) -> BufferLabel {
        self.label.clone()
    }

    /// The end of the copy, if there is anything to copy.
    pub(super) fn completion(&self) -> Option<&Completion<B>> {
        self.completion.as_ref()
    }

    /// As [`Self::completion`].
    pub(super) fn completion_mut(&mut self) -> Option<&mut Completion<B>> {
        self.completion.as_mut()
    }

    /// Takes the data of a download, whose copy has ended.
    ///
    /// # Safety
    ///
    /// The caller has seen the end of the copy (rule 3), and any bits are a `T` (rule 5).
    pub(super) unsafe fn take<T>(&self) -> Result<DownloadGuard<T, B>, Error> {
        let Self { completion, len, element_size, label, .. } = self;
        let take = |completion: &Completion<B>| {
            completion.take()?.ok_or(Error::DownloadAbandoned { buffer: label.clone() })
        };
        let data = completion.as_ref().map(take).transpose()?;
        // SAFETY: the caller promises the same (rules 3 and 5).
        Ok(unsafe { DownloadGuard::new(data, *len, *element_size, label.clone()) })
    }
}
