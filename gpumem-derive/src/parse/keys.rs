//! Which keys there are, where each may stand, and what to say of a word that is none of them.

use crate::attrs::{Entry, Form};
use crate::nearest::nearest;
use crate::sink::Sink;
use proc_macro2::Ident;

/// A key as it is written, the way that messages show it.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) example: &'static str,
}

/// A place where keys stand.
pub(crate) struct Place {
    /// How a list of its keys begins: `a buffer takes`.
    takes: &'static str,
    pub(crate) keys: &'static [Key],
}

const fn key(name: &'static str, example: &'static str) -> Key {
    Key { name, example }
}

/// `#[buffer(…)]`.
pub(crate) static FIELD: Place = Place {
    takes: "a buffer takes",
    keys: &[
        key("growth", "growth = 1.5"),
        key("max", "max = \"512MiB\""),
        key("min", "min = \"4KiB\""),
        key("async", "async"),
        key("stable", "stable"),
        key("preset", "preset = \"positions\""),
        key("config", "config = SPEC"),
        key("name", "name = \"points\""),
        key("skip", "skip"),
    ],
};

/// `#[buffers(…)]`.
pub(crate) static STRUCT: Place = Place {
    takes: "a struct takes",
    keys: &[
        key("name", "name = \"GraphBuffers\""),
        key("lens", "lens = \"GraphLens\""),
        key("label", "label = \"graph\""),
        key("limit", "limit = \"4GiB\""),
        key("growth", "growth = 1.5"),
        key("max", "max = \"512MiB\""),
        key("min", "min = \"4KiB\""),
        key("async", "async"),
        key("stable", "stable"),
        key("crate", "crate = ::gpumem"),
    ],
};

/// `async(…)`.
pub(crate) static ASYNC: Place =
    Place { takes: "`async(…)` takes", keys: &[key("slots", "slots = 3"), key("snapshot", "snapshot")] };

/// `skip(…)`.
pub(crate) static SKIP: Place = Place { takes: "`skip(…)` takes", keys: &[key("default", "default")] };

impl Place {
    /// How `name` is written here.
    pub(crate) fn example(&self, name: &str) -> &'static str {
        self.keys.iter().find(|key| key.name == name).map_or("", |key| key.example)
    }

    /// An entry that would be right here, for messages about what is none.
    pub(crate) fn any(&self) -> &'static str {
        self.keys.first().map_or("", |key| key.example)
    }

    /// `` a buffer takes `growth`, `max` and `skip` ``.
    pub(crate) fn list(&self) -> String {
        let names: Vec<&str> = self.keys.iter().map(|key| key.name).collect();
        format!("{} {}", self.takes, list(&names))
    }

    /// Says what the key of `entry`, which is none of this place, was perhaps meant to be, and gives that.
    pub(super) fn unknown(&'static self, entry: &Entry, name: &str, sink: &mut Sink) -> Option<&'static str> {
        let key = &entry.key;
        let names: Vec<&str> = self.keys.iter().map(|key| key.name).collect();
        sink.complete(key, self);
        let meant = nearest(name, &names);
        let message = match (meant, &entry.form) {
            // What stands behind it has been reported, and may be what is wrong with it.
            (_, Form::Unreadable) => return meant,
            (Some(meant), _) => format!("unknown key `{name}`: did you mean `{meant}`?"),
            (None, _) => format!("unknown key `{name}`: {}", self.list()),
        };
        sink.at(key, message);
        meant
    }
}

/// Says of a key that belongs to the struct and stands on a field, or the other way round, where to write it.
pub(super) fn misplaced(key: &Ident, name: &str, own: &Place, sink: &mut Sink) -> bool {
    let (other, place, attribute) = match std::ptr::eq(own, &raw const FIELD) {
        true => (&STRUCT, "the struct", "buffers"),
        false => (&FIELD, "a field", "buffer"),
    };
    for (place, of) in [(&ASYNC, "async"), (&SKIP, "skip")] {
        if let Some(option) = place.keys.iter().find(|key| key.name == name) {
            sink.at(key, format!("`{name}` is an option of `{of}`: write `{of}({})`", option.example));
            return true;
        }
    }
    let Some(found) = other.keys.iter().find(|key| key.name == name) else { return false };
    let message = format!("`{name}` belongs to {place}: write `#[{attribute}({})]` above it", found.example);
    sink.at(key, message);
    true
}

/// `` `a`, `b` and `c` ``.
pub(crate) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
