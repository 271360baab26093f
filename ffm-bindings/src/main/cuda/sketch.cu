// A table of 2^b values for each group of a row: W[i, j] = Z[i, group of j, code[i, j]].
#include "common.cuh"

/**
 * @param codes bit stream of b-bit codes, row-major
 * @param tables rows x groups x 2^b, floats of a STORED type
 */
#define SKETCH_PARAMETERS \
    const u8 *codes, const void *tables, int stored, int bits, int groups, int groupColumns, int rows, int columns

#define SKETCH_MATRIX SketchWeights matrix = {rows, columns, codes, tables, stored, bits, groups, groupColumns}

struct SketchWeights {
    int rows, columns;
    const u8* codes;
    const void* tables;
    int stored, bits, groups, groupColumns;

    template <bool EXACT>
    __device__ __forceinline__ void decode(int row, int column, int count, float (&out)[CHUNK]) const {
        Bits stream(codes, (i64(row) * columns + column) * bits);
        int group = divide(column, groupColumns);
        int within = column - group * groupColumns;
        i64 table = (i64(row) * groups + group) << bits;
#pragma unroll
        for (int k = 0; k < CHUNK; k++) {
            if (within == groupColumns) {
                within = 0;
                table += 1 << bits;
            }
            within++;
            out[k] = k < count ? storedFloat(tables, stored, table + stream.next(bits)) : 0;
        }
    }
};

extern "C" __global__ void sketch_dequantize(SKETCH_PARAMETERS, int fromRow, int count, float* out) {
    SKETCH_MATRIX;
    dequantizeRows(matrix, fromRow, count, out);
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    sketch_multiply1(SKETCH_PARAMETERS, PRODUCT_PARAMETERS) {
    SKETCH_MATRIX;
    multiplyRows<SketchWeights, 1>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    sketch_multiply4(SKETCH_PARAMETERS, PRODUCT_PARAMETERS) {
    SKETCH_MATRIX;
    multiplyRows<SketchWeights, 4>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    sketch_multiply8(SKETCH_PARAMETERS, PRODUCT_PARAMETERS) {
    SKETCH_MATRIX;
    multiplyRows<SketchWeights, 8>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 2)
    sketch_multiply16(SKETCH_PARAMETERS, PRODUCT_PARAMETERS) {
    SKETCH_MATRIX;
    multiplyRows<SketchWeights, 16>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(TRANSPOSED_THREADS)
    sketch_transposed1(SKETCH_PARAMETERS, TRANSPOSED_PARAMETERS) {
    SKETCH_MATRIX;
    transposedRows<SketchWeights, 1>(matrix, tokens, y, partial);
}

extern "C" __global__ void __launch_bounds__(TRANSPOSED_THREADS)
    sketch_transposed4(SKETCH_PARAMETERS, TRANSPOSED_PARAMETERS) {
    SKETCH_MATRIX;
    transposedRows<SketchWeights, 4>(matrix, tokens, y, partial);
}

/**
 * codes = for each weight the entry of its table that is nearest, of equal ones the first; a thread for 8 weights, b bytes.
 *
 * @param tables rows x groups x 2^b floats
 */
extern "C" __global__ void sketch_encode(const float* weights, i64 size, int columns, int groups, int groupColumns,
                                         const float* tables, int bits, u8* codes) {
    i64 bytes = (size * bits + 7) / 8;
    for (i64 chunk = i64(blockIdx.x) * blockDim.x + threadIdx.x; chunk * CHUNK < size; chunk += i64(gridDim.x) * blockDim.x) {
        u64 stream = 0;
        for (int k = 0; k < CHUNK && chunk * CHUNK + k < size; k++) {
            i64 i = chunk * CHUNK + k;
            i64 row = i / columns;
            const float* table = tables + ((row * groups + int(i - row * columns) / groupColumns) << bits);
            u32 best = 0;
            float smallest = __uint_as_float(0x7f800000u);
            for (u32 code = 0; code < 1u << bits; code++) {
                float distance = fabsf(__fsub_rn(table[code], weights[i]));
                if (distance < smallest) {
                    smallest = distance;
                    best = code;
                }
            }
            stream |= u64(best) << (k * bits);
        }
        for (int b = 0; b < bits && chunk * bits + b < bytes; b++) {
            codes[chunk * bits + b] = u8(stream >> (8 * b));
        }
    }
}
