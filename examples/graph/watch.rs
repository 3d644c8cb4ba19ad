//! `--watch`: serves a page on this machine that draws the layout while it runs.
//!
//! The thread of the layout hands its latest frame over and goes on (`latest.rs`). Another thread makes a
//! message of that frame (`message.rs`), if a page waits for one. Each page has a thread of its own, which
//! sends the latest message (`server.rs`). A page asks for a frame when it has drawn the one before. So a
//! slow page gets fewer frames, and no queue grows anywhere.
//!
//! The server listens on the loopback address alone, and a request must be meant for it (`request.rs`): a
//! page from elsewhere that the same browser shows can reach that address too.

mod latest;
mod message;
mod request;
mod server;
#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{graph::Graph, layout::frames::Shown};
use latest::Latest;
use server::Server;

/// How long the last frame may take to reach the pages.
const FAREWELL: Duration = Duration::from_secs(20);

/// A layout that pages can watch.
pub struct Viewer {
    latest: Arc<Latest>,
    server: Server,
    /// Makes the messages.
    scribe: Option<JoinHandle<()>>,
    /// The number of nodes of the graph that the pages know.
    nodes: usize,
}

impl Viewer {
    /// Serves the page on a port of the loopback address, or on a free one for port 0. `steps` is the number
    /// of steps in all.
    pub fn open(port: u16, backend: &'static str, steps: u32) -> Result<Self> {
        let latest = Arc::new(Latest::default());
        let server = Server::open(port, Arc::clone(&latest))?;
        let shared = Arc::clone(&latest);
        let scribe = thread::Builder::new()
            .name("graph-scribe".into())
            .spawn(move || {
                while let Some((shown, graph)) = shared.take() {
                    let frame = message::frame(&shown, backend, steps);
                    shared.publish(latest::Message { step: shown.step, graph, frame });
                }
            })
            .context("cannot start a thread")?;
        Ok(Viewer { latest, server, scribe: Some(scribe), nodes: 0 })
    }

    /// The address of the page.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Waits until a page is open.
    pub fn wait_for_page(&self) {
        self.latest.wait_for_page();
    }

    /// Hands a frame over. It waits for no page.
    pub fn show(&mut self, graph: &Graph, shown: Shown) {
        let nodes = shown.positions.len();
        // A frame of the graph before it grew may still come after it grew.
        if nodes != self.nodes && nodes == graph.positions.len() {
            self.nodes = nodes;
            self.latest.set_graph(message::graph(graph));
        }
        self.latest.put(shown);
    }

    /// Waits until each page has the last frame or has gone, at most twenty seconds. Returns the number of
    /// frames that were sent, and of those that were left out because a page was not ready.
    pub fn finish(self) -> (u64, u64) {
        self.latest.finish(FAREWELL)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.latest.close();
        self.server.close();
        if let Some(scribe) = self.scribe.take() {
            // A thread that panicked has said so.
            let _ = scribe.join();
        }
    }
}
