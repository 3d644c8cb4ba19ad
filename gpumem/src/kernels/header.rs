//! The text of `CUDA_HEADER`: the compiler joins its parts, since it alone knows the numbers in it.

/// A part of the text.
#[derive(Clone, Copy, Debug)]
pub enum HeaderPart {
    /// As it is.
    Text(&'static str),
    /// In decimal digits.
    Number(usize),
}

/// A text of `N` bytes.
#[derive(Debug)]
pub struct Header<const N: usize>([u8; N]);

impl Header<0> {
    /// The bytes of the text that these parts make.
    #[must_use]
    pub const fn len(parts: &[HeaderPart]) -> usize {
        let (mut bytes, mut index) = (0, 0);
        while index < parts.len() {
            bytes += match parts[index] {
                HeaderPart::Text(text) => text.len(),
                HeaderPart::Number(number) => digits(number),
            };
            index += 1;
        }
        bytes
    }
}

impl<const N: usize> Header<N> {
    /// The text that these parts make.
    #[must_use]
    pub const fn of(parts: &[HeaderPart]) -> Self {
        let (mut all, mut index) = ([0; N], 0);
        let mut rest: &mut [u8] = &mut all;
        while index < parts.len() {
            rest = match parts[index] {
                HeaderPart::Text(text) => {
                    let (place, rest) = rest.split_at_mut(text.len());
                    place.copy_from_slice(text.as_bytes());
                    rest
                }
                HeaderPart::Number(number) => {
                    let (place, rest) = rest.split_at_mut(digits(number));
                    write(number, place);
                    rest
                }
            };
            index += 1;
        }
        Self(all)
    }

    /// The text.
    #[must_use]
    pub const fn text(&self) -> &str {
        match std::str::from_utf8(&self.0) {
            Ok(text) => text,
            // It is made of texts and digits.
            Err(_) => "",
        }
    }
}

const fn digits(number: usize) -> usize {
    match number.checked_ilog10() {
        Some(power) => power as usize + 1,
        None => 1,
    }
}

/// Writes all digits, the last one first.
const fn write(mut number: usize, place: &mut [u8]) {
    let mut at = place.len();
    while at > 0 {
        at -= 1;
        place[at] = b"0123456789"[number % 10];
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_joined() {
        const PARTS: &[HeaderPart] = &[
            HeaderPart::Text("größe "),
            HeaderPart::Number(0),
            HeaderPart::Text(""),
            HeaderPart::Number(10),
            HeaderPart::Text(" and "),
            HeaderPart::Number(usize::MAX),
        ];
        const TEXT: Header<{ Header::len(PARTS) }> = Header::of(PARTS);
        assert_eq!(TEXT.text(), format!("größe 010 and {}", usize::MAX));
        assert_eq!(Header::<0>::of(&[]).text(), "");
    }
}
