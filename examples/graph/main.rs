//! Force-directed graph layout.
fn main() {}
