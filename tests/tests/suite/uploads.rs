//! Staged uploads that are awaited, or waited for with a timeout.

use crate::{Open, open};
use gpumem::{Buffer, Upload};
use gpumem_tests::TestBackend;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

const BUSY: Duration = Duration::from_millis(150);
/// Beyond a person's patience: what should have come will not come.
const NEVER: Duration = Duration::from_secs(30);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls only when it is woken. Returns whether it had to wait.
fn block_on<B: TestBackend>(upload: Upload<B>) -> bool {
    let mut upload = pin!(upload);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let began = Instant::now();
    for polls in 0.. {
        match upload.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(end) => {
                end.unwrap();
                return polls > 0;
            }
            Poll::Pending => thread::park_timeout(NEVER),
        }
        assert!(began.elapsed() < NEVER, "the task was never woken");
    }
    unreachable!("the loop ends by returning")
}

fn send<B: TestBackend>(buffer: &mut Buffer<u32, B>, value: u32) -> Upload<B> {
    let mut stage = buffer.stage(1_000).unwrap();
    stage.fill(value);
    stage.start_upload().unwrap()
}

pub(crate) fn an_upload_is_awaited<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B> = Buffer::new(&device, "buffer").unwrap();
    block_on(send(&mut buffer, 0));
    let occupy = B::occupier(&device);
    let began = Instant::now();
    occupy(BUSY);
    let upload = send(&mut buffer, 1);
    let early = began.elapsed() < BUSY;
    // The buffer, the device and the other tickets may go meanwhile.
    drop(send(&mut buffer, 2));
    std::mem::forget(send(&mut buffer, 3));
    let awaited = send(&mut buffer, 4);
    let last = buffer.download();
    assert!(*last.unwrap() == vec![4; 1_000]);
    assert!(began.elapsed() >= BUSY);
    assert!(upload.is_ready().unwrap(), "what comes later has arrived");
    drop((buffer, device));
    assert!(!block_on(upload) && !block_on(awaited));
    // Most machines queue faster than the kernel ends; then the test has seen what it is for.
    if !early {
        println!("the kernel ended before its upload was queued");
    }
}

pub(crate) fn an_upload_wakes_whoever_awaits_it<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B> = Buffer::new(&device, "buffer").unwrap();
    block_on(send(&mut buffer, 0));
    let occupy = B::occupier(&device);
    let began = Instant::now();
    occupy(BUSY);
    let mut first = send(&mut buffer, 1);
    occupy(BUSY * 8);
    let second = send(&mut buffer, 2);
    // The second is awaited first, and does not hold up who awaits the first.
    let waits = thread::spawn(move || block_on(second));
    thread::sleep(BUSY / 5);
    let soon = first.wait_timeout(Duration::ZERO).unwrap();
    let arrived = first.wait_timeout(NEVER).unwrap();
    let after = began.elapsed();
    assert!(arrived && first.is_ready().unwrap());
    assert!(after >= BUSY);
    if !soon && after > BUSY * 4 {
        println!("the machine was held up");
    }
    assert!(waits.join().unwrap());
    assert!(began.elapsed() >= BUSY * 9, "the second upload was behind both kernels");
    assert!(after < began.elapsed() - BUSY * 4, "the first was told when the second was");
}

pub(crate) fn nothing_to_send_is_there_at_once<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B> = Buffer::new(&device, "buffer").unwrap();
    B::occupy(&device, BUSY);
    let mut upload = buffer.stage(0).unwrap().start_upload().unwrap();
    assert!(upload.is_ready().unwrap() && upload.wait_timeout(Duration::ZERO).unwrap());
    assert!(!block_on(upload));
}
