//! A crate that hands `gpumem` on to its own users.
#![deny(warnings)]

pub use gpumem;

/// A room deeper down.
pub mod gpu {
    pub use gpumem as memory;
}
