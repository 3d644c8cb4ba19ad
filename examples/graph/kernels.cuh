// The kernels of `kernels`, as `#[gpumem::kernels]` wrote them: `GPUMEM_HEADER=write cargo test` does it again.
#pragma once

// `Step` stands elsewhere in Rust: declare it before this file is included.
static_assert(sizeof(Step) == 32 && alignof(Step) == 4, "Step has another layout in Rust");

// Stage 1, in `BOXES` blocks: the box around the nodes of each share, as least and greatest
// coordinates.
extern "C" __global__ void bound(Step step, const float2* positions, float4* boxes);

// `Frame` stands elsewhere in Rust: declare it before this file is included.
static_assert(sizeof(Frame) == 12 && alignof(Frame) == 4, "Frame has another layout in Rust");

// Stage 1, in one block: the square around all boxes.
extern "C" __global__ void frame(Step step, const float4* boxes, Frame* frame);

// Stage 1: `starts[c + 1]` becomes the number of nodes in cell `c`. It was 0.
extern "C" __global__ void count(
    Step step,
    const float2* positions,
    const Frame* frame,
    unsigned int* starts);

// Stage 1, in a block per tile: the number of nodes in the cells of each tile, and the sum of the
// squares of the cells' numbers.
extern "C" __global__ void sum(Step step, const unsigned int* starts, ulonglong2* tiles);

// Stage 1, in a block per tile: `starts[c + 1]` becomes the start of cell `c` in `order`.
extern "C" __global__ void scan(Step step, const ulonglong2* tiles, unsigned int* starts);

// Stage 1: sorts the nodes by cell. `starts[c + 1]` becomes the end of cell `c`, which is the start of
// the next cell: the nodes of cell `c` are `order[starts[c]..starts[c + 1]]`.
extern "C" __global__ void scatter(
    Step step,
    const float2* positions,
    const Frame* frame,
    unsigned int* starts,
    unsigned int* order);

// Stage 1: the nodes in their order. On a card, where `scatter` leaves the nodes of a cell in any
// order, it puts them in the order of their indices.
extern "C" __global__ void arrange(
    Step step,
    const float2* positions,
    const unsigned int* offsets,
    const Frame* frame,
    const unsigned int* starts,
    const unsigned int* order,
    float4* sorted);

// Stage 2: each cell of the finest level as one body: its centre of mass, and its mass.
extern "C" __global__ void gather_leaves(
    Step step,
    const unsigned int* starts,
    const float4* sorted,
    float4* bodies);

// Stage 2: each cell of the levels from `first` to the wider `last` as one body, from the four cells in
// it. Several levels are for one block.
extern "C" __global__ void gather(unsigned int first, unsigned int last, float4* bodies);

// Stage 3: the push of all far bodies on each cell of the levels from `first` to the finer `last`. A
// cell takes the push on its parent, and adds the bodies that were too near for the parent but are not
// next to the cell itself. Several levels are for one block.
extern "C" __global__ void spread(
    unsigned int first,
    unsigned int last,
    const float4* bodies,
    float4* fields);

// Stage 4, with 32 threads per node on a card: the pull of the springs of each node.
extern "C" __global__ void pull(
    Step step,
    const float2* positions,
    const unsigned int* offsets,
    const unsigned int* neighbours,
    const float* stiffness,
    float2* pulls);

// Stage 4: turns the forces on all nodes into new velocities.
extern "C" __global__ void accelerate(
    Step step,
    const float2* positions,
    const unsigned int* offsets,
    const Frame* frame,
    const unsigned int* starts,
    const float4* sorted,
    const float4* bodies,
    const float4* fields,
    const float2* pulls,
    float2* velocities);

// Stage 5: moves the nodes.
extern "C" __global__ void advance(Step step, float2* positions, const float2* velocities);
