//! `--watch` in a program that was built without the feature `watch`.

use std::{convert::Infallible, net::SocketAddr};

use anyhow::{Result, bail};

use crate::{graph::Graph, layout::frames::Shown};

/// There is none.
pub struct Viewer(Infallible);

impl Viewer {
    pub fn open(_port: u16, _backend: &'static str, _steps: u32) -> Result<Self> {
        bail!(
            "this program was built without the page; build it with the feature `watch`:\n    \
             cargo run --release --example graph --features watch -- --watch"
        )
    }

    pub fn address(&self) -> SocketAddr {
        match self.0 {}
    }

    pub fn wait_for_page(&self) {
        match self.0 {}
    }

    pub fn show(&mut self, _graph: &Graph, _shown: Shown) {
        match self.0 {}
    }

    pub fn finish(self) -> (u64, u64) {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_page_is_told() {
        let error = Viewer::open(0, "host", 1).map(|_| ()).unwrap_err().to_string();
        assert!(error.ends_with("--features watch -- --watch"), "{error}");
    }
}
