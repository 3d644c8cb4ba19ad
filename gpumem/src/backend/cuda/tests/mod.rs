//! The backend by itself. Without a card, a test that needs one says so on standard error and passes, unless
//! `GPUMEM_REQUIRE_CUDA=1` is set.

mod batches;
/// The driver's functions, as other programs call them.
#[allow(dead_code)] // The file has those of other programs too.
#[path = "../../../../tests/cuda/driver.rs"]
mod calls;
/// Whether there is a card.
#[path = "../../../../tests/cuda/card.rs"]
pub(crate) mod card;
mod context;
mod kernels;
mod plain_memory;
mod stream;
mod virtual_memory;

use super::{Cuda, Memory, Pinned, Stream};
use crate::Error;
use crate::backend::BackendOps;
use std::io::Write as _;

/// Adds one to each of `count` words.
pub(crate) const PTX: &str = "
    .version 7.0
    .target sm_75
    .address_size 64
    .visible .entry add_one(.param .u64 data, .param .u32 count)
    {
        .reg .pred %p<2>;
        .reg .b32 %r<7>;
        .reg .b64 %rd<4>;
        ld.param.u64 %rd1, [data];
        ld.param.u32 %r1, [count];
        mov.u32 %r2, %ctaid.x;
        mov.u32 %r3, %ntid.x;
        mov.u32 %r4, %tid.x;
        mad.lo.s32 %r5, %r2, %r3, %r4;
        setp.ge.u32 %p1, %r5, %r1;
        @%p1 bra DONE;
        cvta.to.global.u64 %rd1, %rd1;
        mul.wide.u32 %rd2, %r5, 4;
        add.s64 %rd3, %rd1, %rd2;
        ld.global.u32 %r6, [%rd3];
        add.u32 %r6, %r6, 1;
        st.global.u32 [%rd3], %r6;
    DONE:
        ret;
    }";

fn card() -> Option<Cuda> {
    card::found(Cuda::open(0).map_err(Error::from))
}

/// Writes past the capture of the test harness, so that a skipped test is seen, and in one piece.
fn say_skipped(why: &str) {
    let line = format!("skipped, {why}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// A card with a stream, a block of device memory and one of pinned memory, both of one size, for copies back
/// and forth.
struct Bench {
    cuda: Cuda,
    stream: Stream,
    memory: Memory,
    pinned: Pinned,
    bytes: usize,
}

impl Bench {
    fn new(cuda: Cuda, bytes: usize) -> Self {
        let stream = cuda.create_stream().unwrap();
        let memory = cuda.allocate(bytes).unwrap();
        let pinned = cuda.pin(bytes).unwrap();
        Self { cuda, stream, memory, pinned, bytes }
    }

    fn synchronize(&self) {
        let event = self.cuda.record(&self.stream).unwrap();
        self.cuda.synchronize(&event).unwrap();
        assert_eq!(self.cuda.is_done(&event), Ok(true));
    }

    fn upload(&self, data: &[u8]) {
        assert_eq!(data.len(), self.bytes);
        // SAFETY: a bench waits for every operation, so nothing uses the blocks, which are `bytes` long (rule
        // 3).
        unsafe {
            Cuda::pinned_address(&self.pinned).copy_from_nonoverlapping(data.as_ptr(), data.len());
            self.cuda.copy_to_device(&self.stream, (&self.pinned, 0), (&self.memory, 0), data.len()).unwrap();
        }
        self.synchronize();
    }

    fn download(&self) -> Vec<u8> {
        // SAFETY: as for `upload`; the copy initialises all bytes, and the thread waits for it (rules 3 and
        // 5).
        unsafe {
            Cuda::pinned_address(&self.pinned).write_bytes(0, self.bytes);
            self.cuda.copy_to_host(&self.stream, (&self.memory, 0), (&self.pinned, 0), self.bytes).unwrap();
            self.synchronize();
            std::slice::from_raw_parts(Cuda::pinned_address(&self.pinned), self.bytes).to_vec()
        }
    }

    fn close(self) {
        self.synchronize();
        // SAFETY: nothing is queued any more (rule 2).
        unsafe {
            self.cuda.free(self.memory).unwrap();
            self.cuda.unpin(self.pinned).unwrap();
        }
    }
}

fn numbers(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| u8::try_from(i % 251).unwrap()).collect()
}
