// A step on a card: the kernels of step.rs, with one thread per star.
//
// The lengths of the slices and the values are those that `#[requires(..)]` in step.rs lets through.
//
// `cargo xtask ptx` compiles this file to kernels.ptx, and the example loads that. So a build of the example
// needs no CUDA compiler.

// The layout is that of `Step` in physics.rs.
struct Step {
    unsigned frame;
    unsigned stars;
    unsigned first;
    unsigned moves;
    float time;
    float softness;
    float masses[2];
};

// Nanoseconds, of one clock for all blocks.
__device__ unsigned long long now() {
    unsigned long long time;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(time)::"memory");
    return time;
}

__device__ void pull(float2& velocity, float2 place, float x, float y, float mass, const Step& step) {
    x -= place.x;
    y -= place.y;
    float soft = x * x + y * y + step.softness;
    float strength = mass * step.time / (soft * sqrtf(soft));
    velocity.x += x * strength;
    velocity.y += y * strength;
}

// The times begin as `NO_TIME` in physics.rs. Each block makes the step begin no later and end no earlier
// than itself.
extern "C" __global__ void advance(
    Step step, const float4* __restrict__ cores, float2* __restrict__ positions, float2* __restrict__ velocities,
    ulonglong2* __restrict__ times
) {
    if (threadIdx.x == 0) atomicMin(&times[step.frame].x, now());
    unsigned star = blockIdx.x * blockDim.x + threadIdx.x;
    if (star < step.stars) {
        float2 place = positions[star], velocity = velocities[star];
        for (unsigned move = 0; move < step.moves; move++) {
            float4 core = cores[step.first + move];
            // Both centres pull from the star's place before the move.
            pull(velocity, place, core.x, core.y, step.masses[0], step);
            pull(velocity, place, core.z, core.w, step.masses[1], step);
            place.x += velocity.x * step.time;
            place.y += velocity.y * step.time;
        }
        positions[star] = place;
        velocities[star] = velocity;
    }
    __syncthreads();
    if (threadIdx.x == 0) atomicMax(&times[step.frame].y, now());
}

// Writes the time that the clock shows.
extern "C" __global__ void look_at_clock(unsigned long long* time) { *time = now(); }
