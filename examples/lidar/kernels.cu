// The kernels of step.rs on a card, with a thread per point.
//
// No kernel touches anything outside its slices, whatever they hold and however many threads there are. A
// number from a slice is an index only below the limit that it is compared with. The lengths of the slices
// and the values are those that `#[requires(..)]` in step.rs lets through.
//
// Features are computed by the operations of shape.rs in the same order, each rounded by itself (`Real`), so
// that a card gives the same bits as the host.
//
// `cargo xtask ptx` compiles this file to kernels.ptx, and the example loads that. So a build of the example
// needs no CUDA compiler.

// The layout is that of `Step` in step.rs.
struct Step {
    unsigned total;
    unsigned first;
    unsigned count;
    unsigned rows;
    unsigned first_row;
    unsigned row_height;
    unsigned reach;
    float scale[3];
    float per_area;
    unsigned raster[2];
    float cells[2];
    float up;
    unsigned infrared;
};

// A float whose operations are never merged: a compiler may make one operation of a product and a sum, and
// round once where the host rounds twice.
struct Real {
    float value;
    __device__ Real() : value(0) {}
    __device__ Real(float value) : value(value) {}
};

__device__ Real operator+(Real a, Real b) { return __fadd_rn(a.value, b.value); }
__device__ Real operator-(Real a, Real b) { return __fsub_rn(a.value, b.value); }
__device__ Real operator*(Real a, Real b) { return __fmul_rn(a.value, b.value); }
__device__ Real operator/(Real a, Real b) { return __fdiv_rn(a.value, b.value); }
__device__ void operator+=(Real& a, Real b) { a = a + b; }
__device__ bool operator>(Real a, Real b) { return a.value > b.value; }
__device__ bool operator<(Real a, Real b) { return a.value < b.value; }
__device__ Real root(Real a) { return __fsqrt_rn(a.value); }

const unsigned FEWEST = 3;
const int SWEEPS = 6;

__device__ unsigned thread() { return blockIdx.x * blockDim.x + threadIdx.x; }

// `to - from`, exactly or rounded once.
__device__ Real difference(unsigned to, unsigned from) {
    return to >= from ? __uint2float_rn(to - from) : -__uint2float_rn(from - to);
}

struct Sums {
    unsigned in_ball, in_circle;
    Real first[3], second[6];
};

__device__ void add(Sums& sums, Real x, Real y, Real z) {
    Real xx = x * x, yy = y * y, zz = z * z;
    Real flat = xx + yy;
    if (flat > 1.0f) return;
    sums.in_circle += 1;
    if (flat + zz > 1.0f) return;
    sums.in_ball += 1;
    sums.first[0] += x;
    sums.first[1] += y;
    sums.first[2] += z;
    sums.second[0] += xx;
    sums.second[1] += yy;
    sums.second[2] += zz;
    sums.second[3] += x * y;
    sums.second[4] += x * z;
    sums.second[5] += y * z;
}

__device__ unsigned saturating_sub(unsigned a, unsigned b) { return a > b ? a - b : 0; }
__device__ unsigned saturating_add(unsigned a, unsigned b) { return a + b < a ? ~0u : a + b; }

// The sums for the position with this index, which is below `step.total`.
__device__ Sums around(const Step& step, const uint3* positions, const unsigned* row_starts, unsigned index) {
    Sums sums;
    sums.in_ball = sums.in_circle = 0;
    uint3 centre = positions[index];
    unsigned left = saturating_sub(centre.x, step.reach), right = saturating_add(centre.x, step.reach);
    unsigned row = saturating_sub(centre.y / step.row_height, step.first_row);
    unsigned end = min(saturating_add(row, 2), step.rows);
    for (row = saturating_sub(row, 1); row < end; ++row) {
        unsigned to = min(row_starts[row + 1], step.total), from = min(row_starts[row], to);
        // The first position of the row that is not left of the circle.
        for (unsigned last = to; from < last;) {
            unsigned middle = from + (last - from) / 2;
            if (positions[middle].x < left) from = middle + 1;
            else last = middle;
        }
        for (; from < to; ++from) {
            uint3 position = positions[from];
            if (position.x > right) break;
            add(sums, difference(position.x, centre.x) * step.scale[0],
                difference(position.y, centre.y) * step.scale[1], difference(position.z, centre.z) * step.scale[2]);
        }
    }
    return sums;
}

// Makes the element P, Q of a symmetric matrix 0, by a rotation of these two axes. The third axis is R.
template <int P, int Q>
__device__ void rotate(Real (&matrix)[3][3], Real (&vectors)[3][3]) {
    const int R = 3 - P - Q;
    Real across = matrix[P][Q];
    if (across.value == 0) return;
    Real theta = (matrix[Q][Q] - matrix[P][P]) / (Real(2.0f) * across);
    Real size = fabsf(theta.value);
    Real tangent = size > 1e18f ? Real(0.5f) / size : Real(1.0f) / (size + root(size * size + 1.0f));
    if (theta < 0.0f) tangent.value = -tangent.value;
    Real cosine = Real(1.0f) / root(tangent * tangent + 1.0f);
    Real sine = tangent * cosine;
    matrix[P][P] = matrix[P][P] - tangent * across;
    matrix[Q][Q] = matrix[Q][Q] + tangent * across;
    matrix[P][Q] = matrix[Q][P] = 0.0f;
    Real at_p = matrix[R][P], at_q = matrix[R][Q];
    matrix[R][P] = matrix[P][R] = cosine * at_p - sine * at_q;
    matrix[R][Q] = matrix[Q][R] = sine * at_p + cosine * at_q;
    for (int axis = 0; axis < 3; ++axis) {
        at_p = vectors[axis][P], at_q = vectors[axis][Q];
        vectors[axis][P] = cosine * at_p - sine * at_q;
        vectors[axis][Q] = sine * at_p + cosine * at_q;
    }
}

struct Shape {
    Real normal[3], curvature, planarity, linearity, sphericity;
};

__device__ void swap_columns(Real (&values)[3], Real (&vectors)[3][3], int a, int b) {
    if (!(values[a] < values[b])) return;
    Real value = values[a];
    values[a] = values[b];
    values[b] = value;
    for (int axis = 0; axis < 3; ++axis) {
        Real element = vectors[axis][a];
        vectors[axis][a] = vectors[axis][b];
        vectors[axis][b] = element;
    }
}

__device__ Shape shape_of(const Sums& sums) {
    Real none = __int_as_float(0x7fc00000);
    Shape shape = {{none, none, none}, none, none, none, none};
    if (sums.in_ball < FEWEST) return shape;
    Real count = __uint2float_rn(sums.in_ball);
    Real x = sums.first[0] / count, y = sums.first[1] / count, z = sums.first[2] / count;
    Real xx = sums.second[0] / count - x * x, yy = sums.second[1] / count - y * y, zz = sums.second[2] / count - z * z;
    Real xy = sums.second[3] / count - x * y, xz = sums.second[4] / count - x * z, yz = sums.second[5] / count - y * z;
    Real matrix[3][3] = {{xx, xy, xz}, {xy, yy, yz}, {xz, yz, zz}};
    Real vectors[3][3] = {{1.0f, 0.0f, 0.0f}, {0.0f, 1.0f, 0.0f}, {0.0f, 0.0f, 1.0f}};
    for (int sweep = 0; sweep < SWEEPS; ++sweep) {
        rotate<0, 1>(matrix, vectors);
        rotate<0, 2>(matrix, vectors);
        rotate<1, 2>(matrix, vectors);
    }
    Real values[3] = {fmaxf(matrix[0][0].value, 0), fmaxf(matrix[1][1].value, 0), fmaxf(matrix[2][2].value, 0)};
    swap_columns(values, vectors, 0, 1);
    swap_columns(values, vectors, 1, 2);
    swap_columns(values, vectors, 0, 1);
    Real l1 = values[0], l2 = values[1], l3 = values[2];
    if (!(l1 > 0.0f)) return shape;
    Real up = vectors[2][2] < 0.0f ? -1.0f : 1.0f;
    for (int axis = 0; axis < 3; ++axis) shape.normal[axis] = up * vectors[axis][2];
    shape.curvature = l3 / (l1 + l2 + l3);
    shape.planarity = (l2 - l3) / l1;
    shape.linearity = (l1 - l2) / l1;
    shape.sphericity = l3 / l1;
    return shape;
}

extern "C" __global__ void shape(Step step, const uint3* positions, const unsigned* row_starts, float3* normals,
                                 float* curvature, float* planarity, float* linearity, float* sphericity,
                                 float* density) {
    unsigned point = thread();
    if (point >= step.count) return;
    Sums sums = around(step, positions, row_starts, step.first + point);
    Shape shape = shape_of(sums);
    normals[point] = make_float3(shape.normal[0].value, shape.normal[1].value, shape.normal[2].value);
    curvature[point] = shape.curvature.value;
    planarity[point] = shape.planarity.value;
    linearity[point] = shape.linearity.value;
    sphericity[point] = shape.sphericity.value;
    density[point] = (Real(__uint2float_rn(sums.in_circle)) * step.per_area).value;
}

// The cells of the raster of the ground before and after a position along one axis, and the place between them.
struct Between {
    unsigned low, high;
    Real place;
};

__device__ Between between(unsigned position, float cells, unsigned count) {
    unsigned last = count - 1;
    Real place = Real(__uint2float_rn(position)) * cells - 0.5f;
    place = fminf(fmaxf(place.value, 0.0f), __uint2float_rn(last));
    // `last` as a float may be rounded up.
    unsigned low = min(__float2uint_rz(place.value), last);
    return {low, min(low + 1, last), place - __uint2float_rn(low)};
}

extern "C" __global__ void heights(Step step, const uint3* positions, const float* ground, float* height) {
    unsigned point = thread();
    if (point >= step.count) return;
    uint3 position = positions[step.first + point];
    Between x = between(position.x, step.cells[0], step.raster[0]);
    Between y = between(position.y, step.cells[1], step.raster[1]);
    const float* low = ground + (size_t)y.low * step.raster[0];
    const float* high = ground + (size_t)y.high * step.raster[0];
    Real below = Real(low[x.low]) + x.place * (Real(low[x.high]) - low[x.low]);
    Real above = Real(high[x.low]) + x.place * (Real(high[x.high]) - high[x.low]);
    height[point] = (Real(__uint2float_rn(position.z)) * step.up - (below + y.place * (above - below))).value;
}

__device__ float share(Real part, Real whole) { return whole > 0.0f ? (part / whole).value : 0.0f; }

extern "C" __global__ void colours(Step step, const ushort4* colours, float* brightness, float* saturation,
                                   float* greenness, float* ndvi) {
    unsigned point = thread();
    if (point >= step.count) return;
    ushort4 colour = colours[point];
    float red = colour.x, green = colour.y, blue = colour.z, infrared = colour.w;
    Real sum = Real(red) + green + blue;
    float largest = fmaxf(fmaxf(red, green), blue), least = fminf(fminf(red, green), blue);
    brightness[point] = (sum / (3.0f * 65535.0f)).value;
    saturation[point] = share(Real(largest) - least, largest);
    greenness[point] = share(Real(2.0f) * green - red - blue, sum);
    if (step.infrared) ndvi[point] = share(Real(infrared) - red, Real(infrared) + red);
}

extern "C" __global__ void note_time(unsigned place, unsigned long long* times) {
    if (thread() == 0) asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(times[place]));
}
