//! What is measured, one file a subject.

pub(crate) mod awaits;
pub(crate) mod copies;
pub(crate) mod crowd;
pub(crate) mod frames;

pub(crate) mod staged;
pub(crate) mod start;

use crate::report::{Column, Report};
use crate::subject::Subject;
use crate::turns::{Contestant, take_turns};
use crate::{Failure, Options};
use gpumem::Device;

/// What the cases have in common.
pub(crate) struct Session<'a> {
    pub(crate) options: &'a Options,
    report: &'a mut Report,
    /// Bytes that measurements may use.
    pub(crate) room: usize,
}

impl<'a> Session<'a> {
    pub(crate) fn new<B: Subject>(options: &'a Options, report: &'a mut Report, device: &Device<B>) -> Self {
        let free = device.memory_info().ok().and_then(|info| info.free).unwrap_or(u64::MAX);
        let room = usize::try_from(device.memory_limit().min(free)).unwrap_or(usize::MAX);
        Self { options, report, room }
    }

    /// Measures a case, if it is wanted: gpumem and its peers in turn.
    pub(crate) fn compare<const N: usize>(
        &mut self,
        case: &str,
        columns: [Column; N],
        own: Contestant<N>,
        peers: Vec<Contestant<N>>,
    ) {
        if !case.contains(&self.options.case) {
            return;
        }
        let mut contestants = vec![own];
        contestants.extend(peers);
        let medians = take_turns(self.options.rounds(), contestants);
        self.tell(|report| report.rows(case, columns, &medians));
    }

    /// Says why a case is not measured, if it is wanted.
    pub(crate) fn skip(&mut self, case: &str, why: &str) {
        if case.contains(&self.options.case) {
            self.tell(|report| report.note(case, why));
        }
    }

    fn tell(&mut self, tell: impl FnOnce(&mut Report) -> Result<(), Failure>) {
        if let Err(failure) = tell(self.report) {
            eprintln!("a row is lost: {failure}");
        }
    }
}
