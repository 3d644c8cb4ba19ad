//! How messages and reports write buffers and sizes.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The name of a buffer: a literal, or a text made at run time that all copies of the name share. It is freed
/// with the last copy. An `Arc<String>` is a thin pointer, so a name has the size of a `&str`, and the
/// ledger's record of a buffer stays small.
#[derive(Clone)]
pub(crate) enum Name {
    Literal(&'static str),
    Shared(Arc<String>),
}

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Literal(name) => name,
            Self::Shared(name) => name,
        }
    }
}

impl From<Cow<'static, str>> for Name {
    fn from(name: Cow<'static, str>) -> Self {
        match name {
            Cow::Borrowed(name) => Self::Literal(name),
            Cow::Owned(name) => Self::Shared(Arc::new(name)),
        }
    }
}

// Names are equal if their texts are, wherever these are.
impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Asks for the name of an element type, which is a pointer for each type and not a text.
#[derive(Clone, Copy)]
pub(crate) struct ElementName(fn() -> &'static str);

impl ElementName {
    pub(crate) const fn of<T>() -> Self {
        Self(std::any::type_name::<T>)
    }

    /// Of things without elements.
    pub(crate) const NONE: Self = Self(|| "");

    pub(crate) fn get(self) -> &'static str {
        (self.0)()
    }
}

// The addresses of functions do not tell types apart.
impl PartialEq for ElementName {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl fmt::Debug for ElementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

/// The name of a buffer in messages: that of its set, if it belongs to one, and its own. A clone of a label
/// shares its text.
///
/// ```
/// # use gpumem::{Buffer, Device};
/// let edges = Buffer::<u32>::new(&Device::host(), "edges")?;
/// assert_eq!(edges.label().to_string(), "buffer `edges`");
/// # Ok::<(), gpumem::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct BufferLabel {
    /// A thin pointer, as records of the ledger have a label.
    pub(crate) set: Option<&'static &'static str>,
    pub(crate) name: Name,
}

impl BufferLabel {
    /// The set that the buffer belongs to, such as `Graph`.
    ///
    #[cfg_attr(feature = "derive", doc = "```")]
    #[cfg_attr(not(feature = "derive"), doc = "```ignore")]
    /// use gpumem::{Buffer, Device, GpuBuffers};
    ///
    /// #[derive(GpuBuffers)]
    /// struct Graph {
    ///     edges: Vec<[u32; 2]>,
    /// }
    ///
    /// let device = Device::host();
    /// let graph = Graph { edges: vec![[0, 1]] }.upload(&device)?;
    /// assert_eq!(graph.edges().label().set(), Some("Graph"));
    /// assert_eq!(Buffer::<u32>::new(&device, "lone")?.label().set(), None);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn set(&self) -> Option<&str> {
        self.set.copied()
    }

    /// The buffer's own name, such as `positions`.
    ///
    /// ```
    /// # use gpumem::{Buffer, Device};
    /// let edges = Buffer::<u32>::new(&Device::host(), "edges")?;
    /// assert_eq!(edges.label().name(), "edges");
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The label of a buffer that belongs to no set.
    pub(crate) const fn literal(name: &'static str) -> Self {
        Self { set: None, name: Name::Literal(name) }
    }
}

impl fmt::Display for BufferLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.set {
            Some(set) => write!(f, "buffer `{set}.{}`", self.name()),
            None => write!(f, "buffer `{}`", self.name()),
        }
    }
}

/// A number of bytes for people to read: `512 MiB` if that is exact, otherwise both forms.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1 << 10 || self.0 < 1 << 20 && !self.0.is_multiple_of(1 << 10) {
            let plural = if self.0 == 1 { "" } else { "s" };
            return write!(f, "{} byte{plural}", self.0);
        }
        let power = (self.0.ilog2() / 10) as usize;
        let unit = 1_u64 << (10 * power);
        if self.0.is_multiple_of(unit) {
            return write!(f, "{} {}", self.0 / unit, UNITS[power - 1]);
        }
        // Two digits are shown, so the precision of f64 is no concern.
        #[allow(clippy::cast_precision_loss)]
        let about = self.0 as f64 / unit as f64;
        write!(f, "{about:.2} {} ({} bytes)", UNITS[power - 1], self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_their_texts() {
        let made: Name = Cow::<str>::Owned(format!("{}{}", "ed", "ges")).into();
        assert_eq!(made, Name::Literal("edges"));
        assert_eq!(format!("{made:?}"), "\"edges\"");
        assert_eq!(size_of::<Name>(), size_of::<&str>());
        let label = BufferLabel { set: Some(&"Graph"), name: made };
        let (Name::Shared(one), Name::Shared(other)) = (label.clone().name, label.name) else {
            panic!("a name made at run time is shared")
        };
        assert!(Arc::ptr_eq(&one, &other), "a clone costs no second text");
    }

    #[test]
    fn bytes_read_well() {
        let cases = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (2500, "2500 bytes"),
            (512 << 20, "512 MiB"),
            ((3 << 30) + 1, "3.00 GiB (3221225473 bytes)"),
            (2 << 60, "2 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
