//! The ways of transfers.

/// The way of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the host, by a call that returns when the elements are in pinned memory.
    Upload,
    /// From a stage.
    StagedUpload,
    /// To the host, by a call that returns when the elements are there.
    Download,
    /// To the host, with a ticket.
    AsyncDownload,
}

#[cfg(feature = "timeline")]
impl Direction {
    const ALL: [Self; 4] = [Self::Upload, Self::StagedUpload, Self::Download, Self::AsyncDownload];

    pub(super) fn of(number: u64) -> Self {
        let index = usize::try_from(number).unwrap_or_default();
        Self::ALL.get(index).copied().unwrap_or(Self::Upload)
    }

    pub(super) fn is_upload(self) -> bool {
        matches!(self, Self::Upload | Self::StagedUpload)
    }

    /// As pages and traces name it.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::StagedUpload => "upload from a stage",
            Self::Download => "download",
            Self::AsyncDownload => "async download",
        }
    }
}

#[cfg(all(test, feature = "timeline"))]
mod tests {
    use super::*;

    #[test]
    fn a_direction_comes_back_from_its_number() {
        for (number, direction) in (0..).zip(Direction::ALL) {
            assert_eq!((direction as u64, Direction::of(number)), (number, direction));
        }
    }
}
