//! `CUDA_HEADER` of two modules of kernels. The text is that of a file. A C++ compiler accepts the file
//! beside kernels that fit it, and refuses others. The assertions in the file compare the layout of structs
//! in C++ with that in Rust.

#![allow(dead_code, unreachable_pub, reason = "C++ reads what the kernels declare")]

mod compiler;

use std::path::PathBuf;

/// A struct that the header cannot repeat: its fields stand in `elsewhere.h`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Camera {
    pub place: [f32; 3],
    pub id: u32,
}

/// Kernels with parameters of all kinds.
#[gpumem::kernels]
mod shapes {
    use super::Camera;

    const ROWS: usize = 5;

    /// A step, with a path that ends in a backslash: C:\
    #[repr(C)]
    #[derive(Clone, Copy, bytemuck::NoUninit)]
    pub struct Step {
        /// Seconds.
        pub dt: f32,
        pub gravity: [f32; 2],
        #[cfg(any())]
        pub never: u8,
        pub on: bool,
        pub small: [u8; 3],
        pub inner: Inner,
        pub rows: [[u16; 4]; ROWS],
        /// A keyword of C++.
        pub class: u64,
        pub größe: [i8; 2 * 4],
        pub last: f64,
    }

    #[repr(C, align(16))]
    #[derive(Clone, Copy, bytemuck::NoUninit)]
    pub struct Inner(pub f64, pub [u64; 3]);

    /// No kernel takes it.
    #[repr(C)]
    pub struct Unused {
        pub name: String,
    }

    #[repr(transparent)]
    #[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Metres(pub f32);

    /// Moves every node by its velocity.
    ///
    /// The second paragraph.
    pub fn advance(positions: &mut [[f32; 2]], velocities: &[[f32; 2]], step: Step, damping: f32) {
        unimplemented!("{positions:?} {velocities:?} {} {damping}", step.dt)
    }

    pub fn vectors(
        a: &[[u8; 4]],
        b: &mut [[i16; 3]],
        c: &[[f64; 2]],
        d: &[[f64; 3]],
        e: &[[f64; 4]],
        f: [i32; 2],
    ) {
        unimplemented!("{a:?} {b:?} {c:?} {d:?} {e:?} {f:?}")
    }

    pub fn arrays(
        a: &mut [[[f32; 4]; 4]],
        b: &[[u32; ROWS]],
        c: [[f32; 2]; 3],
        d: [u8; 8],
        e: &[[Metres; 2]],
    ) {
        unimplemented!("{a:?} {b:?} {c:?} {d:?} {}", e.len())
    }

    #[expect(clippy::too_many_arguments, reason = "one of each kind")]
    pub fn numbers(
        on: bool,
        letter: char,
        count: usize,
        a: i8,
        b: u16,
        c: i64,
        d: &mut [u64],
        e: &[isize],
        f: &[u128],
    ) {
        unimplemented!("{on} {letter} {count} {a} {b} {c} {d:?} {e:?} {f:?}")
    }

    pub fn structs(new: &mut [Metres], operator: self::Inner, camera: Camera, again: super::Camera) {
        unimplemented!("{} {} {} {}", new.len(), operator.0, camera.id, again.id)
    }

    #[cfg(any())]
    pub fn never(x: Nowhere) {}

    pub fn delete() {}

    pub fn nothing() {}
}

/// With lengths, and before there is PTX.
#[gpumem::kernels(slices = "pointer, length")]
mod sums {
    pub(crate) fn sum(total: &mut [f32], terms: &[[f32; 3]], terms_len: u32) {
        total[0] = terms.len() as f32 + terms_len as f32;
    }
}

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/header");

/// The test that the page of `#[kernels]` shows.
fn is_current(name: &str, header: &str) {
    let path = PathBuf::from(FOLDER).join(name);
    if std::env::var_os("GPUMEM_HEADER").is_some() {
        std::fs::write(&path, header).unwrap();
    }
    let file = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        file == header,
        "{name} is not current: `GPUMEM_HEADER=write cargo test -p gpumem-tests --test header`"
    );
}

#[test]
fn the_headers_are_current() {
    is_current("shapes.cuh", shapes::CUDA_HEADER);
    is_current("sums.cuh", sums::CUDA_HEADER);
}

/// What `kernels.cu` of a user has.
const KERNELS: &str = r#"
#include "elsewhere.h"
#include "shapes.cuh"

__global__ void advance(float2* __restrict__ positions, const float2* velocities, const Step step, float damping) {
    positions[0].x += velocities[0].x * step.gravity[0] * damping * step.dt + step.inner._0;
}
__global__ void arrays(float (*a)[4][4], const unsigned (*b)[5], arrays_c c, arrays_d d, const Metres (*e)[2]) {
    a[0][1][2] = b[0][4] + c.elements[2][1] + d.elements[7] + e[0][1]._0;
}
__global__ void numbers(bool, unsigned, unsigned long long, signed char, unsigned short, long long,
                        unsigned long long*, const long long*, const unsigned __int128*) {}
__global__ void structs(Metres* new_, Inner operator_, Camera camera, Camera) { new_->_0 = operator_._0 + camera.id; }
__global__ void nothing() {}
"#;

#[test]
fn a_compiler_accepts_kernels_that_fit() {
    compiler::accepts(KERNELS);
    compiler::accepts(
        "#include \"sums.cuh\"\n__global__ void sum(float* t, unsigned n, const float3*, unsigned, unsigned) { t[n - 1] = 0; }",
    );
    compiler::accepts(
        "#define GPUMEM_LENGTH unsigned long long\n#include \"sums.cuh\"\n\
         __global__ void sum(float* t, unsigned long long n, const float3*, unsigned long long, unsigned) { t[n - 1] = 0; }",
    );
}

/// Kernels and structs that differ from Rust, and a part of the compiler's message.
#[test]
fn a_compiler_refuses_kernels_that_differ() {
    let both = "#include \"elsewhere.h\"\n#include \"shapes.cuh\"\n";
    for (kernels, message) in [
        ("__global__ void advance(float2*, const float2*, Step, double) {}", "advance"),
        ("__global__ void advance(float4*, const float2*, Step, float) {}", "advance"),
        ("__global__ void advance(float2*, float2*, Step, float) {}", "advance"),
        ("__global__ void nothing(int) {}", "nothing"),
        ("struct Step { float dt; };", "Step"),
    ] {
        compiler::refuses(&format!("{both}extern \"C\" {{ {kernels} }}"), message);
    }
    for camera in
        ["float place[3]; double id;", "float place[2]; unsigned id;", "double place; unsigned id, more;"]
    {
        let text = format!("struct Camera {{ {camera} }};\n#include \"shapes.cuh\"");
        compiler::refuses(&text, "Camera has another layout in Rust");
    }
    compiler::refuses("#include \"shapes.cuh\"", "Camera");
}

/// The layout in the header is that of Rust, and a compiler that lays structs out differently refuses it.
#[test]
fn assertions_about_layouts_can_fail() {
    let header = shapes::CUDA_HEADER;
    for (found, other, message) in [
        ("float gravity[2];", "float gravity[3];", "Step has another layout in Rust"),
        (
            "    float dt;\n    float gravity[2];\n",
            "    float gravity[2];\n    float dt;\n",
            "has another place in Rust",
        ),
        ("struct alignas(16) Inner", "struct Inner", "Inner has another layout in Rust"),
    ] {
        assert!(header.contains(found), "{found}\n{header}");
        compiler::refuses(
            &format!("#include \"elsewhere.h\"\n{}", header.replacen(found, other, 1)),
            message,
        );
    }
}
