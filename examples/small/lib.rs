//! Small examples, one idea per program: `cargo run --example hello`, and so on.
