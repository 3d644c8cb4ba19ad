//! Downloads, uploads, and their futures.

use crate::PATIENCE;
use gpumem::{Async, Buffer, BufferSpec, Device, Error, Host};
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// When the buffer shrank, its staging copies were freed. The number of the next one remained, although there
/// was none.
#[test]
fn a_snapshot_after_shrinking_shows_the_buffer() {
    let device = Device::host();
    let spec = BufferSpec::new("buffer").snapshot();
    let mut buffer: Buffer<u32, Host, Async> =
        Buffer::from_slice(&device, spec, &[1, 2]).unwrap().into_async();
    drop(buffer.start_download().unwrap().wait().unwrap());
    buffer.shrink_to_fit().unwrap();
    assert_eq!(*buffer.start_download().unwrap().wait().unwrap(), [1, 2]);
}

#[test]
fn tickets_of_a_failed_device_give_its_error_when_it_is_gone() {
    let device = Device::host();
    let mut buffer: Buffer<u32, Host, Async> =
        Buffer::from_slice(&device, "buffer", &[1; 1_000]).unwrap().into_async();
    let (hold, held) = mpsc::channel::<()>();
    device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
    let (download, lost) = (buffer.start_download().unwrap(), buffer.start_download().unwrap());
    let mut stage = buffer.stage(10).unwrap();
    stage.fill(7);
    let mut upload = stage.commit().unwrap();
    device.launch_on(&device.create_stream().unwrap(), (), |()| panic!("planted")).unwrap();
    while device.synchronize().is_ok() {}
    drop((buffer, hold, device));
    let failed =
        |error: Error| matches!(error, Error::DeviceFailed { reason, .. } if reason.contains("planted"));
    // A thread ends the device meanwhile.
    for _ in 0..20 {
        assert!(failed(upload.is_ready().unwrap_err()));
        assert!(failed(upload.wait_timeout(Duration::ZERO).unwrap_err()));
        assert!(failed(download.is_ready().unwrap_err()));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(failed(upload.wait().unwrap_err()));
    assert!(failed(download.wait().unwrap_err()));
    assert!(failed(first_poll(lost).unwrap_err()));
}

/// The output of the first poll.
fn first_poll<F: Future + Unpin>(mut future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match Pin::new(&mut future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is not there yet"),
    }
}

/// A waker that runs a closure on the thread that wakes.
struct Inline(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let run = self.0.lock().unwrap().take();
        run.into_iter().for_each(|run| run());
    }
}

/// The waker waited for itself, forever.
#[test]
fn a_waker_that_waits_for_its_own_thread_is_refused() {
    let device = Device::host();
    let buffer: Buffer<u32, Host, Async> =
        Buffer::from_slice(&device, "buffer", &[1, 2, 3]).unwrap().into_async();
    let (release, held) = mpsc::channel::<()>();
    device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
    let mut awaited = buffer.start_download().unwrap();
    let second_release = {
        let (release, held) = mpsc::channel::<()>();
        device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
        release
    };
    let mut later = buffer.start_download().unwrap();
    let (send, said) = mpsc::channel();
    let inline = Inline(Mutex::new(Some(Box::new(move || {
        // On this thread, a wait for a download that has not arrived, or for a slot, is refused. A query is
        // allowed.
        let slept = later.wait_timeout(Duration::from_secs(60)).map(drop);
        let slot = buffer.start_download_when_free().wait().map(drop);
        send.send((slept, slot, later.is_ready())).unwrap();
    }))));
    let waker = Waker::from(Arc::new(inline));
    let mut context = Context::from_waker(&waker);
    assert!(Pin::new(&mut awaited).poll(&mut context).is_pending());
    drop(release);
    let (slept, slot, ready) = said.recv_timeout(PATIENCE).expect("the waker came to its end");
    assert_eq!(slept, Err(Error::WouldDeadlock));
    assert_eq!(slot, Err(Error::WouldDeadlock));
    assert_eq!(ready, Ok(false));
    drop(second_release);
}

#[test]
fn views_and_parts_are_cloned_whatever_their_backend() {
    let device = Device::host();
    let buffer: Buffer<u32, Host, Async> =
        Buffer::from_slice(&device, "buffer", &[1, 2, 3]).unwrap().into_async();
    let view = buffer.view(1..).unwrap();
    assert_eq!(view.clone().download().unwrap(), view.download().unwrap());
    let part = buffer.view(..2).unwrap();
    let (first, second) = device.start_downloads((part.clone(), part)).unwrap().wait().unwrap();
    assert_eq!((&first[..], &second[..]), (&[1, 2][..], &[1, 2][..]));
}
