//! What is measured, one file a subject.

pub(crate) mod chunks;
pub(crate) mod crowd;
pub(crate) mod growth;
pub(crate) mod leaks;
pub(crate) mod mix;
pub(crate) mod pairs;
pub(crate) mod threads;
pub(crate) mod within;

use crate::report::{Column, Report, size};
use crate::subject::{Peer, Peers, Subject};
use crate::turns::{Contestant, take_turns};
use crate::{Failure, Options};
use gpumem::Device;
use std::rc::Rc;

/// What the cases have in common.
pub(crate) struct Session<'a> {
    pub(crate) options: &'a Options,
    report: &'a mut Report,
    pub(crate) peers: Peers,
    /// Bytes that measurements may use.
    pub(crate) room: usize,
}

impl<'a> Session<'a> {
    pub(crate) fn new<B: Subject>(
        options: &'a Options,
        report: &'a mut Report,
        device: &Device<B>,
        peers: Peers,
    ) -> Self {
        let free = device.memory_info().ok().and_then(|info| info.free).unwrap_or(u64::MAX);
        let room = usize::try_from(device.memory_limit().min(free)).unwrap_or(usize::MAX);
        Self { options, report, peers, room }
    }

    /// Measures a case, if it is wanted: gpumem, which comes first, and its peers in turn.
    pub(crate) fn compare<const N: usize>(
        &mut self,
        case: &str,
        columns: [Column; N],
        contestants: Vec<Contestant<N>>,
    ) {
        if !case.contains(&self.options.case) {
            return;
        }
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

    /// A contestant for each peer, which starts with nothing kept each time.
    pub(crate) fn against<const N: usize>(
        &self,
        measure: impl Fn(&dyn Peer) -> Result<[f64; N], Failure> + Clone + 'static,
    ) -> Vec<Contestant<N>> {
        let contestant = |peer: &Rc<dyn Peer>| {
            let (peer, measure) = (Rc::clone(peer), measure.clone());
            Contestant::new(peer.name(), move || {
                peer.reset()?;
                let figures = measure(&*peer);
                peer.reset()?;
                figures
            })
        };
        self.peers.allocators.iter().map(contestant).collect()
    }
}

/// `own` and all the others.
fn first<const N: usize>(own: Contestant<N>, mut others: Vec<Contestant<N>>) -> Vec<Contestant<N>> {
    others.insert(0, own);
    others
}
