//! The statistics of buffers and sets, as users read them.

use super::stats::{ratio, since};
use super::table::{TextTable, share};
use crate::label::{BufferLabel, Bytes};
use std::fmt;
use std::time::{Duration, Instant};

/// Statistics of one buffer. The text ([`Display`](fmt::Display)) is a table with one row. The feature
/// `serde` makes it `Serialize`.
///
/// ```
/// use gpumem::{Buffer, Device};
///
/// let mut cells = Buffer::<u32>::with_capacity(&Device::host(), "cells", 100)?;
/// cells.upload(&[1, 2, 3])?;
/// let stats = cells.stats();
/// assert_eq!((stats.len, stats.capacity, stats.uploaded_bytes), (3, 100, 12));
/// println!("{stats}");
/// # assert!(stats.to_string().starts_with("buffer"));
/// # Ok::<(), gpumem::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BufferStats {
    /// Its name and that of its set.
    pub label: BufferLabel,
    /// Bytes per element.
    pub element_size: usize,
    /// Elements.
    pub len: usize,
    /// Elements that fit without growing.
    pub capacity: usize,
    /// The most bytes that it has held so far, with its staging copies, or since
    /// [`Buffer::reset_peak`](crate::Buffer::reset_peak).
    pub peak_bytes: u64,
    /// The most bytes that its elements may take, if there is such a limit:
    /// [`BufferSpec::max`](crate::BufferSpec::max).
    pub limit_bytes: Option<u64>,
    /// Changes of its capacity after it had memory.
    pub resizes: u64,
    /// Those of `resizes` in which it became larger where it was.
    pub grown_in_place: u64,
    /// Those of `resizes` that moved it to a larger block.
    pub grown_by_copy: u64,
    /// Transfers from the host to it.
    pub uploads: u64,
    /// Their bytes.
    pub uploaded_bytes: u64,
    /// Transfers from it to the host, blocking and async.
    pub downloads: u64,
    /// Their bytes.
    pub downloaded_bytes: u64,
    /// Those of `downloads` that were async.
    pub async_downloads: u64,
    /// Those of `async_downloads` whose data was taken.
    pub finished_downloads: u64,
    /// Those of `async_downloads` whose data will not be taken; see
    /// [`DeviceStats`](crate::DeviceStats::dropped_downloads).
    pub dropped_downloads: u64,
    /// How often a thread or a task had to wait for one of its slots.
    pub slot_waits: u64,
    /// Download slots that are taken.
    pub slots_taken: usize,
    /// Bytes of device memory that its staging copies hold; see
    /// [`BufferSpec::snapshot`](crate::BufferSpec::snapshot).
    pub staging_bytes: u64,
    /// When it was last used: a transfer, a copy or a fill of its elements, a launch that takes it, or a look
    /// at them in place, as the host queued it. Growth is no use. `None` before the first. Up to about 10 ms
    /// too early. `serde` writes the seconds since then, as `idle`.
    #[cfg_attr(feature = "serde", serde(rename = "idle", serialize_with = "serialize_idle"))]
    pub last_use: Option<Instant>,
}

#[cfg(feature = "serde")]
#[allow(clippy::ref_option)] // as serde calls it
fn serialize_idle<S: serde::Serializer>(
    last_use: &Option<Instant>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&last_use.map(|last| last.elapsed().as_secs_f64()), serializer)
}

impl BufferStats {
    /// Bytes that its elements take.
    ///
    /// ```
    /// # use gpumem::{Buffer, Device};
    /// let mut cells = Buffer::<u32>::with_capacity(&Device::host(), "cells", 100)?;
    /// cells.resize(3)?;
    /// assert_eq!(cells.stats().used_bytes(), 12); // of the 400 that it holds
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        (self.len * self.element_size) as u64
    }

    /// Bytes of device memory that it holds.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// let spec = BufferSpec::new("frame").snapshot();
    /// let frame = Buffer::from_slice(&Device::host(), spec, &[1_u32, 2, 3])?.into_async();
    /// assert_eq!(frame.stats().live_bytes(), 12);
    /// frame.start_download()?.wait()?;
    /// assert!(frame.stats().live_bytes() >= 24); // with its staging copy
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        (self.capacity * self.element_size) as u64 + self.staging_bytes
    }

    /// Its length over its capacity, from 0 to 1. `None` if it has no capacity.
    ///
    /// ```
    /// # use gpumem::{Buffer, Device};
    /// let mut cells = Buffer::<u32>::with_capacity(&Device::host(), "cells", 100)?;
    /// cells.resize(25)?;
    /// assert_eq!(cells.stats().utilisation(), Some(0.25));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn utilisation(&self) -> Option<f64> {
        ratio(self.len as u64, self.capacity as u64)
    }

    /// The time since its last use. `None` before the first.
    ///
    /// ```
    /// # use gpumem::{Buffer, Device};
    /// let device = Device::host();
    /// let mut cells = Buffer::<u32>::with_capacity(&device, "cells", 100)?;
    /// assert_eq!(cells.stats().idle(), None);
    /// cells.upload(&[1, 2, 3])?;
    /// assert!(cells.stats().idle().is_some_and(|idle| idle.as_secs() < 60));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn idle(&self) -> Option<Duration> {
        self.last_use.map(|last| last.elapsed())
    }

    /// The same, with the counts since `earlier`, which was read before of the same buffer. Lengths, bytes
    /// and times stay those of now.
    ///
    /// ```
    /// # use gpumem::{Buffer, Device};
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2, 3])?;
    /// let before = cells.stats();
    /// cells.write(1, &[7])?;
    /// let step = cells.stats().since(&before);
    /// assert_eq!((step.uploads, step.uploaded_bytes, step.len), (1, 4, 3));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        since!(
            self,
            earlier,
            resizes,
            grown_in_place,
            grown_by_copy,
            uploads,
            uploaded_bytes,
            downloads,
            downloaded_bytes,
            async_downloads,
            finished_downloads,
            dropped_downloads,
            slot_waits,
        )
    }
}

/// Statistics of a generated manager: those of its buffers, in the order of the fields. The text
/// ([`Display`](fmt::Display)) is a table with one row per buffer. The feature `serde` makes it `Serialize`.
///
#[cfg_attr(feature = "derive", doc = "```")]
#[cfg_attr(not(feature = "derive"), doc = "```ignore")]
/// use gpumem::{Device, GpuBuffers};
///
/// #[derive(GpuBuffers)]
/// struct Points {
///     positions: Vec<[f32; 2]>,
///     colours: Vec<u32>,
/// }
///
/// let gpu = Points { positions: vec![[0.0; 2]; 100], colours: vec![0; 100] }.upload(&Device::host())?;
/// println!("{}", gpu.stats());
/// // Points         length  capacity  used        bytes         peak  uploaded    downloaded  idle
/// // positions         100       100  100 %   800 bytes    800 bytes  800 bytes  ..
/// # assert!(gpu.stats().to_string().lines().any(|line| line.starts_with("colours")));
/// # Ok::<(), gpumem::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SetStats {
    /// The name of the user's struct.
    pub label: &'static str,
    /// One entry per buffer.
    pub buffers: Vec<BufferStats>,
    /// The most bytes that its buffers have held together so far, or since `reset_peak` of the manager. A
    /// buffer that was moved out of the set counts as long as it lives.
    pub peak_bytes: u64,
    /// The most bytes that the capacities of its buffers may take together, if there is such a limit: the
    /// key `limit`.
    pub limit_bytes: Option<u64>,
}

impl SetStats {
    /// Bytes that the elements of all buffers take.
    ///
    #[cfg_attr(feature = "derive", doc = "```")]
    #[cfg_attr(not(feature = "derive"), doc = "```ignore")]
    /// use gpumem::{Device, GpuBuffers};
    ///
    /// #[derive(GpuBuffers)]
    /// struct Graph {
    ///     positions: Vec<[f32; 2]>,
    ///     edges: Vec<[u32; 2]>,
    /// }
    ///
    /// let graph = Graph { positions: vec![[0.0; 2]; 3], edges: vec![[0, 1]] };
    /// let gpu = graph.upload(&Device::host())?;
    /// assert_eq!(gpu.stats().used_bytes(), 24 + 8);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.buffers.iter().map(BufferStats::used_bytes).sum()
    }

    /// Bytes of device memory that all buffers hold.
    ///
    #[cfg_attr(feature = "derive", doc = "```")]
    #[cfg_attr(not(feature = "derive"), doc = "```ignore")]
    /// use gpumem::{Device, GpuBuffers};
    ///
    /// #[derive(GpuBuffers)]
    /// struct Graph {
    ///     edges: Vec<[u32; 2]>,
    /// }
    ///
    /// let mut gpu = Graph { edges: vec![[0, 1]] }.upload(&Device::host())?;
    /// gpu.edges_mut().reserve_to(100)?;
    /// let stats = gpu.stats();
    /// assert_eq!((stats.used_bytes(), stats.live_bytes()), (8, 800));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        self.buffers.iter().map(BufferStats::live_bytes).sum()
    }

    /// The same, with the counts since `earlier`, which was read before of the same set: see
    /// [`BufferStats::since`].
    ///
    #[cfg_attr(feature = "derive", doc = "```")]
    #[cfg_attr(not(feature = "derive"), doc = "```ignore")]
    /// use gpumem::{Device, GpuBuffers};
    ///
    /// #[derive(GpuBuffers)]
    /// struct Graph {
    ///     edges: Vec<[u32; 2]>,
    /// }
    ///
    /// let mut gpu = Graph { edges: vec![[0, 1]] }.upload(&Device::host())?;
    /// let before = gpu.stats();
    /// gpu.edges_mut().extend_from_slice(&[[1, 2], [2, 3]])?;
    /// assert_eq!(gpu.stats().since(&before).buffers[0].uploaded_bytes, 16);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        for (later, earlier) in since.buffers.iter_mut().zip(&earlier.buffers) {
            *later = later.since(earlier);
        }
        since
    }
}

/// The headings after the first, and the columns of a buffer below them.
const HEADINGS: [&str; 8] = ["length", "capacity", "used", "bytes", "peak", "uploaded", "downloaded", "idle"];

fn columns(stats: &BufferStats) -> [String; 8] {
    let bytes = |bytes: u64| Bytes(bytes).to_string();
    [
        stats.len.to_string(),
        stats.capacity.to_string(),
        share(stats.utilisation()),
        bytes(stats.live_bytes()),
        bytes(stats.peak_bytes),
        bytes(stats.uploaded_bytes),
        bytes(stats.downloaded_bytes),
        stats.idle().map_or_else(|| "never used".into(), |idle| format!("{:.1} s", idle.as_secs_f64())),
    ]
}

fn table(owner: &str) -> TextTable<9> {
    let [length, capacity, used, bytes, peak, up, down, idle] = HEADINGS;
    TextTable::new([owner, length, capacity, used, bytes, peak, up, down, idle])
}

impl fmt::Display for BufferStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = table("buffer");
        let name = match self.label.set() {
            Some(set) => format!("{set}.{}", self.label.name()),
            None => self.label.name().to_owned(),
        };
        table.row(&name, columns(self));
        table.fmt(f)
    }
}

impl fmt::Display for SetStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = table(self.label);
        for buffer in &self.buffers {
            table.row(buffer.label.name(), columns(buffer));
        }
        let sum = |bytes: fn(&BufferStats) -> u64| Bytes(self.buffers.iter().map(bytes).sum()).to_string();
        let blank = String::new;
        table.row(
            "in all",
            [
                blank(),
                blank(),
                share(ratio(self.used_bytes(), self.live_bytes())),
                sum(BufferStats::live_bytes),
                Bytes(self.peak_bytes).to_string(),
                sum(|buffer| buffer.uploaded_bytes),
                sum(|buffer| buffer.downloaded_bytes),
                blank(),
            ],
        );
        table.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(name: &'static str, len: usize, capacity: usize) -> BufferStats {
        BufferStats {
            label: BufferLabel { set: Some(&"Graph"), ..BufferLabel::literal(name) },
            element_size: 8,
            len,
            capacity,
            peak_bytes: 1 << 20,
            limit_bytes: None,
            resizes: 0,
            grown_in_place: 0,
            grown_by_copy: 0,
            uploads: 3,
            uploaded_bytes: 24,
            downloads: 0,
            downloaded_bytes: 0,
            async_downloads: 0,
            finished_downloads: 0,
            dropped_downloads: 0,
            slot_waits: 0,
            slots_taken: 0,
            staging_bytes: 0,
            last_use: (len > 0).then(|| Instant::now() - Duration::from_millis(1_240)),
        }
    }

    #[test]
    fn the_table_of_a_set_has_a_row_per_buffer_and_their_sum() {
        let buffers = vec![buffer("positions", 96, 128), buffer("edges", 0, 0)];
        let stats = SetStats { label: "Graph", buffers, peak_bytes: 2 << 20, limit_bytes: Some(4 << 20) };
        let expected = "\
Graph      length  capacity  used    bytes   peak  uploaded  downloaded        idle
positions      96       128  75 %    1 KiB  1 MiB  24 bytes     0 bytes       1.2 s
edges           0         0        0 bytes  1 MiB  24 bytes     0 bytes  never used
in all                       75 %    1 KiB  2 MiB  48 bytes     0 bytes";
        assert_eq!(stats.to_string(), expected);
        let expected = "\
buffer           length  capacity  used  bytes   peak  uploaded  downloaded   idle
Graph.positions      96       128  75 %  1 KiB  1 MiB  24 bytes     0 bytes  1.2 s";
        assert_eq!(stats.buffers[0].to_string(), expected);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn statistics_are_serialised_with_the_names_of_their_fields() {
        let buffers = vec![buffer("positions", 96, 128)];
        let stats = SetStats { label: "Graph", buffers, peak_bytes: 2 << 20, limit_bytes: None };
        let value = serde_json::to_value(&stats).unwrap();
        assert_eq!((&value["label"], &value["limit_bytes"]), (&"Graph".into(), &serde_json::Value::Null));
        let own = &value["buffers"][0];
        assert_eq!(own["label"], serde_json::json!({ "set": "Graph", "name": "positions" }));
        assert_eq!((&own["capacity"], &own["uploaded_bytes"]), (&128.into(), &24.into()));
        assert!(own["idle"].as_f64().is_some_and(|idle| (1.24..60.0).contains(&idle)), "{own}");
        let value = serde_json::to_value(crate::DeviceStats::default()).unwrap();
        assert_eq!((&value["errors"]["device_limit"], &value["driver_time"]["secs"]), (&0.into(), &0.into()));
    }

    #[test]
    fn counts_of_each_buffer_are_differences() {
        let stats = |buffers| SetStats { label: "Graph", buffers, peak_bytes: 0, limit_bytes: None };
        let earlier = stats(vec![buffer("positions", 96, 128)]);
        let later = stats(vec![BufferStats { uploads: 5, uploaded_bytes: 64, ..buffer("positions", 9, 10) }]);
        let since = later.since(&earlier);
        let [own] = &since.buffers[..] else { panic!("one") };
        assert_eq!((own.uploads, own.uploaded_bytes, own.len, own.peak_bytes), (2, 40, 9, 1 << 20));
    }
}
