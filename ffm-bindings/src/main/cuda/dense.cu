// Plain floats of 16 or 32 bits.
#include "common.cuh"

#define DENSE_PARAMETERS const void *weights, int stored, int rows, int columns

#define DENSE_MATRIX DenseWeights matrix = {rows, columns, weights, stored}

struct DenseWeights {
    int rows, columns;
    const void* weights;
    int stored;

    template <bool EXACT>
    __device__ __forceinline__ void decode(int row, int column, int count, float (&out)[CHUNK]) const {
        i64 first = i64(row) * columns + column;
        if (count == CHUNK && columns % CHUNK == 0) {
            if (stored == STORED_F32) {
                loadChunk((const float*)weights + first, CHUNK, true, out);
                return;
            }
            uint4 eight = __ldg((const uint4*)((const u16*)weights + first));
            u32 pairs[4] = {eight.x, eight.y, eight.z, eight.w};
#pragma unroll
            for (int k = 0; k < CHUNK; k++) {
                u16 bits = u16(pairs[k / 2] >> (k % 2 * 16));
                out[k] = stored == STORED_F16 ? floatOfHalf(bits) : floatOfBfloat(bits);
            }
            return;
        }
#pragma unroll
        for (int k = 0; k < CHUNK; k++) {
            out[k] = k < count ? storedFloat(weights, stored, first + k) : 0;
        }
    }
};

extern "C" __global__ void dense_dequantize(DENSE_PARAMETERS, int fromRow, int count, float* out) {
    DENSE_MATRIX;
    dequantizeRows(matrix, fromRow, count, out);
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    dense_multiply1(DENSE_PARAMETERS, PRODUCT_PARAMETERS) {
    DENSE_MATRIX;
    multiplyRows<DenseWeights, 1>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    dense_multiply4(DENSE_PARAMETERS, PRODUCT_PARAMETERS) {
    DENSE_MATRIX;
    multiplyRows<DenseWeights, 4>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    dense_multiply8(DENSE_PARAMETERS, PRODUCT_PARAMETERS) {
    DENSE_MATRIX;
    multiplyRows<DenseWeights, 8>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 2)
    dense_multiply16(DENSE_PARAMETERS, PRODUCT_PARAMETERS) {
    DENSE_MATRIX;
    multiplyRows<DenseWeights, 16>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(TRANSPOSED_THREADS)
    dense_transposed1(DENSE_PARAMETERS, TRANSPOSED_PARAMETERS) {
    DENSE_MATRIX;
    transposedRows<DenseWeights, 1>(matrix, tokens, y, partial);
}

extern "C" __global__ void __launch_bounds__(TRANSPOSED_THREADS)
    dense_transposed4(DENSE_PARAMETERS, TRANSPOSED_PARAMETERS) {
    DENSE_MATRIX;
    transposedRows<DenseWeights, 4>(matrix, tokens, y, partial);
}
