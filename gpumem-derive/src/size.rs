//! Byte sizes: `"512MiB"`, `"1.5 GiB"`, `"2GB"`. They are read exactly, in whole bytes, without floating
//! point.

use crate::nearest::nearest;
use std::ops::Range;

/// The units, each with its number of bytes.
const UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A size, with its text for messages and documentation: the user's own text if the user wrote a unit.
#[derive(Clone, Debug)]
pub(crate) struct Size {
    pub(crate) bytes: u64,
    pub(crate) text: String,
}

impl Size {
    /// A size that the user wrote as a number of bytes.
    pub(crate) fn of_bytes(bytes: u64) -> Self {
        Size { bytes, text: display(bytes) }
    }
}

/// Why a text is not a size.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) message: String,
    /// The range of the unit in the text, if the unit is wrong.
    pub(crate) unit: Option<Range<usize>>,
}

impl From<String> for Mistake {
    fn from(message: String) -> Self {
        Mistake { message, unit: None }
    }
}

/// Whether `word` is the unit of a size.
pub(crate) fn is_unit(word: &str) -> bool {
    UNITS.iter().any(|(unit, _)| *unit == word)
}

/// Reads a size.
pub(crate) fn parse(whole: &str) -> Result<Size, Mistake> {
    let text = whole.trim();
    let unit_at = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_'))).unwrap_or(text.len());
    let (number, unit) = (&text[..unit_at], text[unit_at..].trim());
    if text.is_empty() {
        return Err("an empty size: write a number and a unit, such as \"512MiB\"".to_owned().into());
    }
    if text.starts_with('-') {
        return Err("a size cannot be negative".to_owned().into());
    }
    if number.is_empty() {
        return Err(format!("`{text}` is not a size: write a number and a unit, such as \"512MiB\"").into());
    }
    let (digits, places) = decimal(number).ok_or_else(|| {
        format!("`{number}` is not a number: write digits with at most one point, as in \"1.5GiB\"")
    })?;
    if unit.is_empty() {
        let or_bytes = match number.contains('.') {
            true => String::new(),
            false => format!(", or {text} without quotes for bytes"),
        };
        return Err(format!("`{text}` has no unit: write \"{text}MiB\", for example{or_bytes}").into());
    }
    let Some(&(_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let end = whole.trim_end().len();
        return Err(Mistake { message: unknown_unit(unit), unit: Some(end - unit.len()..end) });
    };
    let scale = 10_u128.checked_pow(places).ok_or_else(|| format!("`{number}` has too many digits"))?;
    let too_large = || format!("`{text}` is too large: a size is less than 16 EiB");
    let scaled = digits.ok_or_else(too_large)?.checked_mul(u128::from(factor)).ok_or_else(too_large)?;
    if scaled % scale != 0 {
        return Err(format!("`{text}` is not a whole number of bytes").into());
    }
    let bytes = u64::try_from(scaled / scale).map_err(|_| too_large())?;
    Ok(Size { bytes, text: format!("{number} {unit}") })
}

/// The digits of a decimal number as one integer, and how many of them follow the point. The integer is
/// `None` if it exceeds `u128`. The result is `None` if the text is not a number.
fn decimal(number: &str) -> Option<(Option<u128>, u32)> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let starts_well = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    if !starts_well(whole) || (number.contains('.') && !starts_well(fraction)) || fraction.contains('.') {
        return None;
    }
    let fraction = fraction.replace('_', "");
    // Without this, the zeros of "1.50000000000000000000000000000000000000GiB" would overflow.
    let fraction = fraction.trim_end_matches('0');
    let digits: String = whole.chars().filter(|c| *c != '_').chain(fraction.chars()).collect();
    Some((digits.parse().ok(), u32::try_from(fraction.len()).ok()?))
}

/// The message about a unit that does not exist.
fn unknown_unit(unit: &str) -> String {
    let names: Vec<&str> = UNITS.iter().map(|(name, _)| *name).collect();
    let same_letters = names.iter().find(|name| name.eq_ignore_ascii_case(unit)).copied();
    // `M` is MiB for `dd` and MB for other programs, so the user has to choose.
    let short = ["K", "M", "G", "T"].iter().find(|short| short.eq_ignore_ascii_case(unit));
    if let Some(short) = short {
        return format!(
            "unknown unit `{unit}`: write `{short}iB` (powers of 1024) or `{short}B` (powers of 1000)"
        );
    }
    match same_letters.or_else(|| nearest(unit, &names)) {
        Some(name) => format!("unknown unit `{unit}`: did you mean `{name}`?"),
        None => format!("unknown unit `{unit}`: write one of {}", names.join(", ")),
    }
}

/// A number of bytes in the largest unit of which it is a whole multiple.
pub(crate) fn display(bytes: u64) -> String {
    let whole = UNITS.iter().filter(|(_, factor)| *factor > 1 && bytes != 0 && bytes.is_multiple_of(*factor));
    match whole.max_by_key(|(_, factor)| *factor) {
        Some((unit, factor)) => format!("{} {unit}", bytes / factor),
        None if bytes == 1 => "1 byte".to_owned(),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::display;

    /// Reads a size; returns the bytes or the message.
    fn parse(text: &str) -> Result<u64, String> {
        super::parse(text).map(|size| size.bytes).map_err(|mistake| mistake.message)
    }

    #[test]
    fn reads_every_unit() {
        for (text, bytes) in [
            ("7B", 7),
            ("3KB", 3_000),
            ("3MB", 3_000_000),
            ("2GB", 2_000_000_000),
            ("1TB", 1_000_000_000_000),
            ("4KiB", 4_096),
            ("512MiB", 536_870_912),
            ("2GiB", 2_147_483_648),
            ("1TiB", 1_099_511_627_776),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn reads_fractions_spaces_and_underscores() {
        assert_eq!(parse("1.5 GiB"), Ok(1_610_612_736));
        assert_eq!(parse("  0.5KiB "), Ok(512));
        assert_eq!(parse("1_024 B"), Ok(1_024));
        assert_eq!(parse("2.50000000000000000000000000000000000000000000KB"), Ok(2_500));
        assert_eq!(parse("0B"), Ok(0));
    }

    #[test]
    fn a_fraction_must_come_to_whole_bytes() {
        assert_eq!(parse("1.3MiB"), Err("`1.3MiB` is not a whole number of bytes".to_owned()));
        assert_eq!(parse("0.1KiB"), Err("`0.1KiB` is not a whole number of bytes".to_owned()));
        assert_eq!(parse("1.0009765625KiB"), Ok(1_025));
        assert_eq!(parse("0.5B"), Err("`0.5B` is not a whole number of bytes".to_owned()));
    }

    #[test]
    fn holds_to_the_range() {
        assert_eq!(parse("18446744073709551615B"), Ok(u64::MAX));
        for text in [
            "18446744073709551616B",
            "16777216TiB",
            "99999999999999999999999999999999999999999999999999B",
            "340282366920938463463374607431768211455TiB",
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains("less than 16 EiB"), "{text}: {message}");
        }
        let many = format!("0.{}1B", "0".repeat(60));
        assert!(parse(&many).unwrap_err().contains("too many digits"));
    }

    #[test]
    fn each_mistake_has_its_message() {
        for (text, part) in [
            ("lots", "`lots` is not a size"),
            ("", "an empty size"),
            ("   ", "an empty size"),
            ("-5MiB", "cannot be negative"),
            ("512", "has no unit: write \"512MiB\", for example, or 512 without quotes for bytes"),
            ("1.5", "has no unit: write \"1.5MiB\""),
            ("512mib", "unknown unit `mib`: did you mean `MiB`?"),
            ("512 Mb", "unknown unit `Mb`: did you mean `MB`?"),
            ("512M", "write `MiB` (powers of 1024) or `MB` (powers of 1000)"),
            ("512MIIB", "did you mean `MiB`?"),
            ("5 parsecs", "unknown unit `parsecs`: write one of B, KB"),
            ("1.2.3MiB", "`1.2.3` is not a number"),
            (".5MiB", "`.5` is not a number"),
            ("5.MiB", "`5.` is not a number"),
            ("1e3MiB", "unknown unit `e3MiB`"),
            ("５MiB", "is not a size"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn finds_the_unit_that_is_wrong() {
        for (text, unit) in
            [("512 Mb ", Some("Mb")), ("  5parsecs", Some("parsecs")), ("512", None), ("1.2.3MiB", None)]
        {
            let found = super::parse(text).unwrap_err().unit;
            assert_eq!(found.map(|range| &text[range]), unit, "{text}");
        }
    }

    #[test]
    fn keeps_the_text_of_the_user() {
        assert_eq!(super::parse("512KB").unwrap().text, "512 KB");
        assert_eq!(super::parse(" 1.5   GiB").unwrap().text, "1.5 GiB");
        assert_eq!(super::Size::of_bytes(4096).text, "4 KiB");
    }

    #[test]
    fn writes_sizes_in_the_largest_whole_unit() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1_000, "1 KB"),
            (1_500, "1500 bytes"),
            (2_000_000_000, "2 GB"),
            (536_870_912, "512 MiB"),
            (1_610_612_736, "1536 MiB"),
            (1_025, "1025 bytes"),
        ] {
            assert_eq!(display(bytes), text);
        }
    }
}
