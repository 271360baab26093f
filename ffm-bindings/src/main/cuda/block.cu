// A code per weight and a scale per block: W[i, j] = value(code[i, j]) * scale(block of (i, j)).
#include "lookup.cuh"

/**
 * @param codes bit stream of b-bit codes, row-major
 * @param values what they stand for, 2^b floats
 * @param blocksOfRow blocks of a row where each row begins one; 0 where blocks run over the flattened matrix
 */
#define BLOCK_PARAMETERS                                                                                                  \
    const u8 *codes, const float *values, const void *scales, const float *factors, float offset, int stored,             \
        int scaleBits, int superGroup, int bits, int group, int blocksOfRow, int rows, int columns

#define BLOCK_MATRIX                                                                                                      \
    __shared__ float table[256];                                                                                          \
    for (int i = threadIdx.x; i < 1 << bits; i += blockDim.x) {                                                           \
        table[i] = values[i];                                                                                             \
    }                                                                                                                     \
    __syncthreads();                                                                                                      \
    BlockWeights matrix = {rows, columns, codes, table, {scales, factors, offset, stored, scaleBits, superGroup},         \
                           bits, group, blocksOfRow}

struct BlockWeights {
    int rows, columns;
    const u8* codes;
    const float* table;
    Scales scales;
    int bits, group, blocksOfRow;

    template <bool EXACT>
    __device__ __forceinline__ void decode(int row, int column, int count, float (&out)[CHUNK]) const {
        i64 first = i64(row) * columns + column;
        int block, within;
        if (blocksOfRow > 0) {
            int inRow = divide(column, group);
            block = row * blocksOfRow + inRow;
            within = column - inRow * group;
        } else {
            block = int(first / group);
            within = int(first - i64(block) * group);
        }
        Bits stream(codes, first * bits);
        float scale = scales.at<EXACT>(block);
        if (count == CHUNK && within + CHUNK <= group) {
#pragma unroll
            for (int k = 0; k < CHUNK; k++) {
                out[k] = __fmul_rn(table[stream.next(bits)], scale);
            }
            return;
        }
#pragma unroll
        for (int k = 0; k < CHUNK; k++) {
            out[k] = 0;
        }
#pragma unroll 1
        for (int k = 0; k < count; k++, within++) {
            if (within == group) {
                within = 0;
                scale = scales.at<EXACT>(++block);
            }
            put(out, k, __fmul_rn(table[stream.next(bits)], scale));
        }
    }
};

extern "C" __global__ void block_dequantize(BLOCK_PARAMETERS, int fromRow, int count, float* out) {
    BLOCK_MATRIX;
    dequantizeRows(matrix, fromRow, count, out);
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    block_multiply1(BLOCK_PARAMETERS, PRODUCT_PARAMETERS) {
    BLOCK_MATRIX;
    multiplyRows<BlockWeights, 1>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    block_multiply4(BLOCK_PARAMETERS, PRODUCT_PARAMETERS) {
    BLOCK_MATRIX;
    multiplyRows<BlockWeights, 4>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    block_multiply8(BLOCK_PARAMETERS, PRODUCT_PARAMETERS) {
    BLOCK_MATRIX;
    multiplyRows<BlockWeights, 8>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 2)
    block_multiply16(BLOCK_PARAMETERS, PRODUCT_PARAMETERS) {
    BLOCK_MATRIX;
    multiplyRows<BlockWeights, 16>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(TRANSPOSED_THREADS)
    block_transposed1(BLOCK_PARAMETERS, TRANSPOSED_PARAMETERS) {
    BLOCK_MATRIX;
    transposedRows<BlockWeights, 1>(matrix, tokens, y, partial);
}

extern "C" __global__ void __launch_bounds__(TRANSPOSED_THREADS)
    block_transposed4(BLOCK_PARAMETERS, TRANSPOSED_PARAMETERS) {
    BLOCK_MATRIX;
    transposedRows<BlockWeights, 4>(matrix, tokens, y, partial);
}

/** Tables of sums of value * x for all codes of a field. */
template <int BITS>
struct BlockTables {
    static constexpr int FIELD_BITS = BITS == 3 ? 6 : 8;
    static constexpr int FIELDS = BITS == 3 ? 16 : 4;
    static constexpr bool SHIFTED = false;

    const float* values;
    Scales scales;
    int group, blocksOfRow;

    __device__ __forceinline__ int columnsOfLane() const { return FIELDS * FIELD_BITS / BITS; }

    __device__ __forceinline__ float fill(const float* x, int left, float* entries) const {
        return fillFromCodes<BITS, FIELD_BITS, FIELDS>(values, x, left, entries);
    }

    __device__ __forceinline__ int scaleOfLane(int column) const { return column / group; }

    template <int N>
    __device__ __forceinline__ void prepare(int row, int lastRow, int inRow, float (&factors)[N], float (&)[N]) const {
        scalesOfRows(scales, row, lastRow, blocksOfRow, inRow, factors);
    }
};

#define BLOCK_TABLES {values, {scales, factors, offset, stored, scaleBits, superGroup}, group, blocksOfRow}

extern "C" __global__ void __launch_bounds__(LOOKUP_THREADS)
    block_lookup1(BLOCK_PARAMETERS, PRODUCT_PARAMETERS, LOOKUP_SCRATCH) {
    multiplyByLookup(BlockTables<1>BLOCK_TABLES, codes, rows, columns, x, y, {left, inner, rank}, partial, arrived);
}

extern "C" __global__ void __launch_bounds__(LOOKUP_THREADS)
    block_lookup2(BLOCK_PARAMETERS, PRODUCT_PARAMETERS, LOOKUP_SCRATCH) {
    multiplyByLookup(BlockTables<2>BLOCK_TABLES, codes, rows, columns, x, y, {left, inner, rank}, partial, arrived);
}

extern "C" __global__ void __launch_bounds__(LOOKUP_THREADS)
    block_lookup3(BLOCK_PARAMETERS, PRODUCT_PARAMETERS, LOOKUP_SCRATCH) {
    multiplyByLookup(BlockTables<3>BLOCK_TABLES, codes, rows, columns, x, y, {left, inner, rank}, partial, arrived);
}

extern "C" __global__ void __launch_bounds__(LOOKUP_THREADS)
    block_lookup4(BLOCK_PARAMETERS, PRODUCT_PARAMETERS, LOOKUP_SCRATCH) {
    multiplyByLookup(BlockTables<4>BLOCK_TABLES, codes, rows, columns, x, y, {left, inner, rank}, partial, arrived);
}

/** largest[block] = the bits of the largest magnitude, which grow with it; a warp for each block of a line of `length` weights. */
extern "C" __global__ void block_absmax(const float* weights, i64 length, int lines, int group, i64 blocksOfLine, u32* largest) {
    i64 warps = i64(gridDim.x) * blockDim.x / WARP;
    for (i64 block = (i64(blockIdx.x) * blockDim.x + threadIdx.x) / WARP; block < blocksOfLine * lines; block += warps) {
        i64 line = block / blocksOfLine;
        i64 first = (block - line * blocksOfLine) * group;
        i64 end = min(length, first + group);
        u32 most = 0;
        for (i64 i = first + threadIdx.x % WARP; i < end; i += WARP) {
            most = max(most, __float_as_uint(weights[line * length + i]) & 0x7fffffffu);
        }
#pragma unroll
        for (int flip = WARP / 2; flip > 0; flip /= 2) {
            most = max(most, __shfl_xor_sync(ALL_LANES, most, flip));
        }
        if (threadIdx.x % WARP == 0) {
            largest[block] = most;
        }
    }
}

/**
 * codes = for each weight the number of midpoints below weight / scale, or zeroCode where the scale is 0; a thread for 8 weights, b bytes.
 *
 * @param midpoints 2^b - 1, ascending
 * @param scales one float for each block
 */
extern "C" __global__ void block_encode(const float* weights, i64 size, i64 length, int group, i64 blocksOfLine,
                                        const float* scales, const float* midpoints, int bits, int zeroCode, u8* codes) {
    __shared__ float thresholds[256];
    for (int i = threadIdx.x; i < 255; i += blockDim.x) {
        thresholds[i] = i < (1 << bits) - 1 ? midpoints[i] : 0;
    }
    __syncthreads();
    i64 bytes = (size * bits + 7) / 8;
    for (i64 chunk = i64(blockIdx.x) * blockDim.x + threadIdx.x; chunk * CHUNK < size; chunk += i64(gridDim.x) * blockDim.x) {
        u64 stream = 0;
        for (int k = 0; k < CHUNK && chunk * CHUNK + k < size; k++) {
            i64 i = chunk * CHUNK + k;
            i64 line = i / length;
            float scale = scales[line * blocksOfLine + (i - line * length) / group];
            u32 code = zeroCode;
            if (scale != 0) {
                float wanted = __fdiv_rn(weights[i], scale);
                code = 0;
                // bit after bit from the highest: the first code + step thresholds are below
                for (int step = 1 << (bits - 1); step > 0; step /= 2) {
                    code += thresholds[code + step - 1] < wanted ? step : 0;
                }
            }
            stream |= u64(code) << (k * bits);
        }
        for (int b = 0; b < bits && chunk * bits + b < bytes; b++) {
            codes[chunk * bits + b] = u8(stream >> (8 * b));
        }
    }
}
