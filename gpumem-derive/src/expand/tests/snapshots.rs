//! Snapshots of the output for six typical structs.

use crate::snapshots::compare;

#[test]
fn expansions_are_as_in_the_snapshots() {
    let names = ["documented", "graph", "generic", "tuned", "host_only", "mistakes"];
    compare(&names, "documented", super::expand);
}
