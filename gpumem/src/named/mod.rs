//! Buffers that are known by name at run time.
//!
//! `#[derive(GpuBuffers)]` is for buffers whose names the source code knows. [`NamedBuffers`] is for the
//! others: names from a file, a plug-in, a script, or a hand-written manager that is to be replaced step by
//! step. `MIGRATION.md`, at the top of the repository, has five kinds of such managers, each with the same
//! program by name and derived.
//!
//! A name is looked up once. [`NamedBuffers::allocate`] gives a [`Key`], and a key leads to its buffer
//! without a look-up and without a downcast:
//!
//! ```
//! use gpumem::Device;
//! use gpumem::named::{BufferConfig, NamedBuffers};
//!
//! let device = Device::host();
//! let mut buffers = NamedBuffers::new(&device);
//! let positions = buffers.allocate::<[f32; 3]>("positions", 1_000, BufferConfig::positions())?;
//! buffers.allocate::<u32>("cells", 64, BufferConfig::of::<u32>())?;
//!
//! buffers.at_mut(positions)?.fill([1.0, 2.0, 3.0])?; // by key
//! buffers.get_mut::<u32>("cells")?.write(63, &[7])?; // by name
//!
//! buffers.start_async_download::<[f32; 3]>("positions")?;
//! buffers.ensure_capacity::<[f32; 3]>("positions", 5_000)?; // the copy shows the buffer as it was
//! let frame = buffers.wait_for_download::<[f32; 3]>("positions")?;
//! assert_eq!((frame.len(), frame[999]), (1_000, [1.0, 2.0, 3.0]));
//!
//! let error = buffers.get::<u32>("cell").unwrap_err();
//! assert!(error.to_string().starts_with("no buffer is named `cell`; is it `cells`?"));
//! buffers.check_leaks()?;
//! # Ok::<(), gpumem::Error>(())
//! ```
//!
//! # Types
//!
//! The manager holds untyped buffers, each with the `TypeId` of its elements. A name is a look-up and a
//! comparison of types. A key has its type from the name that it was made of, and says where its buffer is;
//! each buffer has a number of its own that is never given again in the process. So a key costs an array
//! access and a comparison of numbers, and a key whose buffer was freed, or a key of another manager, is an
//! error even if another buffer is in that place.
//!
//! Whether a buffer has async downloads is a setting here, and not a type: every buffer has the type of an
//! async one, and [`NamedBuffers::start_async_download`] checks the setting.

// The page of `NamedBuffers` shows the methods in this order. The blank lines keep rustfmt from sorting the
// files.
mod buffers;

mod downloads;

mod status;

mod config;
mod key;
mod nearest;
mod pooled;
mod several;
mod spec;
mod table;

pub use self::buffers::{DEFAULT_LIMIT, NamedBuffers};
pub use self::config::BufferConfig;
pub use self::key::Key;
pub use self::pooled::{PoolingStatistics, pooled};
pub use self::several::Keys;
pub use self::spec::NamedSpec;
