//! How messages and reports write buffers and sizes.

use std::fmt;

/// The name of a buffer in messages: that of its set, if it belongs to one, and its own.
///
/// ```
/// # use gpumem::{Buffer, Device};
/// let edges = Buffer::<u32>::new(&Device::host(), "edges")?;
/// assert_eq!(edges.label().to_string(), "buffer `edges`");
/// # Ok::<(), gpumem::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BufferLabel {
    pub(crate) set: Option<&'static str>,
    pub(crate) name: &'static str,
}

impl BufferLabel {
    /// The set that the buffer belongs to, such as `Graph`.
    #[must_use]
    pub fn set(&self) -> Option<&'static str> {
        self.set
    }

    /// The buffer's own name, such as `positions`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Display for BufferLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.set {
            Some(set) => write!(f, "buffer `{set}.{}`", self.name),
            None => write!(f, "buffer `{}`", self.name),
        }
    }
}

/// A number of bytes for people to read: `512 MiB` if that is exact, otherwise both forms.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1 << 10 || self.0 < 1 << 20 && !self.0.is_multiple_of(1 << 10) {
            return write!(f, "{} bytes", self.0);
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
    fn bytes_read_well() {
        let cases = [
            (0, "0 bytes"),
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
