//! The program is the example `lidar`, in `main.rs`. Cargo requires a library in a package of examples.
