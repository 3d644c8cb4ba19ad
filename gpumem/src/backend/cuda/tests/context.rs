//! Opening devices, and the context that is current.

use super::calls::{self, ContextHandle};
use super::{Bench, card};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::driver::code;
use crate::backend::{BackendOps, Cause, Fault};
use std::thread;

fn current() -> ContextHandle {
    let mut handle = ContextHandle::NULL;
    // SAFETY: the pointer is valid for a write (the driver's contract).
    assert_eq!(unsafe { calls::cuCtxGetCurrent(&raw mut handle) }, code::SUCCESS);
    handle
}

/// Runs with the stand-in library, with a driver without a card, and with cards.
#[test]
fn a_device_that_is_not_there_is_unavailable() {
    for ordinal in [4_096, 1 << 31, usize::MAX] {
        match Cuda::open(ordinal).map_err(Fault::into_parts) {
            Err((_, Cause::Unavailable(reason))) => assert!(reason.contains("CUDA"), "{reason}"),
            other => panic!("{ordinal}: {other:?}"),
        }
    }
}

#[test]
fn no_driver_is_told_in_words() {
    match Cuda::open(0).map_err(Fault::into_parts) {
        Ok(cuda) => assert!(!cuda.device_name().is_empty()),
        Err((_, Cause::Unavailable(reason))) => {
            assert!(reason.contains("CUDA"), "{reason}");
            if reason.contains("cuInit") {
                assert!(!reason.starts_with("cuInit"), "the words come first: {reason}");
            }
        }
        Err(fault) => panic!("{fault:?}"),
    }
}

#[test]
fn what_was_current_is_current_again() {
    let Some(cuda) = card() else { return };
    thread::spawn(move || {
        assert_eq!(current(), ContextHandle::NULL);
        let bench = Bench::new(cuda, 64);
        bench.upload(&[1; 64]);
        assert_eq!(current(), ContextHandle::NULL);

        let mut own = ContextHandle::NULL;
        // SAFETY: a context of this test's own, on device 0, which is there (the driver's contract).
        assert_eq!(unsafe { calls::cuCtxCreate_v2(&raw mut own, 0, 0) }, code::SUCCESS);
        assert_eq!(current(), own);
        assert_eq!(bench.download(), [1; 64]);
        drop(bench.cuda.create_stream().unwrap());
        assert_eq!(current(), own);

        bench.cuda.make_current().unwrap();
        let primary = current();
        assert_ne!(primary, own);
        assert_eq!(bench.download(), [1; 64]);
        assert_eq!(current(), primary);
        // SAFETY: made above, and no other code uses it (the driver's contract).
        assert_eq!(unsafe { calls::cuCtxDestroy_v2(own) }, code::SUCCESS);
        bench.close();
    })
    .join()
    .unwrap();
}

#[test]
fn a_device_opened_twice_is_closed_in_any_order() {
    let Some(first) = card() else { return };
    let Some(second) = card() else { return };
    let stream = first.create_stream().unwrap();
    let event = first.record(&stream).unwrap();
    drop(first);
    let bench = Bench::new(second, 64);
    bench.upload(&[3; 64]);
    drop(stream);
    drop(event);
    assert_eq!(bench.download(), [3; 64]);
    bench.close();
}
