// The words of CUDA that headers and kernels of the tests use, for a compiler that does not know them.
#pragma once

#define __global__

struct alignas(4) uchar4 { unsigned char x, y, z, w; };
struct short3 { short x, y, z; };
struct alignas(8) int2 { int x, y; };
struct alignas(8) float2 { float x, y; };
struct float3 { float x, y, z; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) double2 { double x, y; };
struct double3 { double x, y, z; };
