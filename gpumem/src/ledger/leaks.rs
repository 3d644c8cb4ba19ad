//! Reports of leaks.

use super::held::{Held, HeldKind};
use crate::label::Bytes;
use std::fmt;
use std::time::Duration;

/// The result of a leak check: all that is held, in a table. A row has its kind and the name of its buffer,
/// the element type, the bytes, the age, and the line that made it, with the span of `tracing` if there was
/// one; the oldest is first. Buffers without memory are one line together. A last line has the memory that
/// the application does not hold: what is in flight, and what the device retains. `Debug` prints the same
/// text, so that it can be read when `main` or `unwrap` prints the error.
///
/// With the feature `serde` it can be serialised, and so can each [`Held`].
///
/// ```
/// use gpumem::{Buffer, Device, Error};
///
/// let device = Device::host();
/// let kept = Buffer::from_slice(&device, "kept", &[1, 2, 3])?;
/// let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("`kept` is alive") };
/// assert_eq!(report.held()[0].name(), "kept");
/// assert!(report.to_string().starts_with("1 buffer of device `host` is still alive:"));
/// drop(kept);
/// device.check_leaks()?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct LeakReport {
    // Boxed so that `Error` stays small.
    content: Box<Content>,
}

#[derive(Clone, PartialEq, Eq)]
struct Content {
    owner: String,
    held: Vec<Held>,
    not_held: NotHeld,
    lost_bytes: u64,
}

/// Bytes of a device that the application does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NotHeld {
    /// Of transfers without a ticket, and of dropped buffers that other streams still use.
    pub(crate) in_flight: u64,
    /// Free, for later buffers.
    pub(crate) retained: u64,
}

/// The number of rows that a report lists before it counts the rest: a page of a terminal.
const LISTED: usize = 20;

/// The kinds, in the order in which a report counts them.
const KINDS: [HeldKind; 9] = [
    HeldKind::Buffer,
    HeldKind::Download,
    HeldKind::Guard,
    HeldKind::Upload,
    HeldKind::Stage,
    HeldKind::Use,
    HeldKind::Binding,
    HeldKind::Stream,
    HeldKind::Module,
];

impl LeakReport {
    pub(crate) fn new(owner: String, held: Vec<Held>) -> Self {
        Self { content: Box::new(Content { owner, held, not_held: NotHeld::default(), lost_bytes: 0 }) }
    }

    /// The same for a device, with the bytes that nothing in the list holds.
    pub(crate) fn with_bytes(mut self, not_held: NotHeld, lost_bytes: u64) -> Self {
        self.content.not_held = not_held;
        self.content.lost_bytes = lost_bytes;
        self
    }

    /// All that is held, the oldest first.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let device = Device::host();
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?.into_async();
    /// let guard = cells.start_download()?.wait()?;
    /// drop(cells);
    /// let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("the guard is alive") };
    /// let [held] = report.held() else { panic!("{report}") };
    /// assert_eq!((held.kind(), held.name(), held.bytes), ("guard", "cells", 12));
    /// # drop(guard);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn held(&self) -> &[Held] {
        &self.content.held
    }

    /// Bytes that are in use and that the application does not hold: of transfers whose tickets were dropped
    /// and that still run, and of dropped buffers that another stream still uses. No report of a set or of a
    /// leak scope has them.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let device = Device::host();
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?; // its copy may still run
    /// device.synchronize()?;
    /// let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("`cells` is alive") };
    /// assert_eq!(report.in_flight_bytes(), 0);
    /// # drop(cells);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn in_flight_bytes(&self) -> u64 {
        self.content.not_held.in_flight
    }

    /// Bytes that could not be given back to the driver, because it had failed.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let device = Device::host();
    /// let own = device.create_stream()?;
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
    /// let _ = device.launch_on(&own, (&cells,), |_| panic!("a mistake")); // fails the device
    /// assert!(device.synchronize_stream(&own).is_err());
    /// drop((cells, own)); // the end of the last use is not known
    /// let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("memory was lost") };
    /// assert!(report.held().is_empty() && report.lost_bytes() >= 12);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        self.content.lost_bytes
    }
}

impl fmt::Debug for LeakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for LeakReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let Content { owner, held, not_held, lost_bytes } = &*self.content;
        let mut fields = serializer.serialize_struct("LeakReport", 5)?;
        fields.serialize_field("owner", owner.as_str())?;
        fields.serialize_field("held", held.as_slice())?;
        fields.serialize_field("in_flight_bytes", &not_held.in_flight)?;
        fields.serialize_field("retained_bytes", &not_held.retained)?;
        fields.serialize_field("lost_bytes", lost_bytes)?;
        fields.end()
    }
}

impl fmt::Display for LeakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Content { owner, held, not_held, lost_bytes } = &*self.content;
        match held.len() {
            0 => write!(f, "nothing of {owner} is alive")?,
            1 => write!(f, "{} of {owner} is still alive:", counts(held))?,
            _ => write!(f, "{} of {owner} are still alive:", counts(held))?,
        }
        let is_empty = |held: &&Held| held.kind == HeldKind::Buffer && held.bytes == 0;
        let rows: Vec<&Held> = held.iter().filter(|held| !is_empty(held)).collect();
        let (shown, rest) = rows.split_at(rows.len().min(LISTED));
        write_table(f, shown)?;
        if !rest.is_empty() {
            let bytes = rest.iter().map(|held| held.bytes).sum();
            write!(f, "\n  and {} more with {}", rest.len(), Bytes(bytes))?;
        }
        write_empty(f, held.iter().filter(is_empty))?;
        if *not_held != NotHeld::default() {
            let NotHeld { in_flight, retained } = *not_held;
            let (in_flight, retained) = (Bytes(in_flight), Bytes(retained));
            write!(
                f,
                "\nnot held by the application: {in_flight} in flight, {retained} retained for later buffers"
            )?;
        }
        if *lost_bytes > 0 {
            write!(f, "\n{} could not be given back to the driver", Bytes(*lost_bytes))?;
        }
        Ok(())
    }
}

/// How many of each kind: `2 buffers, 1 download and 1 stream`.
fn counts(held: &[Held]) -> String {
    let count = |kind: &HeldKind| held.iter().filter(|held| held.kind == *kind).count();
    let counted = KINDS.iter().map(|kind| (kind, count(kind))).filter(|(_, count)| *count > 0);
    let words: Vec<String> = counted.map(|(kind, count)| kind.counted(count)).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Writes a line for the heads of the columns and one per row, and nothing for no rows.
fn write_table(f: &mut fmt::Formatter<'_>, rows: &[&Held]) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    let cells = |held: &&Held| {
        let bytes = if held.bytes > 0 { Bytes(held.bytes).to_string() } else { "-".into() };
        let element = if held.element.is_empty() { "-" } else { held.element };
        let made_at = match held.span {
            Some(span) => format!("{} in span `{span}`", held.made_at),
            None => held.made_at.to_string(),
        };
        [held.to_string(), element.into(), bytes, Age(held.age).to_string(), made_at]
    };
    let mut table = vec![["held", "element", "bytes", "age", "made at"].map(String::from)];
    table.extend(rows.iter().map(cells));
    let mut widths = [0; 4];
    for row in &table {
        widths.iter_mut().zip(row).for_each(|(width, cell)| *width = (*width).max(cell.chars().count()));
    }
    for [held, element, bytes, age, made_at] in &table {
        let [w0, w1, w2, w3] = widths;
        write!(f, "\n  {held:w0$}  {element:w1$}  {bytes:>w2$}  {age:>w3$}  {made_at}")?;
    }
    Ok(())
}

/// Writes one line for the buffers without memory, the oldest of which is first.
fn write_empty<'a>(f: &mut fmt::Formatter<'_>, mut empty: impl Iterator<Item = &'a Held>) -> fmt::Result {
    let Some(first) = empty.next() else { return Ok(()) };
    match empty.count() {
        0 => write!(f, "\n  {first} without memory, made at {}", first.made_at),
        more => write!(
            f,
            "\n  {} buffers without memory; the oldest is {first}, made at {}",
            more + 1,
            first.made_at
        ),
    }
}

/// A time for people to read.
struct Age(Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let text = match seconds {
            0 => format!("{} ms", self.0.as_millis()),
            1..60 => format!("{:.1} s", self.0.as_secs_f64()),
            60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
            _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::BufferLabel;
    use std::panic::Location;

    fn held(kind: HeldKind, bytes: u64) -> Held {
        let label = BufferLabel { set: Some(&"Graph"), ..BufferLabel::literal("edges") };
        let label = (kind != HeldKind::Stream).then_some(label);
        Held {
            kind,
            label,
            element: if kind == HeldKind::Stream { "" } else { "[u32; 2]" },
            bytes,
            age: Duration::from_millis(1_500),
            made_at: Location::caller(),
            backtrace: None,
            span: None,
        }
    }

    #[test]
    fn long_reports_are_cut_and_say_so() {
        let report =
            LeakReport::new("set `Graph`".into(), vec![held(HeldKind::Buffer, 4096); 23]).to_string();
        assert!(report.starts_with("23 buffers of set `Graph` are still alive:\n"), "{report}");
        let row = "\n  buffer `Graph.edges`  [u32; 2]  4 KiB  1.5 s  gpumem/src/ledger/leaks.rs:";
        assert!(report.contains(row), "{report}");
        assert!(report.ends_with("\n  and 3 more with 12 KiB"), "{report}");
    }

    #[test]
    fn a_report_is_a_table() {
        let kinds =
            [(HeldKind::Buffer, 0), (HeldKind::Stream, 0), (HeldKind::Buffer, 0), (HeldKind::Guard, 12)];
        let list = kinds.map(|(kind, bytes)| held(kind, bytes)).to_vec();
        let not_held = NotHeld { in_flight: 12, retained: 1 << 20 };
        let report = LeakReport::new("device `host`".into(), list).with_bytes(not_held, 7).to_string();
        let lines: Vec<_> = report.lines().map(|line| line.split("gpumem/src").next().unwrap()).collect();
        let expected = [
            "2 buffers, 1 guard and 1 stream of device `host` are still alive:",
            "  held                           element      bytes    age  made at",
            "  stream                         -                -  1.5 s  ",
            "  guard of buffer `Graph.edges`  [u32; 2]  12 bytes  1.5 s  ",
            "  2 buffers without memory; the oldest is buffer `Graph.edges`, made at ",
            "not held by the application: 12 bytes in flight, 1 MiB retained for later buffers",
            "7 bytes could not be given back to the driver",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn ages_read_well() {
        for (milliseconds, text) in
            [(7, "7 ms"), (1_500, "1.5 s"), (192_000, "3 min 12 s"), (7_500_000, "2 h 5 min")]
        {
            assert_eq!(Age(Duration::from_millis(milliseconds)).to_string(), text);
        }
    }
}
