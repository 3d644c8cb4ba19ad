// One step on a card: the kernels of step.rs. Sums have a fixed order, whatever the order of threads is.
//
// No kernel touches anything outside its slices, whatever they hold and however many threads there are. A
// number from a slice is an index only below the limit that it is compared with. The lengths of the slices
// and the values are those that `#[requires(..)]` in step.rs lets through.
//
// `cargo xtask ptx` compiles this file to kernels.ptx, and the example loads that. So a build of the example
// needs no CUDA compiler.

// The layout is that of `Step` in physics.rs.
struct Step {
    unsigned nodes;
    unsigned neighbours;
    unsigned levels;
    float repulsion;
    float gravity;
    float heat;
    float drag;
    float stride;
};

// The square around all nodes, divided into `1 << levels` cells per side. The layout is that of `Frame` in
// grid.rs.
struct Frame {
    float corner[2];
    float cells_a_unit;
};

// With this, the compiler refuses a kernel that has other parameters than in step.rs, and a struct that has
// another layout.
#include "kernels.cuh"

const unsigned BLOCK = 256;          // the most threads of a block whose threads work together
const unsigned BOXES = 256;          // as in grid.rs
const unsigned TILE = 1024;          // as in grid.rs
const unsigned LEVELS_BLOCK = 1024;  // the most threads of a block that computes several levels
const unsigned WARP = 32;

__device__ unsigned thread() { return blockIdx.x * blockDim.x + threadIdx.x; }

// The number of all threads, for loops that have fewer threads than elements.
__device__ unsigned long long threads() { return gridDim.x * (unsigned long long)blockDim.x; }

// The index of the first cell of `level`: the number of cells of all levels above it.
__device__ unsigned first_cell(unsigned level) { return ((1u << 2 * level) - 1) / 3; }

__device__ uint2 cell_of(const Frame& frame, unsigned side, float2 position) {
    // A cast to unsigned saturates: a position below the corner, or NaN, falls into cell 0.
    unsigned column = __float2uint_rz((position.x - frame.corner[0]) * frame.cells_a_unit);
    unsigned row = __float2uint_rz((position.y - frame.corner[1]) * frame.cells_a_unit);
    return make_uint2(min(column, side - 1), min(row, side - 1));
}

__device__ unsigned index_of(const Frame& frame, unsigned levels, float2 position) {
    uint2 cell = cell_of(frame, 1u << levels, position);
    return (cell.y << levels) + cell.x;
}

__device__ unsigned degree(const unsigned* offsets, unsigned node) { return offsets[node + 1] - offsets[node]; }

// Adds up over the threads of a block. Each thread gets the sum of all threads up to itself. `sums` has a
// place per thread, and holds all these sums then. All threads of the block call this.
__device__ unsigned sum_up_to_own(unsigned own, unsigned* sums) {
    unsigned at = threadIdx.x;
    __syncthreads();
    sums[at] = own;
    for (unsigned reach = 1; reach < blockDim.x; reach *= 2) {
        __syncthreads();
        unsigned before = at >= reach ? sums[at - reach] : 0;
        __syncthreads();
        own += before;
        sums[at] = own;
    }
    __syncthreads();
    return own;
}

// Boxes have least x and y, and greatest x and y.
__device__ float4 around(float4 a, float4 b) {
    return make_float4(fminf(a.x, b.x), fminf(a.y, b.y), fmaxf(a.z, b.z), fmaxf(a.w, b.w));
}

// The box around those of all threads of a block, for thread 0. All threads of the block call this.
__device__ float4 around_block(float4 own) {
    __shared__ float4 boxes[BLOCK];
    unsigned at = threadIdx.x;
    boxes[at] = own;
    for (unsigned half = BLOCK / 2; half > 0; half /= 2) {
        __syncthreads();
        if (at < half && at + half < blockDim.x) boxes[at] = around(boxes[at], boxes[at + half]);
    }
    return boxes[0];
}

// Stage 1, in `BOXES` blocks: the box around the nodes of each block.
extern "C" __global__ void __launch_bounds__(BLOCK) bound(Step step, const float2* positions, float4* boxes) {
    float4 own = make_float4(3e38f, 3e38f, -3e38f, -3e38f);
    for (unsigned long long node = thread(); node < step.nodes; node += threads()) {
        float2 p = positions[node];
        own = around(own, make_float4(p.x, p.y, p.x, p.y));
    }
    own = around_block(own);
    if (threadIdx.x == 0 && blockIdx.x < BOXES) boxes[blockIdx.x] = own;
}

// One block: the square around all boxes.
extern "C" __global__ void __launch_bounds__(BLOCK) frame(Step step, const float4* boxes, Frame* frame) {
    float4 all = make_float4(3e38f, 3e38f, -3e38f, -3e38f);
    for (unsigned at = threadIdx.x; at < BOXES; at += blockDim.x) all = around(all, boxes[at]);
    all = around_block(all);
    if (threadIdx.x == 0) {
        float width = fmaxf(fmaxf(all.z - all.x, all.w - all.y), 1e-3f);
        *frame = {{all.x, all.y}, (1u << step.levels) / width};
    }
}

// Sorts the nodes by cell. After `count`, slot c + 1 of `starts` holds the number of nodes in cell c. After
// `scan` it holds the start of the cell. After `scatter` it holds its end, which is the start of the next
// cell.
extern "C" __global__ void count(Step step, const float2* positions, const Frame* frame, unsigned* starts) {
    if (thread() < step.nodes) atomicAdd(&starts[index_of(*frame, step.levels, positions[thread()]) + 1], 1u);
}

// A block per tile: the number of nodes in the cells of the tile, and the sum of the squares of the cells'
// numbers.
extern "C" __global__ void __launch_bounds__(BLOCK) sum(Step step, const unsigned* starts, ulonglong2* tiles) {
    __shared__ ulonglong2 sums[BLOCK];
    unsigned cells = 1u << 2 * step.levels, at = threadIdx.x;
    unsigned long long first = blockIdx.x * (unsigned long long)TILE;
    if (first >= cells) return;
    ulonglong2 own = make_ulonglong2(0, 0);
    for (unsigned cell = first + at; cell < min((unsigned)first + TILE, cells); cell += blockDim.x) {
        unsigned long long nodes = starts[cell + 1];
        own.x += nodes;
        own.y += nodes * nodes;
    }
    sums[at] = own;
    for (unsigned half = BLOCK / 2; half > 0; half /= 2) {
        __syncthreads();
        if (at < half && at + half < blockDim.x) {
            sums[at].x += sums[at + half].x;
            sums[at].y += sums[at + half].y;
        }
    }
    if (at == 0) tiles[blockIdx.x] = sums[0];
}

// A block per tile: adds up the tiles before its own, then each thread sums a stretch of the tile's slots,
// the sums are summed, and each thread writes its stretch.
extern "C" __global__ void __launch_bounds__(BLOCK) scan(Step step, const ulonglong2* tiles, unsigned* starts) {
    __shared__ unsigned sums[BLOCK];
    unsigned cells = 1u << 2 * step.levels;
    unsigned long long first = blockIdx.x * (unsigned long long)TILE;
    if (first >= cells) return;
    unsigned before = 0;
    for (unsigned tile = threadIdx.x; tile < blockIdx.x; tile += blockDim.x) before += tiles[tile].x;
    sum_up_to_own(before, sums);
    before = sums[blockDim.x - 1];

    unsigned last = min((unsigned)first + TILE, cells), stretch = (TILE + blockDim.x - 1) / blockDim.x;
    unsigned from = min((unsigned)first + threadIdx.x * stretch, last), to = min(from + stretch, last);
    unsigned nodes = 0;
    for (unsigned cell = from; cell < to; ++cell) nodes += starts[cell + 1];
    unsigned start = before + sum_up_to_own(nodes, sums) - nodes;
    for (unsigned cell = from; cell < to; ++cell) {
        unsigned nodes = starts[cell + 1];
        starts[cell + 1] = start;
        start += nodes;
    }
}

extern "C" __global__ void scatter(Step step, const float2* positions, const Frame* frame, unsigned* starts,
                                   unsigned* order) {
    unsigned node = thread();
    if (node >= step.nodes) return;
    unsigned slot = atomicAdd(&starts[index_of(*frame, step.levels, positions[node]) + 1], 1u);
    if (slot < step.nodes) order[slot] = node;
}

// `scatter` leaves the nodes of a cell in any order. Their order by index makes the picture depend on the
// seed alone. A sorted node has its position, its mass, and its index as the bits of the fourth number.
extern "C" __global__ void arrange(Step step, const float2* positions, const unsigned* offsets, const Frame* frame,
                                   const unsigned* starts, const unsigned* order, float4* sorted) {
    if (thread() >= step.nodes) return;
    unsigned node = min(order[thread()], step.nodes - 1);
    float2 p = positions[node];
    unsigned cell = index_of(*frame, step.levels, p);
    unsigned place = starts[cell], to = min(starts[cell + 1], step.nodes);
    for (unsigned slot = place; slot < to; ++slot) place += order[slot] < node;
    if (place < step.nodes) sorted[place] = make_float4(p.x, p.y, degree(offsets, node) + 1, __uint_as_float(node));
}

// Stage 2: each cell of each level as one body: its centre of mass, and its mass.
__device__ float4 centre(float3 sum) {
    float mass = fmaxf(sum.z, 1.17549435e-38f);
    return make_float4(sum.x / mass, sum.y / mass, sum.z, 0);
}

__device__ void add(float3& sum, float4 body) {
    sum.x += body.z * body.x;
    sum.y += body.z * body.y;
    sum.z += body.z;
}

extern "C" __global__ void gather_leaves(Step step, const unsigned* starts, const float4* sorted, float4* bodies) {
    unsigned cell = thread();
    if (cell >= 1u << 2 * step.levels) return;
    unsigned to = min(starts[cell + 1], step.nodes);
    float3 sum = make_float3(0, 0, 0);
    for (unsigned slot = starts[cell]; slot < to; ++slot) add(sum, sorted[slot]);
    bodies[first_cell(step.levels) + cell] = centre(sum);
}

__device__ void gather_level(unsigned level, float4* bodies) {
    unsigned side = 1u << level;
    for (unsigned long long at = thread(); at < side * side; at += threads()) {
        unsigned cell = at;
        const float4* children = bodies + first_cell(level + 1) + cell / side * 4 * side + 2 * (cell % side);
        float3 sum = make_float3(0, 0, 0);
        add(sum, children[0]);
        add(sum, children[1]);
        add(sum, children[2 * side]);
        add(sum, children[2 * side + 1]);
        bodies[first_cell(level) + cell] = centre(sum);
    }
}

// Several levels have one block, whose threads wait for each other after each level.
extern "C" __global__ void __launch_bounds__(LEVELS_BLOCK) gather(unsigned first, unsigned last, float4* bodies) {
    for (unsigned level = first + 1; level-- > last;) {
        gather_level(level, bodies);
        __syncthreads();
    }
}

// Stage 3: the push of all far bodies on each cell of `level`: the push on its parent, and the bodies that
// were too near for the parent but are not next to the cell itself. A field is the push at the cell's body,
// and its change around the body.
__device__ float2 field_at(float2 position, float4 body, float4 field) {
    float dx = position.x - body.x, dy = position.y - body.y;
    return make_float2(field.x + field.z * dx + field.w * dy, field.y + field.w * dx - field.z * dy);
}

__device__ float4 far_push(unsigned level, unsigned cell, const float4* bodies, const float4* fields) {
    unsigned side = 1u << level, column = cell % side, row = cell / side;
    const float4* here = bodies + first_cell(level);
    float4 own = here[cell];
    unsigned parent = first_cell(level - 1) + row / 2 * (side / 2) + column / 2;
    float4 above = fields[parent];
    float2 push = field_at(make_float2(own.x, own.y), bodies[parent], above);
    float4 sum = make_float4(push.x, push.y, above.z, above.w);
    unsigned left = max(column & ~1u, 2u) - 2, right = min((column & ~1u) + 4, side);
    unsigned top = max(row & ~1u, 2u) - 2, bottom = min((row & ~1u) + 4, side);
    for (unsigned y = top; y < bottom; ++y) {
        for (unsigned x = left; x < right; ++x) {
            if (x + 1 >= column && x <= column + 1 && y + 1 >= row && y <= row + 1) continue;
            float4 body = here[y * side + x];
            float dx = own.x - body.x, dy = own.y - body.y;
            float inverse = __fdividef(1, fmaxf(dx * dx + dy * dy, 1.17549435e-38f));
            float strength = body.z * inverse, change = strength * inverse;
            sum.x += strength * dx;
            sum.y += strength * dy;
            sum.z += change * (dy * dy - dx * dx);
            sum.w -= change * 2 * dx * dy;
        }
    }
    return sum;
}

// Several levels have one block, as above.
extern "C" __global__ void __launch_bounds__(LEVELS_BLOCK) spread(unsigned first, unsigned last, const float4* bodies,
                                                                  float4* fields) {
    for (unsigned level = first; level <= last; ++level) {
        unsigned cells = 1u << 2 * level;
        for (unsigned long long at = thread(); at < cells; at += threads()) {
            unsigned cell = at;
            if (level == 0) fields[0] = make_float4(0, 0, 0, 0);
            if (level == 0 || bodies[first_cell(level) + cell].z == 0) continue;
            fields[first_cell(level) + cell] = far_push(level, cell, bodies, fields);
        }
        __syncthreads();
    }
}

// Stage 4: the push of all nodes in the 3x3 cells around a node, one by one.
__device__ float2 near_push(const Step& step, float2 p, uint2 cell, const unsigned* starts, const float4* sorted) {
    unsigned side = 1u << step.levels;
    unsigned left = max(cell.x, 1u) - 1, right = min(cell.x + 2, side);
    unsigned top = max(cell.y, 1u) - 1, bottom = min(cell.y + 2, side);
    float2 push = make_float2(0, 0);
    for (unsigned row = top; row < bottom; ++row) {
        unsigned to = min(starts[row * side + right], step.nodes);
        for (unsigned slot = starts[row * side + left]; slot < to; ++slot) {
            float4 other = sorted[slot];
            float dx = p.x - other.x, dy = p.y - other.y;
            float strength = __fdividef(other.z, dx * dx + dy * dy + 0.01f);
            push.x += strength * dx;
            push.y += strength * dy;
        }
    }
    return push;
}

// The pull of the springs of each node, with a warp per node: a busy node has thousands of springs.
extern "C" __global__ void pull(Step step, const float2* positions, const unsigned* offsets,
                                const unsigned* neighbours, const float* stiffness, float2* pulls) {
    unsigned size = blockDim.x * blockDim.y * blockDim.z;
    unsigned within = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    // In blocks without whole warps, each node has one thread.
    unsigned lanes = size % WARP == 0 ? WARP : 1, lane = within % lanes;
    unsigned long long node = (blockIdx.x * (unsigned long long)size + within) / lanes;
    if (node >= step.nodes) return;

    float2 p = positions[node], pull = make_float2(0, 0);
    unsigned to = min(offsets[node + 1], step.neighbours);
    #pragma unroll 4
    for (unsigned long long at = offsets[node] + (unsigned long long)lane; at < to; at += lanes) {
        float2 q = positions[min(neighbours[at], step.nodes - 1)];
        float dx = q.x - p.x, dy = q.y - p.y;
        float strength = stiffness[at] * (1 - rsqrtf(fmaxf(dx * dx + dy * dy, 1e-6f)));
        pull.x += strength * dx;
        pull.y += strength * dy;
    }
    if (lanes == WARP) {
        for (unsigned apart = WARP / 2; apart > 0; apart /= 2) {
            pull.x += __shfl_xor_sync(~0u, pull.x, apart);
            pull.y += __shfl_xor_sync(~0u, pull.y, apart);
        }
    }
    if (lane == 0) pulls[node] = pull;
}

// One thread per sorted node, so that neighbouring threads read the same cells.
extern "C" __global__ void accelerate(Step step, const float2* positions, const unsigned* offsets,
                                      const Frame* frame, const unsigned* starts, const float4* sorted,
                                      const float4* bodies, const float4* fields, const float2* pulls,
                                      float2* velocities) {
    if (thread() >= step.nodes) return;
    float4 own = sorted[thread()];
    unsigned node = min(__float_as_uint(own.w), step.nodes - 1);
    float2 p = make_float2(own.x, own.y);
    uint2 cell = cell_of(*frame, 1u << step.levels, p);
    unsigned leaf = first_cell(step.levels) + (cell.y << step.levels) + cell.x;
    float2 far = field_at(p, bodies[leaf], fields[leaf]);
    float2 near = near_push(step, p, cell, starts, sorted);
    float2 v = velocities[node], pull = pulls[node];
    v.x = step.drag * (v.x + step.heat * (own.z * (step.repulsion * (near.x + far.x) - step.gravity * p.x) + pull.x));
    v.y = step.drag * (v.y + step.heat * (own.z * (step.repulsion * (near.y + far.y) - step.gravity * p.y) + pull.y));
    float slow = fminf(step.stride / sqrtf(v.x * v.x + v.y * v.y), 1.0f);
    velocities[node] = make_float2(v.x * slow, v.y * slow);
}

// Stage 5: moves the nodes.
extern "C" __global__ void advance(Step step, float2* positions, const float2* velocities) {
    unsigned node = thread();
    if (node >= step.nodes) return;
    float2 v = velocities[node];
    positions[node].x += v.x;
    positions[node].y += v.y;
}
