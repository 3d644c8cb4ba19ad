// One step on a card: the kernels of step.rs, with the same order of summation.
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

const unsigned BLOCK = 1024;  // the most threads of the two kernels that run in one block

__device__ unsigned thread() { return blockIdx.x * blockDim.x + threadIdx.x; }

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

// Stage 0, one block: the square around all nodes.
extern "C" __global__ void __launch_bounds__(BLOCK) frame(Step step, const float2* positions, Frame* frame) {
    __shared__ float4 box[BLOCK];  // least x and y, greatest x and y
    float4 own = make_float4(1e38f, 1e38f, -1e38f, -1e38f);
    for (unsigned node = threadIdx.x; node < step.nodes; node += blockDim.x) {
        float2 p = positions[node];
        own = make_float4(fminf(own.x, p.x), fminf(own.y, p.y), fmaxf(own.z, p.x), fmaxf(own.w, p.y));
    }
    box[threadIdx.x] = own;
    for (unsigned half = BLOCK / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half && threadIdx.x + half < blockDim.x) {
            float4 a = box[threadIdx.x], b = box[threadIdx.x + half];
            box[threadIdx.x] = make_float4(fminf(a.x, b.x), fminf(a.y, b.y), fmaxf(a.z, b.z), fmaxf(a.w, b.w));
        }
    }
    if (threadIdx.x == 0) {
        float4 all = box[0];
        float width = fmaxf(fmaxf(all.z - all.x, all.w - all.y), 1e-3f);
        *frame = {{all.x, all.y}, (1u << step.levels) / width};
    }
}

// Stage 1: sorts the nodes by cell. After `count`, slot c + 1 of `starts` holds the number of nodes in cell
// c. After `scan` it holds the start of the cell. After `scatter` it holds its end, which is the start of the
// next cell.
extern "C" __global__ void count(Step step, const float2* positions, const Frame* frame, unsigned* starts) {
    if (thread() < step.nodes) atomicAdd(&starts[index_of(*frame, step.levels, positions[thread()]) + 1], 1u);
}

// One block: each thread sums a stretch of the slots, the sums are summed, and each thread writes its
// stretch.
extern "C" __global__ void __launch_bounds__(BLOCK) scan(Step step, unsigned* starts) {
    __shared__ unsigned sums[BLOCK];
    unsigned cells = 1u << 2 * step.levels;
    unsigned stretch = (cells + blockDim.x - 1) / blockDim.x;
    unsigned from = min(threadIdx.x * stretch, cells), to = min(from + stretch, cells);
    unsigned sum = 0;
    for (unsigned cell = from; cell < to; ++cell) sum += starts[cell + 1];
    sums[threadIdx.x] = sum;
    for (unsigned reach = 1; reach < blockDim.x; reach *= 2) {
        __syncthreads();
        unsigned before = threadIdx.x >= reach ? sums[threadIdx.x - reach] : 0;
        __syncthreads();
        sums[threadIdx.x] += before;
    }
    unsigned start = sums[threadIdx.x] - sum;
    for (unsigned cell = from; cell < to; ++cell) {
        unsigned nodes = starts[cell + 1];
        starts[cell + 1] = start;
        start += nodes;
    }
}

// A sorted node has its position, its mass, and its index as the bits of the fourth number.
extern "C" __global__ void scatter(Step step, const float2* positions, const unsigned* offsets, const Frame* frame,
                                   unsigned* starts, float4* sorted) {
    unsigned node = thread();
    if (node >= step.nodes) return;
    float2 p = positions[node];
    unsigned slot = atomicAdd(&starts[index_of(*frame, step.levels, p) + 1], 1u);
    if (slot < step.nodes) sorted[slot] = make_float4(p.x, p.y, degree(offsets, node) + 1, __uint_as_float(node));
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

extern "C" __global__ void gather_leaves(Step step, const unsigned* starts, float4* sorted, float4* bodies) {
    unsigned cell = thread();
    if (cell >= 1u << 2 * step.levels) return;
    unsigned from = starts[cell], to = min(starts[cell + 1], step.nodes);
    // `scatter` leaves the nodes of a cell in any order. Their order by index makes the picture depend on the
    // seed alone.
    for (unsigned slot = from + 1; slot < to; ++slot) {
        float4 node = sorted[slot];
        unsigned place = slot;
        for (; place > from && __float_as_uint(sorted[place - 1].w) > __float_as_uint(node.w); --place) {
            sorted[place] = sorted[place - 1];
        }
        sorted[place] = node;
    }
    float3 sum = make_float3(0, 0, 0);
    for (unsigned slot = from; slot < to; ++slot) add(sum, sorted[slot]);
    bodies[first_cell(step.levels) + cell] = centre(sum);
}

extern "C" __global__ void gather(unsigned level, float4* bodies) {
    unsigned cell = thread(), side = 1u << level;
    if (cell >= side * side) return;
    const float4* children = bodies + first_cell(level + 1) + cell / side * 4 * side + 2 * (cell % side);
    float3 sum = make_float3(0, 0, 0);
    add(sum, children[0]);
    add(sum, children[1]);
    add(sum, children[2 * side]);
    add(sum, children[2 * side + 1]);
    bodies[first_cell(level) + cell] = centre(sum);
}

// Stage 3: the push of all far bodies on each cell of `level`: the push on its parent, and the bodies that
// were too near for the parent but are not next to the cell itself. A field is the push at the cell's body,
// and its change around the body.
__device__ float2 field_at(float2 position, float4 body, float4 field) {
    float dx = position.x - body.x, dy = position.y - body.y;
    return make_float2(field.x + field.z * dx + field.w * dy, field.y + field.w * dx - field.z * dy);
}

extern "C" __global__ void spread(unsigned level, const float4* bodies, float4* fields) {
    unsigned cell = thread(), side = 1u << level;
    if (cell >= side * side) return;
    const float4* here = bodies + first_cell(level);
    float4 own = here[cell];
    if (level == 0) fields[0] = make_float4(0, 0, 0, 0);
    if (level == 0 || own.z == 0) return;

    unsigned column = cell % side, row = cell / side;
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
            float inverse = 1 / fmaxf(dx * dx + dy * dy, 1.17549435e-38f);
            float strength = body.z * inverse, change = strength * inverse;
            sum.x += strength * dx;
            sum.y += strength * dy;
            sum.z += change * (dy * dy - dx * dx);
            sum.w -= change * 2 * dx * dy;
        }
    }
    fields[first_cell(level) + cell] = sum;
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
            float strength = other.z / (dx * dx + dy * dy + 0.01f);
            push.x += strength * dx;
            push.y += strength * dy;
        }
    }
    return push;
}

// The pull of a node's springs.
__device__ float2 spring_pull(const Step& step, unsigned node, float2 p, const float2* positions,
                              const unsigned* offsets, const unsigned* neighbours) {
    unsigned own = degree(offsets, node), to = min(offsets[node + 1], step.neighbours);
    float2 pull = make_float2(0, 0);
    for (unsigned at = offsets[node]; at < to; ++at) {
        unsigned other = min(neighbours[at], step.nodes - 1);
        float2 q = positions[other];
        float dx = q.x - p.x, dy = q.y - p.y;
        float length = fmaxf(sqrtf(dx * dx + dy * dy), 1e-3f);
        float strength = 0.5f / min(own, degree(offsets, other)) * (1 - 1 / length);
        pull.x += strength * dx;
        pull.y += strength * dy;
    }
    return pull;
}

// One thread per sorted node, so that neighbouring threads read the same cells.
extern "C" __global__ void accelerate(Step step, const float2* positions, const unsigned* offsets,
                                      const unsigned* neighbours, const Frame* frame, const unsigned* starts,
                                      const float4* sorted, const float4* bodies, const float4* fields,
                                      float2* velocities) {
    if (thread() >= step.nodes) return;
    float4 own = sorted[thread()];
    unsigned node = min(__float_as_uint(own.w), step.nodes - 1);
    float2 p = make_float2(own.x, own.y);
    uint2 cell = cell_of(*frame, 1u << step.levels, p);
    unsigned leaf = first_cell(step.levels) + (cell.y << step.levels) + cell.x;
    float2 far = field_at(p, bodies[leaf], fields[leaf]);
    float2 near = near_push(step, p, cell, starts, sorted);
    float2 pull = spring_pull(step, node, p, positions, offsets, neighbours);
    float2 v = velocities[node];
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
