// The kernels of `shapes`, as `#[gpumem::kernels]` wrote them: `GPUMEM_HEADER=write cargo test` does it again.
#pragma once

struct alignas(16) Inner {
    double _0;
    unsigned long long _1[3];
};
static_assert(sizeof(Inner) == 32 && alignof(Inner) == 16, "Inner has another layout in Rust");
static_assert(__builtin_offsetof(Inner, _0) == 0, "Inner::_0 has another place in Rust");
static_assert(__builtin_offsetof(Inner, _1) == 8, "Inner::_1 has another place in Rust");

// A step, with a path that ends in a backslash: C:
struct Step {
    // Seconds.
    float dt;
    float gravity[2];
    bool on;
    unsigned char small[3];
    Inner inner;
    unsigned short rows[5][4];
    // A keyword of C++.
    unsigned long long class_;
    signed char gruf6udfe[8];
    double last;
};
static_assert(sizeof(Step) == 112 && alignof(Step) == 16, "Step has another layout in Rust");
static_assert(__builtin_offsetof(Step, dt) == 0, "Step::dt has another place in Rust");
static_assert(__builtin_offsetof(Step, gravity) == 4, "Step::gravity has another place in Rust");
static_assert(__builtin_offsetof(Step, on) == 12, "Step::on has another place in Rust");
static_assert(__builtin_offsetof(Step, small) == 13, "Step::small has another place in Rust");
static_assert(__builtin_offsetof(Step, inner) == 16, "Step::inner has another place in Rust");
static_assert(__builtin_offsetof(Step, rows) == 48, "Step::rows has another place in Rust");
static_assert(__builtin_offsetof(Step, class_) == 88, "Step::class_ has another place in Rust");
static_assert(__builtin_offsetof(Step, gruf6udfe) == 96, "Step::gruf6udfe has another place in Rust");
static_assert(__builtin_offsetof(Step, last) == 104, "Step::last has another place in Rust");

struct Metres {
    float _0;
};
static_assert(sizeof(Metres) == 4 && alignof(Metres) == 4, "Metres has another layout in Rust");
static_assert(__builtin_offsetof(Metres, _0) == 0, "Metres::_0 has another place in Rust");

// Moves every node by its velocity.
//
// The second paragraph.
extern "C" __global__ void advance(
    float2* positions,
    const float2* velocities,
    Step step,
    float damping);

extern "C" __global__ void vectors(
    const uchar4* a,
    short3* b,
    const double2* c,
    const double3* d,
    const double (*e)[4],
    int2 f);

struct arrays_c {
    float elements[3][2];
};

struct arrays_d {
    unsigned char elements[8];
};

extern "C" __global__ void arrays(
    float (*a)[4][4],
    const unsigned int (*b)[5],
    arrays_c c,
    arrays_d d,
    const Metres (*e)[2]);

extern "C" __global__ void numbers(
    bool on,
    unsigned int letter,
    unsigned long long count,
    signed char a,
    unsigned short b,
    long long c,
    unsigned long long* d,
    const long long* e,
    const unsigned __int128* f);

// `Camera` stands elsewhere in Rust: declare it before this file is included.
static_assert(sizeof(Camera) == 16 && alignof(Camera) == 4, "Camera has another layout in Rust");

// `Camera` stands elsewhere in Rust: declare it before this file is included.
static_assert(sizeof(Camera) == 16 && alignof(Camera) == 4, "Camera has another layout in Rust");

extern "C" __global__ void structs(Metres* new_, Inner operator_, Camera camera, Camera again);

// `delete` cannot be declared in C++: a type or the kernel has no name there.

extern "C" __global__ void nothing();
