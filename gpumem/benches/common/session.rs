//! The measurements on one backend, from the opened device to the rows.

use super::Failure;
use super::options::Options;
use super::report::{Column, Report, name};
use super::turns::{Contestant, take_turns};
use gpumem::{Backend, Device, Error};

/// The state that the cases share.
pub(crate) struct Session<'a, X = ()> {
    pub(crate) options: &'a Options,
    report: &'a mut Report,
    /// The most bytes that measurements may use.
    pub(crate) room: usize,
    /// The state that only this benchmark has.
    pub(crate) own: X,
}

/// The device, if there is one. Otherwise prints that there is none.
///
/// The caller keeps it open throughout, so that a measurement, which opens one too, does not start the
/// driver.
pub(crate) fn present<B: Backend>(opened: Result<Device<B>, Error>) -> Result<Option<Device<B>>, Failure> {
    match opened {
        Ok(device) => Ok(Some(device)),
        Err(error @ Error::BackendUnavailable { .. }) => {
            println!("\n{}: not measured: {error}", name::<B>());
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

impl<'a, X> Session<'a, X> {
    /// Begins a table.
    pub(crate) fn begin<B: Backend>(
        options: &'a Options,
        report: &'a mut Report,
        device: &Device<B>,
        own: X,
    ) -> Self {
        report.begin::<B>(device);
        let free = device.memory_info().ok().and_then(|info| info.free).unwrap_or(u64::MAX);
        let room = usize::try_from(device.memory_limit().min(free)).unwrap_or(usize::MAX);
        Self { options, report, room, own }
    }

    /// Measures gpumem and its peers in turn, if the case is selected.
    pub(crate) fn compare<const N: usize>(
        &mut self,
        case: &str,
        columns: [Column; N],
        own: Contestant<N>,
        peers: Vec<Contestant<N>>,
    ) {
        self.compare_rounds(self.options.rounds(), case, columns, own, peers);
    }

    /// As [`Self::compare`], at most `rounds` times.
    pub(crate) fn compare_rounds<const N: usize>(
        &mut self,
        rounds: usize,
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
        let medians = take_turns(rounds.min(self.options.rounds()), contestants);
        self.tell(|report| report.rows(case, columns, &medians));
    }

    /// Whether a measurement may use `need` bytes. If not, and if the case is selected, the table says so.
    pub(crate) fn has_room(&mut self, case: &str, need: usize) -> bool {
        let has = need <= self.room;
        if !has && case.contains(&self.options.case) {
            let note = format!("not measured: {} of {} MiB", need >> 20, self.room >> 20);
            self.tell(|report| report.note(case, &note));
        }
        has
    }

    fn tell(&mut self, tell: impl FnOnce(&mut Report) -> Result<(), Failure>) {
        if let Err(failure) = tell(self.report) {
            eprintln!("a row is lost: {failure}");
        }
    }
}
