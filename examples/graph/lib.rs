//! The program is the example `graph`, in `main.rs`. Cargo requires a library in a package of examples.
