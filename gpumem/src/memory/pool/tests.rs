//! Requests that take several parts of the pool.

use crate::{Buffer, Device};
use std::sync::mpsc;
use std::time::Duration;

// Its memory was looked for in chunks, of which it has none, for ever.
#[test]
fn a_plain_segment_makes_way() {
    let device = Device::builder().memory_limit(32 << 20).host().unwrap();
    let state = device.state().clone();
    // Segments are plain where addresses are limited.
    let plain = state.pool.physical.plain(20 << 20).unwrap();
    state.pool.free().put_segment(Box::new(plain), None);
    let (send, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let made = Buffer::<u8>::with_capacity(&device, "buffer", 30 << 20).map(drop);
        send.send(made).unwrap();
    });
    ended.recv_timeout(Duration::from_secs(10)).expect("it never ends").unwrap();
    assert_eq!(state.pool.physical.held(), 30 << 20);
}

// Lost pinned memory, which is not held, was subtracted from what is.
#[test]
fn lost_memory_that_is_not_held_leaves_the_retained_memory() {
    let device = Device::host();
    let state = device.state();
    drop(Buffer::<u8>::with_capacity(&device, "buffer", 8 << 20).unwrap());
    state.losses.count(6 << 20);
    assert_eq!((state.pool.figures().retained, state.stats().retained_bytes), (8 << 20, 8 << 20));
}
