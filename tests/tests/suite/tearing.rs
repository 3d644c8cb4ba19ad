//! Frames of a buffer that a kernel writes all the time. No frame may show half of a kernel's writes, or
//! another kernel than the last before it.

use crate::{Open, on_each_backend, open};
use gpumem::testing::SlowBus;
use gpumem::{Async, Buffer, BufferSpec, Device, Download};
use gpumem_tests::TestBackend;
use std::collections::VecDeque;

/// Downloads in flight at a time.
const SLOTS: usize = 3;

on_each_backend!(no_frame_is_torn);
fn no_frame_is_torn<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    // On a card, so many elements that a copy takes several times as long as the kernel.
    let len = if B::is_card(&device) { 256 << 10 } else { 4 << 10 };
    for spec in [BufferSpec::new("plain"), BufferSpec::new("snapshot").snapshot()] {
        draw(&device, spec, len, 10_000);
    }
}

on_each_backend!(no_frame_is_torn_on_a_slow_bus);
fn no_frame_is_torn_on_a_slow_bus<B: TestBackend>(open: Open<'_, B>) {
    // 200 µs per frame, in parts, so that the next kernel has time to run in between.
    let device = open!(open, Device::builder().slow_bus(&SlowBus::new(20 << 20)));
    for spec in [BufferSpec::new("plain"), BufferSpec::new("snapshot").snapshot()] {
        draw(&device, spec, 1 << 10, 1_000);
    }
}

/// For each frame `n`, a kernel or sometimes a fill sets every element to `n`, and a download is started. A
/// frame is checked when its slot is needed, while later frames are under way.
fn draw<B: TestBackend>(device: &Device<B>, spec: BufferSpec, len: usize, frames: u32) {
    let add_one = B::adder(device);
    let mut buffer: Buffer<u32, B, Async> = Buffer::new(device, spec.slots(SLOTS)).unwrap().into_async();
    buffer.resize(len).unwrap();
    let mut running = VecDeque::new();
    for frame in 1..=frames {
        if frame % 16 == 0 {
            buffer.fill(frame).unwrap();
        } else {
            add_one(&mut buffer);
        }
        if running.len() == SLOTS {
            look(running.pop_front());
        }
        running.push_back((frame, buffer.start_download().unwrap()));
    }
    running.into_iter().map(Some).for_each(look);
    assert_eq!(buffer.stats().slots_taken, 0);
}

fn look<B: TestBackend>(running: Option<(u32, Download<u32, B>)>) {
    let Some((frame, download)) = running else { return };
    let guard = download.wait().unwrap();
    // All elements are equal: each equals the one before it, which is one comparison of memory.
    let torn = guard[1..] != guard[..guard.len() - 1];
    assert!(!torn && guard[0] == frame, "frame {frame}: {}", parts(&guard));
}

/// The positions at which the elements change, and their values.
fn parts(elements: &[u32]) -> String {
    let mut text = format!("{} from 0 on", elements[0]);
    for (index, pair) in elements.windows(2).enumerate().filter(|(_, pair)| pair[0] != pair[1]).take(9) {
        text += &format!(", {} from {} on", pair[1], index + 1);
    }
    text
}
