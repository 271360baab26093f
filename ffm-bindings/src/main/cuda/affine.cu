// Integers with a scale and a zero point: W[i, j] = s (q - z), s and z those of the group of (i, j).
#include "lookup.cuh"

/**
 * @param codes bit stream of b-bit codes, row-major
 * @param zeros one byte for each group; null where each is 2^(b-1)
 * @param groupIndex the group of each column in its row; null where column j has group j / width
 * @param width columns of a group
 */
#define AFFINE_PARAMETERS                                                                                                 \
    const u8 *codes, const void *scales, const float *factors, float offset, int stored, int scaleBits, int superGroup,   \
        const u8 *zeros, const int *groupIndex, int bits, int width, int groupsOfRow, int rows, int columns

#define AFFINE_MATRIX                                                                                                     \
    AffineWeights matrix = {rows, columns, codes, {scales, factors, offset, stored, scaleBits, superGroup},               \
                            zeros, groupIndex, bits, width, groupsOfRow}

struct AffineWeights {
    int rows, columns;
    const u8* codes;
    Scales scales;
    const u8* zeros;
    const int* groupIndex;
    int bits, width, groupsOfRow;

    __device__ __forceinline__ int zero(int group) const { return zeros ? int(__ldg(zeros + group)) : 1 << (bits - 1); }

    template <bool EXACT>
    __device__ __forceinline__ void decode(int row, int column, int count, float (&out)[CHUNK]) const {
        Bits stream(codes, (i64(row) * columns + column) * bits);
        int first = row * groupsOfRow;
        int inRow = groupIndex ? 0 : divide(column, width);
        int within = column - inRow * width;
        float scale = scales.at<EXACT>(first + inRow);
        int base = zero(first + inRow);
        if (!groupIndex && count == CHUNK && within + CHUNK <= width) {
#pragma unroll
            for (int k = 0; k < CHUNK; k++) {
                out[k] = __fmul_rn(scale, float(int(stream.next(bits)) - base));
            }
            return;
        }
#pragma unroll
        for (int k = 0; k < CHUNK; k++) {
            out[k] = 0;
        }
#pragma unroll 1
        for (int k = 0; k < count; k++) {
            int group = groupIndex ? __ldg(groupIndex + column + k) : divide(column + k, width);
            if (group != inRow) {
                inRow = group;
                scale = scales.at<EXACT>(first + group);
                base = zero(first + group);
            }
            put(out, k, __fmul_rn(scale, float(int(stream.next(bits)) - base)));
        }
    }
};

extern "C" __global__ void affine_dequantize(AFFINE_PARAMETERS, int fromRow, int count, float* out) {
    AFFINE_MATRIX;
    dequantizeRows(matrix, fromRow, count, out);
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    affine_multiply1(AFFINE_PARAMETERS, PRODUCT_PARAMETERS) {
    AFFINE_MATRIX;
    multiplyRows<AffineWeights, 1>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    affine_multiply4(AFFINE_PARAMETERS, PRODUCT_PARAMETERS) {
    AFFINE_MATRIX;
    multiplyRows<AffineWeights, 4>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    affine_multiply8(AFFINE_PARAMETERS, PRODUCT_PARAMETERS) {
    AFFINE_MATRIX;
    multiplyRows<AffineWeights, 8>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 2)
    affine_multiply16(AFFINE_PARAMETERS, PRODUCT_PARAMETERS) {
    AFFINE_MATRIX;
    multiplyRows<AffineWeights, 16>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(TRANSPOSED_THREADS)
    affine_transposed1(AFFINE_PARAMETERS, TRANSPOSED_PARAMETERS) {
    AFFINE_MATRIX;
    transposedRows<AffineWeights, 1>(matrix, tokens, y, partial);
}

extern "C" __global__ void __launch_bounds__(TRANSPOSED_THREADS)
    affine_transposed4(AFFINE_PARAMETERS, TRANSPOSED_PARAMETERS) {
    AFFINE_MATRIX;
    transposedRows<AffineWeights, 4>(matrix, tokens, y, partial);
}

/**
 * Tables of sums of (code - middle) * x for all codes of a field; what a group's zero point is away from the middle comes on top, times the sum of the lane's x.
 */
template <int BITS>
struct AffineTables {
    static constexpr int FIELD_BITS = BITS == 3 ? 6 : 8;
    static constexpr int FIELDS = BITS == 3 ? 16 : 4;
    static constexpr bool SHIFTED = true;
    static constexpr int MIDDLE = 1 << (BITS - 1);

    const float* levels;
    Scales scales;
    const u8* zeros;
    int width, groupsOfRow;

    __device__ __forceinline__ int columnsOfLane() const { return FIELDS * FIELD_BITS / BITS; }

    __device__ __forceinline__ float fill(const float* x, int left, float* entries) const {
        return fillFromCodes<BITS, FIELD_BITS, FIELDS>(levels, x, left, entries);
    }

    __device__ __forceinline__ int scaleOfLane(int column) const { return column / width; }

    template <int N>
    __device__ __forceinline__ void prepare(int row, int lastRow, int inRow, float (&factors)[N], float (&shifts)[N]) const {
        scalesOfRows(scales, row, lastRow, groupsOfRow, inRow, factors);
#pragma unroll
        for (int r = 0; r < N; r++) {
            shifts[r] = zeros ? float(MIDDLE - int(__ldg(zeros + min(row + r, lastRow) * groupsOfRow + inRow))) : 0;
        }
    }
};

/** @param levels code - 2^(b-1) of each code, as floats */
#define AFFINE_LOOKUP                                                                                                     \
    AFFINE_PARAMETERS, const float *levels, PRODUCT_PARAMETERS, LOOKUP_SCRATCH

#define AFFINE_TABLES {levels, {scales, factors, offset, stored, scaleBits, superGroup}, zeros, width, groupsOfRow}

extern "C" __global__ void __launch_bounds__(LOOKUP_THREADS) affine_lookup1(AFFINE_LOOKUP) {
    multiplyByLookup(AffineTables<1>AFFINE_TABLES, codes, rows, columns, x, y, {left, inner, rank}, partial, arrived);
}

extern "C" __global__ void __launch_bounds__(LOOKUP_THREADS) affine_lookup2(AFFINE_LOOKUP) {
    multiplyByLookup(AffineTables<2>AFFINE_TABLES, codes, rows, columns, x, y, {left, inner, rank}, partial, arrived);
}

extern "C" __global__ void __launch_bounds__(LOOKUP_THREADS) affine_lookup3(AFFINE_LOOKUP) {
    multiplyByLookup(AffineTables<3>AFFINE_TABLES, codes, rows, columns, x, y, {left, inner, rank}, partial, arrived);
}

extern "C" __global__ void __launch_bounds__(LOOKUP_THREADS) affine_lookup4(AFFINE_LOOKUP) {
    multiplyByLookup(AffineTables<4>AFFINE_TABLES, codes, rows, columns, x, y, {left, inner, rank}, partial, arrived);
}

/**
 * codes = for each weight the integer nearest to weight / scale + zero within 0 .. 2^b - 1, ties to even levels; a thread for 8 weights, b bytes.
 *
 * @param scales one float for each group
 * @param zeros one byte for each group
 */
extern "C" __global__ void affine_encode(const float* weights, i64 size, int columns, int width, int groupsOfRow,
                                         const float* scales, const u8* zeros, int bits, u8* codes) {
    const float rounder = 12582912.0f;  // 1.5 * 2^23: adding it and taking it away again rounds to an integer
    i64 bytes = (size * bits + 7) / 8;
    for (i64 chunk = i64(blockIdx.x) * blockDim.x + threadIdx.x; chunk * CHUNK < size; chunk += i64(gridDim.x) * blockDim.x) {
        u64 stream = 0;
        for (int k = 0; k < CHUNK && chunk * CHUNK + k < size; k++) {
            i64 i = chunk * CHUNK + k;
            i64 row = i / columns;
            i64 group = row * groupsOfRow + int(i - row * columns) / width;
            float scale = scales[group];
            int zero = zeros[group];
            float level = 0;
            if (scale != 0) {
                float wanted = __fdiv_rn(weights[i], scale);
                float within = min(max(wanted, float(-zero)), float((1 << bits) - 1 - zero));
                level = __fsub_rn(__fadd_rn(within, rounder), rounder);
            }
            stream |= u64(zero + int(level)) << (k * bits);
        }
        for (int b = 0; b < bits && chunk * bits + b < bytes; b++) {
            codes[chunk * bits + b] = u8(stream >> (8 * b));
        }
    }
}
