//! The size of a launch, and its stream.

use crate::backend::{Backend, Dim3};
use crate::memory::Stream;

/// How many threads run a typed kernel on a card. Generated launches take one as their first argument.
///
/// On the host the body of the kernel runs once, over whole slices, for any number of threads but none: a
/// launch of no threads does nothing on any backend.
///
/// ```
/// use gpumem::Launch;
///
/// let nodes = 1_000;
/// let over = Launch::over(nodes); // a thread per node: as many blocks as that takes
/// let tuned = Launch::over(nodes).block(128).shared(4 << 10);
/// let grid = Launch::grid((32, 32)).block((16, 16));
/// # _ = (over, tuned, grid);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "this is the size of a launch, and launches nothing"]
pub struct Launch {
    size: Size,
    block: Option<Dim3>,
    shared_bytes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Threads(u64),
    Blocks(Dim3),
}

impl Launch {
    /// At least `threads` threads, in as many blocks as that takes. A kernel leaves threads beyond the end of
    /// its data alone: `if (i >= count) return;`.
    ///
    /// A block has as many threads as the PTX requires, or else 256, or fewer if the kernel allows only
    /// fewer. [`block`](Self::block) sets another number.
    ///
    /// ```
    /// let launch = gpumem::Launch::over(10_000); // 40 blocks of 256 threads
    /// # _ = launch;
    /// ```
    pub const fn over(threads: usize) -> Self {
        Self { size: Size::Threads(threads as u64), block: None, shared_bytes: 0 }
    }

    /// This many blocks. Without [`block`](Self::block) each has as many threads as with
    /// [`over`](Self::over).
    ///
    /// ```
    /// let launch = gpumem::Launch::grid(1).block(1_024); // one block
    /// # _ = launch;
    /// ```
    pub fn grid(blocks: impl Into<Dim3>) -> Self {
        Self { size: Size::Blocks(blocks.into()), block: None, shared_bytes: 0 }
    }

    /// The threads of each block.
    ///
    /// ```
    /// let launch = gpumem::Launch::over(10_000).block(128); // 79 blocks
    /// # _ = launch;
    /// ```
    pub fn block(self, threads: impl Into<Dim3>) -> Self {
        Self { block: Some(threads.into()), ..self }
    }

    /// Dynamic shared memory per block, in bytes. Above 48 KiB the launch asks the driver to allow it.
    ///
    /// ```
    /// let launch = gpumem::Launch::grid(64).block(256).shared(256 * size_of::<f32>() as u32);
    /// # _ = launch;
    /// ```
    pub const fn shared(self, bytes: u32) -> Self {
        Self { shared_bytes: bytes, ..self }
    }

    /// On a stream of the application's own, beside the compute stream. The order is that of
    /// [`Device::launch_on`](crate::Device::launch_on).
    ///
    /// ```
    /// use gpumem::{Device, Launch};
    ///
    /// let stream = Device::host().create_stream()?;
    /// let launch = Launch::over(10_000).on(&stream);
    /// # _ = launch;
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    pub const fn on<B: Backend>(self, stream: &Stream<B>) -> LaunchOn<'_, B> {
        LaunchOn { launch: self, stream }
    }

    /// Whether there are no threads.
    pub(super) fn is_empty(&self) -> bool {
        let none = |size: Dim3| size.count() == 0;
        self.block.is_some_and(none)
            || match self.size {
                Size::Threads(threads) => threads == 0,
                Size::Blocks(blocks) => none(blocks),
            }
    }

    /// The blocks and the threads of each, where a block has `block` threads by default; and the shared
    /// memory. None if there are more blocks than a grid can have along an axis.
    #[cfg(feature = "cuda")]
    pub(super) fn resolve(&self, block: Dim3) -> Option<(Dim3, Dim3, u32)> {
        let block = self.block.unwrap_or(block);
        let grid = match self.size {
            Size::Blocks(blocks) => blocks,
            Size::Threads(threads) => {
                let blocks = u128::from(threads).div_ceil(block.count().max(1));
                Dim3::from(u32::try_from(blocks).ok()?)
            }
        };
        Some((grid, block, self.shared_bytes))
    }
}

/// A [`Launch`] on a stream of the application's own, made by [`Launch::on`].
#[derive(Debug)]
#[must_use = "this is the size of a launch, and launches nothing"]
pub struct LaunchOn<'s, B: Backend> {
    launch: Launch,
    stream: &'s Stream<B>,
}

/// The first argument of a typed kernel: a [`Launch`] or a [`LaunchOn`]. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the size of a launch on `{B}`",
    label = "expected a `Launch`",
    note = "one thread per element: `Launch::over(count)`; blocks and threads: `Launch::grid(blocks).block(threads)`"
)]
pub trait IntoLaunch<B: Backend>: sealed::IntoLaunch<B> {}

pub(super) mod sealed {
    use super::{Backend, Launch, Stream};

    pub trait IntoLaunch<B: Backend> {
        fn parts(&self) -> (Launch, Option<&Stream<B>>);
    }
}

impl<B: Backend> sealed::IntoLaunch<B> for Launch {
    fn parts(&self) -> (Launch, Option<&Stream<B>>) {
        (*self, None)
    }
}

impl<B: Backend> sealed::IntoLaunch<B> for LaunchOn<'_, B> {
    fn parts(&self) -> (Launch, Option<&Stream<B>>) {
        (self.launch, Some(self.stream))
    }
}

impl<B: Backend> IntoLaunch<B> for Launch {}
impl<B: Backend> IntoLaunch<B> for LaunchOn<'_, B> {}
