//! The end of a device: the calls that wait for its work, and those that do not.

use crate::{PATIENCE, ends};
use gpumem::{Async, Buffer, Device, Host};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// A thread that dropped the last part of a device waited for its work.
#[test]
fn a_guard_that_is_the_last_of_its_device_does_not_wait() {
    let device = Device::host();
    let buffer: Buffer<u32, Host, Async> =
        Buffer::from_slice(&device, "buffer", &[1, 2]).unwrap().into_async();
    let guard = buffer.start_download().unwrap().wait().unwrap();
    let (gate, wait) = mpsc::channel::<()>();
    device.launch((), move |()| _ = wait.recv()).unwrap();
    drop((buffer, device));
    std::thread::sleep(Duration::from_millis(100));
    assert!(ends(move || drop(guard)), "it waits for the kernel");
    drop(gate);
}

/// No call waited for work on dropped buffers that ran on streams of the application.
#[test]
fn closing_waits_for_kernels_that_use_dropped_buffers() {
    let device = Device::host();
    let stream = device.create_stream().unwrap();
    let buffer: Buffer<u8> = Buffer::from_slice(&device, "buffer", &[1; 16]).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let end = done.clone();
    let kernel = move |_: (&[u8],)| {
        std::thread::sleep(Duration::from_millis(100));
        end.store(true, SeqCst);
    };
    device.launch_on(&stream, (&buffer,), kernel).unwrap();
    drop((buffer, stream));
    device.close().unwrap();
    assert!(done.load(SeqCst));
}

/// The kernel closed another device. The callback of that device had the last handle of the kernel's own
/// device, so the kernel waited for its own end.
#[test]
fn a_device_that_ends_in_its_own_kernel_is_not_waited_for_there() {
    let device = Device::host();
    let last = device.clone();
    let other = Device::builder().on_pressure(move |_| _ = &last).host().unwrap();
    let (go, gate) = mpsc::channel::<()>();
    let (send, ended) = mpsc::channel();
    let close = move |()| {
        let _ = gate.recv();
        send.send(other.close()).unwrap();
    };
    device.launch((), close).unwrap();
    drop((device, go));
    ended.recv_timeout(PATIENCE).expect("it never ends").unwrap();
}
