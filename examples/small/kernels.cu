// The kernels of boids.rs and generic_backend.rs, with one thread per element.
//
// Each slice is a pointer and its length, and no kernel touches anything outside its slices, whatever their
// lengths are.
//
// `cargo xtask ptx` compiles this file to kernels.ptx, and the examples load that. So a build of the examples
// needs no CUDA compiler.

__device__ unsigned thread() { return blockIdx.x * blockDim.x + threadIdx.x; }

// As Rust's `rem_euclid`.
__device__ float wrapped(float along) {
    float rest = fmodf(along, 60);
    return rest < 0 ? rest + 60 : rest;
}

// A step of boids.rs.
extern "C" __global__ void fly(const float4* now, unsigned birds, float4* next, unsigned places) {
    unsigned bird = thread();
    if (bird >= min(birds, places)) return;
    float4 own = now[bird];
    float2 way = make_float2(0, 0);
    for (unsigned at = 0; at < birds; ++at) {
        float4 other = now[at];
        float2 apart = make_float2(other.x - own.x, other.y - own.y);
        float distance = hypotf(apart.x, apart.y);
        if (distance >= 5) continue;
        float pull = distance < 0.5f ? -1 : 0.02f;
        way.x += other.z + pull * apart.x;
        way.y += other.w + pull * apart.y;
    }
    float length = fmaxf(hypotf(way.x, way.y), 1e-6f);
    float vx = 0.5f * way.x / length, vy = 0.5f * way.y / length;
    next[bird] = make_float4(wrapped(own.x + vx), wrapped(own.y + vy), vx, vy);
}

// A step of generic_backend.rs.
extern "C" __global__ void spread(const float* cells, unsigned count, float* next, unsigned places) {
    unsigned cell = thread();
    if (cell >= min(count, places)) return;
    float left = cells[max(cell, 1) - 1], right = cells[min(cell + 1, count - 1)];
    next[cell] = 0.5f * cells[cell] + 0.25f * (left + right);
}
