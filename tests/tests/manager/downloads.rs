//! Async downloads: double buffering.

use crate::{graph, occupy, uploaded};
use gpumem::{Buffer, Device, Error};

#[test]
fn a_download_is_started_and_waited_for() {
    let device = Device::host();
    let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3]).unwrap().into_async();
    let busy = occupy(&device);
    let ticket = cells.start_download().unwrap();
    assert_eq!((ticket.is_ready().unwrap(), ticket.len()), (false, 3), "the start returns at once");
    drop(busy);
    assert_eq!(ticket.wait().unwrap(), [1, 2, 3]);
}

#[test]
fn a_download_shows_the_moment_of_its_start() {
    let mut gpu = uploaded();
    let busy = occupy(gpu.device());
    let ticket = gpu.positions().start_download().unwrap();
    gpu.positions_mut().fill([9.0; 2]).unwrap();
    gpu.positions_mut().resize(1_000).unwrap();
    drop(busy);
    assert_eq!(ticket.wait().unwrap(), graph().positions);
}

#[test]
fn two_downloads_are_under_way_and_a_third_is_refused() {
    let mut gpu = uploaded();
    let first = gpu.positions().start_download().unwrap();
    gpu.positions_mut().fill([9.0; 2]).unwrap();
    let second = gpu.positions().start_download().unwrap();
    assert!(matches!(gpu.positions().start_download(), Err(Error::SlotsBusy { slots: 2, .. })));
    assert_eq!(gpu.positions().stats().slots_taken, 2);
    assert_eq!(first.wait().unwrap(), graph().positions);
    assert_eq!(second.wait().unwrap(), [[9.0; 2]; 3]);
    assert_eq!(gpu.positions().stats().slots_taken, 0);
}

#[test]
fn a_config_gives_a_buffer_more_slots() {
    let gpu = uploaded();
    let downloads = [(); 3].map(|()| gpu.weights().start_download().unwrap());
    assert!(matches!(gpu.weights().start_download(), Err(Error::SlotsBusy { slots: 3, .. })));
    for download in downloads {
        assert_eq!(download.wait().unwrap(), graph().weights);
    }
}

#[test]
fn a_frame_shows_all_async_buffers_at_one_moment() {
    let mut gpu = uploaded();
    let busy = occupy(gpu.device());
    let ticket = gpu.start_download().unwrap();
    gpu.weights_mut().fill(9.0).unwrap();
    gpu.clear();
    drop(busy);
    let frame = ticket.wait().unwrap();
    assert_eq!((frame.positions.to_vec(), frame.weights.to_vec()), (graph().positions, graph().weights));
}

#[test]
fn frames_come_out_of_a_queue_in_their_order() {
    let mut gpu = uploaded();
    let (mut frames, mut drawn) = (gpu.frame_queue(), Vec::new());
    for step in 1..=5_u8 {
        gpu.weights_mut().fill(step.into()).unwrap();
        if let Some(frame) = frames.push(gpu.start_download().unwrap()).unwrap() {
            drawn.push(frame.weights()[2]);
        }
    }
    assert_eq!((drawn.len(), frames.len()), (4, 1), "the fifth comes down");
    drawn.extend(frames.drain().map(|frame| frame.unwrap().weights()[2]));
    assert_eq!(drawn, [1.0, 2.0, 3.0, 4.0, 5.0]);
}
