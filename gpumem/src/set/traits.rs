//! The traits between a user's struct and its manager, and those for code that does not know the struct.

use crate::backend::Backend;
use crate::device::Device;
use crate::error::Error;
use crate::ledger::SetStats;
use crate::spec::BufferSpec;
use std::fmt;
use std::hash::Hash;

/// A struct of `Vec`s that has a manager of buffers. Derive it with `#[derive(GpuBuffers)]`.
///
#[cfg_attr(feature = "derive", doc = "```")]
#[cfg_attr(not(feature = "derive"), doc = "```ignore")]
/// use gpumem::{Device, GpuBuffers};
///
/// #[derive(GpuBuffers)]
/// struct Points {
///     #[buffer(growth = 2.0, max = "1MiB")]
///     positions: Vec<[f32; 3]>,
/// }
///
/// let points = Points { positions: vec![[0.0; 3]; 10] };
/// let gpu = points.upload(&Device::host())?;
/// assert_eq!(gpu.positions().len(), 10);
/// assert_eq!(Points::BUFFERS[0].max_bytes(), Some(1 << 20));
/// # Ok::<(), gpumem::Error>(())
/// ```
pub trait GpuBuffers {
    /// The generated manager: one [`Buffer`](crate::Buffer) per field. Code that does not know the struct
    /// uses it through [`BufferSet`].
    type Manager<B: Backend>: BufferSet<B, Source = Self>;

    /// The buffers, in the order of the fields.
    const BUFFERS: &'static [BufferSpec];

    /// Makes the buffers on `device` and uploads the contents of the `Vec`s.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::from_slice`](crate::Buffer::from_slice). No buffer is left on the device then.
    #[track_caller]
    fn upload<B: Backend>(&self, device: &Device<B>) -> Result<Self::Manager<B>, Error>;
}

/// The manager of any struct, for code that is generic over sets. `#[derive(GpuBuffers)]` implements it.
///
/// The methods are those of the generated managers, which have more, and which need no import of this trait.
///
#[cfg_attr(feature = "derive", doc = "```")]
#[cfg_attr(not(feature = "derive"), doc = "```ignore")]
/// use gpumem::{AnySet, Backend, BufferSet, Device, Error, GpuBuffers};
///
/// /// A copy of `data` that went over a device, and the bytes that it took there.
/// fn round_trip<S, B>(data: &S, device: &Device<B>) -> Result<(S, u64), Error>
/// where
///     S: GpuBuffers + Default,
///     B: Backend,
/// {
///     let gpu = data.upload(device)?;
///     let bytes = gpu.stats().live_bytes();
///     let copy = gpu.download()?;
///     gpu.close()?;
///     Ok((copy, bytes))
/// }
///
/// #[derive(GpuBuffers, Default, PartialEq, Debug)]
/// struct Points {
///     positions: Vec<[f32; 2]>,
/// }
///
/// let points = Points { positions: vec![[1.0, 2.0]; 4] };
/// let (copy, bytes) = round_trip(&points, &Device::host())?;
/// assert_eq!((copy, bytes), (points, 32));
/// # Ok::<(), Error>(())
/// ```
pub trait BufferSet<B: Backend>: AnySet + Sized {
    /// The struct that the set is derived for.
    type Source: GpuBuffers + ?Sized;

    /// The generated struct with one number per buffer.
    type Lengths: Copy + fmt::Debug + Default + Eq + Hash + Send + Sync;

    /// Whether a set with room for so many elements in each buffer could be made now. Nothing is taken.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::would_fit`](crate::Buffer::would_fit), for the first buffer that would not fit
    /// beside those before it, and [`Error::SetLimit`].
    fn would_fit(device: &Device<B>, capacities: Self::Lengths) -> Result<(), Error>;

    /// The device that the buffers are on.
    fn device(&self) -> &Device<B>;

    /// The number of elements in each buffer.
    fn lengths(&self) -> Self::Lengths;

    /// Replaces the contents of every buffer with the fields of `source`: of all buffers, or of none.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::upload`](crate::Buffer::upload).
    fn upload_from(&mut self, source: &Self::Source) -> Result<(), Error>;

    /// Waits for the device and copies every buffer into `target`, whose memory it reuses. Fields that are
    /// not buffers stay as they are.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::download`](crate::Buffer::download).
    fn download_into(&self, target: &mut Self::Source) -> Result<(), Error>;

    /// Waits for the device and copies every buffer into a new value. Fields that are not buffers are as in
    /// its default.
    ///
    /// The manager's own `download` asks for less: only fields that are not buffers need a default there.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::download`](crate::Buffer::download).
    fn download(&self) -> Result<Self::Source, Error>
    where
        Self::Source: Default,
    {
        let mut source = Self::Source::default();
        self.download_into(&mut source)?;
        Ok(source)
    }

    /// Waits for the work that uses the buffers, and gives all their memory back.
    ///
    /// # Errors
    ///
    /// [`Error::Leaked`] if a buffer of the set is alive outside the set, and [`Error::DeviceFailed`].
    fn close(self) -> Result<(), Error>;
}

/// The part of [`BufferSet`] that names no type of the set, so that sets of different structs, backends and
/// devices fit into one list.
///
#[cfg_attr(feature = "derive", doc = "```")]
#[cfg_attr(not(feature = "derive"), doc = "```ignore")]
/// use gpumem::{AnySet, Device, GpuBuffers};
///
/// #[derive(GpuBuffers)]
/// struct Graph {
///     positions: Vec<[f32; 2]>,
///     edges: Vec<[u32; 2]>,
/// }
///
/// #[derive(GpuBuffers)]
/// struct Picture {
///     pixels: Vec<[u8; 4]>,
/// }
///
/// let device = Device::host();
/// let graph = Graph { positions: vec![[0.0; 2]; 3], edges: vec![[0, 1]] }.upload(&device)?;
/// let picture = Picture { pixels: vec![[0; 4]; 100] }.upload(&device)?;
///
/// let sets: Vec<Box<dyn AnySet>> = vec![Box::new(graph), Box::new(picture)];
/// let shown: Vec<String> =
///     sets.iter().map(|set| format!("{} {:?}", set.label(), set.lengths_by_name())).collect();
/// assert_eq!(shown, [r#"Graph [("positions", 3), ("edges", 1)]"#, r#"Picture [("pixels", 100)]"#]);
/// assert_eq!(sets.iter().map(|set| set.stats().used_bytes()).sum::<u64>(), 24 + 8 + 400);
/// # Ok::<(), gpumem::Error>(())
/// ```
pub trait AnySet: fmt::Debug + Send + Sync {
    /// The set's name in reports: that of the struct, or the `label` of its attribute.
    fn label(&self) -> &str;

    /// Lengths, capacities and bytes, per buffer and in total.
    fn stats(&self) -> SetStats;

    /// The name of each buffer and the number of its elements, in the order of the fields.
    fn lengths_by_name(&self) -> Vec<(&str, usize)>;

    /// Checks that no buffer of the set is alive outside the set.
    ///
    /// # Errors
    ///
    /// [`Error::Leaked`] if there is such a buffer: it lists the buffer, with the line that made it.
    fn check_leaks(&self) -> Result<(), Error>;
}
