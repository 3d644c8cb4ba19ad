//! The keys, the places where each may stand, and the messages about keys that stand nowhere or in the wrong
//! place.

use super::entries::{Entry, Form};
use crate::nearest::nearest;
use crate::sink::Sink;
use crate::text::quoted_list;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// A key, with an example that messages show.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) example: &'static str,
}

/// A place where keys stand.
pub(super) struct Place {
    /// The beginning of a list of its keys: `a buffer takes`.
    takes: &'static str,
    pub(super) keys: &'static [Key],
}

const fn key(name: &'static str, example: &'static str) -> Key {
    Key { name, example }
}

/// `#[buffer(…)]`.
pub(super) static FIELD: Place = Place {
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
pub(super) static STRUCT: Place = Place {
    takes: "a struct takes",
    keys: &[
        key("name", "name = \"GraphBuffers\""),
        key("lengths", "lengths = \"GraphLengths\""),
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
pub(super) static ASYNC: Place =
    Place { takes: "`async(…)` takes", keys: &[key("slots", "slots = 3"), key("snapshot", "snapshot")] };

/// `skip(…)`.
pub(super) static SKIP: Place = Place { takes: "`skip(…)` takes", keys: &[key("default", "default")] };

impl Place {
    /// The key `name` with a value, as it is written in this place.
    pub(super) fn example(&self, name: &str) -> &'static str {
        self.find(name).map_or("", |key| key.example)
    }

    /// An entry that is valid here, for messages about an invalid one.
    pub(super) fn any(&self) -> &'static str {
        self.keys.first().map_or("", |key| key.example)
    }

    /// `` a buffer takes `growth`, `max` and `skip` ``.
    pub(super) fn list(&self) -> String {
        format!("{} {}", self.takes, quoted_list(&self.names()))
    }

    fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }

    fn find(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Reports the key of `entry`, which does not belong here. Returns the key that the user probably meant.
    pub(super) fn unknown(&self, entry: &Entry, name: &str, sink: &mut Sink) -> Option<&'static str> {
        let key = &entry.key;
        sink.complete(self.completion(key));
        let meant = nearest(name, &self.names());
        let message = match (meant, &entry.form) {
            // The value has been reported, and may be the actual mistake.
            (_, Form::Unreadable) => return meant,
            (Some(meant), _) => format!("unknown key `{name}`: did you mean `{meant}`?"),
            (None, _) => format!("unknown key `{name}`: {}", self.list()),
        };
        sink.at(key, message);
        meant
    }

    /// An import of `key`, with the key's own span, from a module with one item per key of this place. To
    /// complete a word in an attribute, rust-analyzer looks up the place where the word ends up in the
    /// expansion, and offers the names that fit there. The compiler never sees the import: rust-analyzer
    /// alone sets this `cfg`.
    fn completion(&self, key: &Ident) -> TokenStream {
        let items = self.keys.iter().map(|candidate| {
            // Both are keywords, which cannot name an item. `async` has a raw form; `crate` has none.
            let name = match candidate.name {
                "async" => Ident::new_raw("async", Span::call_site()),
                "crate" => return TokenStream::new(),
                name => Ident::new(name, Span::call_site()),
            };
            let example = format!(" `{}`", candidate.example);
            quote!(#[doc = #example] pub fn #name() {})
        });
        quote! {
            #[allow(unexpected_cfgs)]
            const _: () = {
                #[cfg(rust_analyzer)]
                {
                    mod keys { #(#items)* }
                    use keys::#key as _;
                }
            };
        }
    }
}

/// Reports a key of the struct that stands on a field, a key of a field that stands on the struct, and an
/// option that stands outside its parentheses. Returns whether it was one of these.
pub(super) fn misplaced(key: &Ident, name: &str, own: &Place, sink: &mut Sink) -> bool {
    let (other, owner, attribute) = match std::ptr::eq(own, &raw const FIELD) {
        true => (&STRUCT, "the struct", "buffers"),
        false => (&FIELD, "a field", "buffer"),
    };
    for (place, of) in [(&ASYNC, "async"), (&SKIP, "skip")] {
        if let Some(option) = place.find(name) {
            sink.at(key, format!("`{name}` is an option of `{of}`: write `{of}({})`", option.example));
            return true;
        }
    }
    let Some(found) = other.find(name) else { return false };
    let message = format!("`{name}` belongs to {owner}: write `#[{attribute}({})]` above it", found.example);
    sink.at(key, message);
    true
}
