//! JSON, as far as the page needs it: objects whose values are texts, numbers and lists of these.

use std::fmt::{Display, Write};

/// An object that is being written.
pub(super) struct Object(String);

impl Object {
    pub(super) fn new() -> Self {
        Self(String::from("{"))
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        text(&mut self.0, key);
        self.0.push(':');
    }

    pub(super) fn number(&mut self, key: &str, value: impl Display) {
        self.key(key);
        let _ = write!(self.0, "{value}");
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        text(&mut self.0, value);
    }

    pub(super) fn numbers<N: Display>(&mut self, key: &str, values: impl IntoIterator<Item = N>) {
        self.list(key, values, |out, value| {
            let _ = write!(out, "{value}");
        });
    }

    pub(super) fn texts<S: AsRef<str>>(&mut self, key: &str, values: impl IntoIterator<Item = S>) {
        self.list(key, values, |out, value| text(out, value.as_ref()));
    }

    fn list<V>(&mut self, key: &str, values: impl IntoIterator<Item = V>, add: impl Fn(&mut String, V)) {
        self.key(key);
        self.0.push('[');
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            add(&mut self.0, value);
        }
        self.0.push(']');
    }

    pub(super) fn object(&mut self, key: &str, value: Self) {
        self.key(key);
        self.0.push_str(&value.end());
    }

    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A text. No tag of HTML comes out of it, whatever is in it.
fn text(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '<' | '>' | '&' | '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_programs_read_it() {
        let hard = "a \"quoted\" \\ </script><!-- \n \u{2028} ü 😀 &amp;";
        let mut inner = Object::new();
        inner.numbers("numbers", [1, -2]);
        inner.texts("none", [""; 0]);
        let mut object = Object::new();
        object.text(hard, hard);
        object.number("number", u64::MAX);
        object.texts("texts", [hard, ""]);
        object.object("inner", inner);
        let written = object.end();
        assert!(!written.contains('<') && !written.contains('\n'), "{written}");
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        let wanted = serde_json::json!({
            hard: hard, "number": u64::MAX, "texts": [hard, ""], "inner": { "numbers": [1, -2], "none": [] }
        });
        assert_eq!(read, wanted);
    }
}
