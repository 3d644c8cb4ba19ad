//! Typed GPU buffers.
