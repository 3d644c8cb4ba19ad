// The kernels of `sums`, as `#[gpumem::kernels]` wrote them: `GPUMEM_HEADER=write cargo test` does it again.
#pragma once

// The length of a slice.
#ifndef GPUMEM_LENGTH
#define GPUMEM_LENGTH unsigned int
#endif

extern "C" __global__ void sum(
    float* total,
    GPUMEM_LENGTH total_len,
    const float3* terms,
    GPUMEM_LENGTH terms_len1,
    unsigned int terms_len);
