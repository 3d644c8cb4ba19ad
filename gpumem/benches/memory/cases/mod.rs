//! The cases, one file per subject.

pub(crate) mod chunks;
pub(crate) mod crowd;
pub(crate) mod growth;
pub(crate) mod leaks;
pub(crate) mod mix;
pub(crate) mod named;
pub(crate) mod pairs;
pub(crate) mod replay;
pub(crate) mod stats;
pub(crate) mod threads;
pub(crate) mod within;

use crate::common::Failure;
use crate::common::report::size;
use crate::common::session;
use crate::common::turns::Contestant;
use crate::subject::{Peer, Peers};
use crate::workload::Log;
use std::rc::Rc;

pub(crate) type Session<'a> = session::Session<'a, Own>;

/// The part of a session that only this benchmark has.
pub(crate) struct Own {
    pub(crate) peers: Peers,
    /// The most bytes that live in the random mix.
    pub(crate) cap: usize,
    /// A log to replay, and its name.
    pub(crate) replay: Option<(String, Rc<Log>)>,
}

impl Session<'_> {
    /// A contestant per peer. Each of its measurements starts without free memory.
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
        self.own.peers.allocators.iter().map(contestant).collect()
    }
}
