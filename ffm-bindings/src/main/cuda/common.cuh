// What all kernels share. No header of CUDA is included: NVRTC brings none.
//
// Float operations are written as intrinsics (__fmul_rn, __fmaf_rn ...) wherever their rounding counts, so that no compiler fuses or reorders them. Every sum runs in
// an order that follows from the shape alone: the same bits in every run, whatever the device's size.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

// Tests compile the same source for the CPU, where dynamic shared memory is an array of the shim.
#ifdef CUDA_SHIM
#define DYNAMIC_SHARED(name) u8* name = shim::dynamicShared()
#else
#define DYNAMIC_SHARED(name) extern __shared__ __align__(16) u8 name[]
#endif

#define WARP 32
#define ALL_LANES 0xffffffffu

/** Consecutive weights of a row that a thread decodes together: b-bit codes of them are b whole bytes long. */
#define CHUNK 8

// How floats are stored; dev.lowbit.cuda.kernels.FloatStored has the same numbers.
#define STORED_F32 0
#define STORED_F16 1
#define STORED_BF16 2
#define TWO_LEVELS 3

__device__ __forceinline__ float floatOfHalf(u16 bits) {
#ifdef CUDA_SHIM
    u32 sign = u32(bits & 0x8000) << 16;
    u32 exponent = (bits >> 10) & 31, mantissa = bits & 1023;
    if (exponent == 31) {
        return __uint_as_float(sign | 0x7f800000u | (mantissa << 13));
    }
    if (exponent == 0) {
        float small = float(mantissa) * 0x1p-24f;
        return sign ? -small : small;
    }
    return __uint_as_float(sign | ((exponent + 112) << 23) | (mantissa << 13));
#else
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
#endif
}

__device__ __forceinline__ float floatOfBfloat(u16 bits) { return __uint_as_float(u32(bits) << 16); }

/** The float at an index of an array of one of the STORED types. */
__device__ __forceinline__ float storedFloat(const void* values, int stored, i64 index) {
    if (stored == STORED_F32) {
        return __ldg((const float*)values + index);
    }
    u16 bits = __ldg((const u16*)values + index);
    return stored == STORED_F16 ? floatOfHalf(bits) : floatOfBfloat(bits);
}

/** Up to 64 bits of a bit stream, least significant first. Streams are readable for 12 bytes behind their end. */
struct Bits {
    u32 low, high;

    __device__ __forceinline__ Bits(const u8* stream, i64 bit) {
        const u32* words = (const u32*)stream + (bit >> 5);
        u32 shift = u32(bit) & 31;
        u32 middle = __ldg(words + 1);
        low = __funnelshift_r(__ldg(words), middle, shift);
        high = __funnelshift_r(middle, __ldg(words + 2), shift);
    }

    /** Takes the next code, of fewer than 32 bits, off. */
    __device__ __forceinline__ u32 next(int bits) {
        u32 code = low & ((1u << bits) - 1);
        low = __funnelshift_r(low, high, bits);
        high >>= bits;
        return code;
    }
};

/** One code of at most 16 bits. */
__device__ __forceinline__ u32 codeAt(const u8* stream, i64 bit, int bits) {
    const u32* words = (const u32*)stream + (bit >> 5);
    return __funnelshift_r(__ldg(words), __ldg(words + 1), u32(bit) & 31) & ((1u << bits) - 1);
}

/** a / b where b is a power of two more often than not. */
__device__ __forceinline__ int divide(int a, int b) {
    return (b & (b - 1)) == 0 ? a >> (31 - __clz(b)) : a / b;
}

/**
 * The scales of blocks, as they are stored but for the second level: for each super-block its f = (2^bits - 1) / super-scale and 1 / f, as floats.
 */
struct Scales {
    const void* values;
    const float* factors;
    float offset;
    int stored;
    int bits;
    int superGroup;

    __device__ __forceinline__ float code(int block) const {
        return float(bits == 8 ? u32(__ldg((const u8*)values + block)) : codeAt((const u8*)values, i64(block) * bits, bits));
    }

    /** Bit for bit as the format defines it. */
    __device__ __forceinline__ float exact(int block) const {
        if (stored != TWO_LEVELS) {
            return storedFloat(values, stored, block);
        }
        return __fadd_rn(__fdiv_rn(code(block), __ldg(factors + 2 * divide(block, superGroup))), offset);
    }

    /** Without a division, for products: at most 3 * 2^-24 of it away from exact. */
    __device__ __forceinline__ float near(int block) const {
        if (stored != TWO_LEVELS) {
            return storedFloat(values, stored, block);
        }
        return __fmaf_rn(code(block), __ldg(factors + 2 * divide(block, superGroup) + 1), offset);
    }

    template <bool EXACT>
    __device__ __forceinline__ float at(int block) const {
        return EXACT ? exact(block) : near(block);
    }
};

/**
 * Sums N values over the lanes of a warp, N a power of two up to 64, halving the values as it goes. Afterwards value v[i] of a lane is the sum of number
 * firstSum<N>() + i, i below max(1, N / 32); with N below 32 several lanes have the same one.
 */
template <int N>
__device__ __forceinline__ void sumOverLanes(float (&v)[N]) {
    int lane = threadIdx.x % WARP;
    int left = N;
#pragma unroll
    for (int flip = WARP / 2; flip > 0; flip /= 2) {
        if (left > 1) {
            left /= 2;
            bool upper = lane & flip;
#pragma unroll
            for (int i = 0; i < N / 2; i++) {
                if (i < left) {
                    float give = upper ? v[i] : v[i + left];
                    float keep = upper ? v[i + left] : v[i];
                    v[i] = __fadd_rn(keep, __shfl_xor_sync(ALL_LANES, give, flip));
                }
            }
        } else {
            v[0] = __fadd_rn(v[0], __shfl_xor_sync(ALL_LANES, v[0], flip));
        }
    }
}

template <int N>
__device__ __forceinline__ int firstSum() {
    int lane = threadIdx.x % WARP;
    int first = 0;
    int left = N;
#pragma unroll
    for (int flip = WARP / 2; flip > 0 && left > 1; flip /= 2) {
        left /= 2;
        first += lane & flip ? left : 0;
    }
    return first;
}

/** Whether this lane is the first of those that have the same sums. */
template <int N>
__device__ __forceinline__ bool ownsSum() {
    return N >= WARP || (threadIdx.x % (WARP / N)) == 0;
}

/** A low-rank term that a product adds as it writes: L is rank x rows, inner = R x is tokens x rank. */
struct LowRank {
    const float* left;
    const float* inner;
    int rank;

    /** One entry of it: a chain of fused multiply-adds, r ascending. */
    __device__ __forceinline__ float ofRow(int token, int row, int rows) const {
        float sum = 0;
        for (int r = 0; r < rank; r++) {
            sum = __fmaf_rn(__ldg(left + i64(r) * rows + row), __ldg(inner + i64(token) * rank + r), sum);
        }
        return sum;
    }
};

/** Up to CHUNK consecutive floats, zeros behind them. */
__device__ __forceinline__ void loadChunk(const float* from, int count, bool aligned, float (&out)[CHUNK]) {
    if (aligned && count == CHUNK) {
        float4 a = __ldg((const float4*)from), b = __ldg((const float4*)from + 1);
        out[0] = a.x, out[1] = a.y, out[2] = a.z, out[3] = a.w;
        out[4] = b.x, out[5] = b.y, out[6] = b.z, out[7] = b.w;
        return;
    }
#pragma unroll
    for (int k = 0; k < CHUNK; k++) {
        out[k] = k < count ? __ldg(from + k) : 0;
    }
}

/** out[k] = value where k is no constant: chosen by comparisons, so that the array stays in registers. For rare paths, whose loops this keeps small. */
template <int N>
__device__ __forceinline__ void put(float (&out)[N], int k, float value) {
#pragma unroll
    for (int i = 0; i < N; i++) {
        out[i] = i == k ? value : out[i];
    }
}

// What follows takes any Matrix: a struct with rows, columns and
//   template <bool EXACT> void decode(int row, int column, int count, float (&out)[CHUNK]) const
// that gives `count` weights from a column on which is a multiple of CHUNK, zeros behind them; exact ones are those of the format, bit for bit.

/** out = rows fromRow .. fromRow + count - 1, row-major. */
template <class Matrix>
__device__ __forceinline__ void dequantizeRows(const Matrix& matrix, int fromRow, int count, float* out) {
    int chunks = (matrix.columns + CHUNK - 1) / CHUNK;
    i64 all = i64(chunks) * count;
    for (i64 i = i64(blockIdx.x) * blockDim.x + threadIdx.x; i < all; i += i64(gridDim.x) * blockDim.x) {
        int row = int(i / chunks);
        int column = int(i - i64(row) * chunks) * CHUNK;
        int here = min(CHUNK, matrix.columns - column);
        float weights[CHUNK];
        matrix.template decode<true>(fromRow + row, column, here, weights);
#pragma unroll
        for (int k = 0; k < CHUNK; k++) {
            if (k < here) {
                out[i64(row) * matrix.columns + column + k] = weights[k];
            }
        }
    }
}

#define MULTIPLY_THREADS 128

/** Rows that a warp of multiplyRows takes: x is read once for all of them. */
#define ROWS_OF_WARP 4

/** x is tokens x columns, y tokens x rows; a low-rank term where rank is not 0. */
#define PRODUCT_PARAMETERS int tokens, const float *x, float *y, const float *left, const float *inner, int rank

/**
 * Y = X W^T for up to T tokens, each warp some rows: a lane sums every 32nd chunk by fused multiply-adds, columns ascending, then every 32nd rank term;
 * then the lanes are added in a tree. The longest chain has 8 ceil(chunks / 32) + ceil(rank / 32) + 6 roundings.
 */
template <class Matrix, int T>
__device__ __forceinline__ void multiplyRows(const Matrix& matrix, int tokens, const float* x, float* y, const LowRank& term) {
    int lane = threadIdx.x % WARP;
    int warp = (blockIdx.x * blockDim.x + threadIdx.x) / WARP;
    int row = warp * ROWS_OF_WARP;
    if (row >= matrix.rows) {
        return;
    }
    bool aligned = matrix.columns % 4 == 0;
    float sums[ROWS_OF_WARP * T];
#pragma unroll
    for (int i = 0; i < ROWS_OF_WARP * T; i++) {
        sums[i] = 0;
    }
    for (int column = lane * CHUNK; column < matrix.columns; column += WARP * CHUNK) {
        int count = min(CHUNK, matrix.columns - column);
        float weights[ROWS_OF_WARP][CHUNK];
#pragma unroll
        for (int r = 0; r < ROWS_OF_WARP; r++) {
            // rows behind the last are the last again: every lane does the same work and nothing of it is kept
            matrix.template decode<false>(min(row + r, matrix.rows - 1), column, count, weights[r]);
        }
#pragma unroll
        for (int t = 0; t < T; t++) {
            float inputs[CHUNK];
            // tokens behind the last are the last again
            loadChunk(x + i64(min(t, tokens - 1)) * matrix.columns + column, count, aligned, inputs);
#pragma unroll
            for (int r = 0; r < ROWS_OF_WARP; r++) {
#pragma unroll
                for (int k = 0; k < CHUNK; k++) {
                    sums[r * T + t] = __fmaf_rn(weights[r][k], inputs[k], sums[r * T + t]);
                }
            }
        }
    }
#pragma unroll 1
    for (int r = lane; r < term.rank; r += WARP) {
        float left[ROWS_OF_WARP];
#pragma unroll
        for (int i = 0; i < ROWS_OF_WARP; i++) {
            left[i] = __ldg(term.left + i64(r) * matrix.rows + min(row + i, matrix.rows - 1));
        }
#pragma unroll
        for (int t = 0; t < T; t++) {
            float inner = __ldg(term.inner + i64(min(t, tokens - 1)) * term.rank + r);
#pragma unroll
            for (int i = 0; i < ROWS_OF_WARP; i++) {
                sums[i * T + t] = __fmaf_rn(left[i], inner, sums[i * T + t]);
            }
        }
    }
    sumOverLanes(sums);
    if (ownsSum<ROWS_OF_WARP * T>()) {
        int first = firstSum<ROWS_OF_WARP * T>();
#pragma unroll
        for (int i = 0; i < (ROWS_OF_WARP * T + WARP - 1) / WARP; i++) {
            int r = row + (first + i) / T;
            int t = (first + i) % T;
            if (r < matrix.rows && t < tokens) {
                y[i64(t) * matrix.rows + r] = sums[i];
            }
        }
    }
}

#define TRANSPOSED_THREADS 256

/** Rows that one block of transposedRows adds up; a multiple of its warps. */
#define TRANSPOSED_ROWS 256

/** y is tokens x rows, partial is ceil(rows / TRANSPOSED_ROWS) x tokens x columns. */
#define TRANSPOSED_PARAMETERS int tokens, const float *y, float *partial

/**
 * The part of X = Y W that TRANSPOSED_ROWS rows make, for up to T tokens: partial[blockIdx.y][t][column]. A lane has CHUNK columns; each of the 8 warps adds every
 * 8th row by fused multiply-adds, rows ascending, then the warps are added in their order. sum_partials adds the parts.
 */
template <class Matrix, int T>
__device__ __forceinline__ void transposedRows(const Matrix& matrix, int tokens, const float* y, float* partial) {
    constexpr int WARPS = TRANSPOSED_THREADS / WARP;
    __shared__ float sums[WARPS][T][WARP * CHUNK];
    int lane = threadIdx.x % WARP;
    int warp = threadIdx.x / WARP;
    int first = blockIdx.x * WARP * CHUNK;
    int column = first + lane * CHUNK;
    int count = min(CHUNK, matrix.columns - column);
    float own[T][CHUNK] = {};
    int end = min(matrix.rows, int(blockIdx.y + 1) * TRANSPOSED_ROWS);
    if (count > 0) {
        for (int row = blockIdx.y * TRANSPOSED_ROWS + warp; row < end; row += WARPS) {
            float weights[CHUNK];
            matrix.template decode<false>(row, column, count, weights);
#pragma unroll
            for (int t = 0; t < T; t++) {
                float factor = __ldg(y + i64(min(t, tokens - 1)) * matrix.rows + row);
#pragma unroll
                for (int k = 0; k < CHUNK; k++) {
                    own[t][k] = __fmaf_rn(weights[k], factor, own[t][k]);
                }
            }
        }
    }
#pragma unroll
    for (int t = 0; t < T; t++) {
#pragma unroll
        for (int k = 0; k < CHUNK; k++) {
            sums[warp][t][k * WARP + lane] = own[t][k];
        }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < tokens * WARP * CHUNK; i += TRANSPOSED_THREADS) {
        int t = i / (WARP * CHUNK);
        int j = i % (WARP * CHUNK);
        if (first + j < matrix.columns) {
            int at = j % CHUNK * WARP + j / CHUNK;
            float sum = sums[0][t][at];
            for (int w = 1; w < WARPS; w++) {
                sum = __fadd_rn(sum, sums[w][t][at]);
            }
            partial[(i64(blockIdx.y) * tokens + t) * matrix.columns + first + j] = sum;
        }
    }
}
