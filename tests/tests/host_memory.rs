//! The host has no memory for a download. This is a separate program, because it replaces the global
//! allocator.

use gpumem::{Buffer, Device, Error, GpuBuffers};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with a limit per thread above which it refuses allocations.
struct Sparing;

thread_local! {
    static MOST: Cell<usize> = const { Cell::new(usize::MAX) };
}

// SAFETY: it is the system's allocator, or returns null, as an allocator may.
unsafe impl GlobalAlloc for Sparing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > MOST.get() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; all blocks come from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Sparing = Sparing;

/// Runs `work` while allocations of this thread above 1 MiB are refused.
fn sparingly<R>(work: impl FnOnce() -> R) -> R {
    MOST.set(1 << 20);
    let result = work();
    MOST.set(usize::MAX);
    result
}

/// A set whose second buffer has no room on the host.
#[derive(GpuBuffers, Default)]
struct Pair {
    small: Vec<u32>,
    large: Vec<u32>,
}

/// Regression: the process was aborted.
#[test]
fn a_download_without_room_on_the_host_is_an_error() {
    let device = Device::host();
    let data: Vec<u32> = (0..1 << 19).collect();
    let buffer: Buffer<u32> = Buffer::from_slice(&device, "positions", &data).unwrap();
    let mut target = vec![1, 2, 3];
    let (fresh, again) = sparingly(|| (buffer.download(), buffer.download_into_vec(&mut target)));
    for error in [fresh.unwrap_err(), again.unwrap_err()] {
        assert!(matches!(error, Error::OutOfHostMemory { requested: 0x20_0000, .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("`positions`") && text.contains("2 MiB") && text.contains("view"), "{text}");
    }
    assert!(target.is_empty());
    // The buffer is unchanged, and a part of it that fits is downloaded.
    let part = sparingly(|| buffer.view(..1_000).unwrap().download());
    assert!(part.unwrap() == data[..1_000] && buffer.download().unwrap() == data);
    let set = Pair { small: vec![1], large: data }.upload(&device).unwrap();
    let error = sparingly(|| set.download().map(drop)).unwrap_err();
    assert!(matches!(error, Error::OutOfHostMemory { .. }), "{error}");
    assert!(error.to_string().contains("large"), "{error}");
}
