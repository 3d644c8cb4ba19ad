//! The program is the example `stream`, in `main.rs`. Cargo requires a library in a package of examples.
