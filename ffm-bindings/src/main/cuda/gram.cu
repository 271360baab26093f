// Products over the tokens of a batch in double: products of floats are exact there, so only the additions round.
#include "common.cuh"

#define GRAM_TILE 64
#define GRAM_THREADS 256
#define GRAM_TOKENS 16

/**
 * gram += X^T X, n x n doubles, row-major, symmetric: tokens ascending in one chain for each entry, then one addition to what was there. Blocks are tiles of the lower
 * triangle, 4 x 4 entries a thread; the upper one is its mirror image.
 *
 * @param x tokens x n
 */
extern "C" __global__ void __launch_bounds__(GRAM_THREADS) gram_accumulate(const float* x, int tokens, int n, double* gram) {
    __shared__ float ofRows[GRAM_TOKENS][GRAM_TILE];
    __shared__ float ofColumns[GRAM_TOKENS][GRAM_TILE];
    if (blockIdx.x > blockIdx.y) {
        return;
    }
    int firstRow = blockIdx.y * GRAM_TILE, firstColumn = blockIdx.x * GRAM_TILE;
    int threadRow = threadIdx.x / 16, threadColumn = threadIdx.x % 16;
    double sums[4][4] = {};
    for (int from = 0; from < tokens; from += GRAM_TOKENS) {
        __syncthreads();
        for (int i = threadIdx.x; i < GRAM_TOKENS * GRAM_TILE; i += GRAM_THREADS) {
            int t = i / GRAM_TILE, j = i % GRAM_TILE;
            bool inside = from + t < tokens;
            const float* token = x + i64(from + t) * n;
            ofRows[t][j] = inside && firstRow + j < n ? __ldg(token + firstRow + j) : 0;
            ofColumns[t][j] = inside && firstColumn + j < n ? __ldg(token + firstColumn + j) : 0;
        }
        __syncthreads();
        for (int t = 0; t < min(GRAM_TOKENS, tokens - from); t++) {
            double left[4], right[4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                left[i] = ofRows[t][threadRow + 16 * i];
                right[i] = ofColumns[t][threadColumn + 16 * i];
            }
#pragma unroll
            for (int i = 0; i < 4; i++) {
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    sums[i][j] = __fma_rn(left[i], right[j], sums[i][j]);
                }
            }
        }
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
            int row = firstRow + threadRow + 16 * i, column = firstColumn + threadColumn + 16 * j;
            if (row < n && column <= row) {
                double sum = __dadd_rn(gram[i64(row) * n + column], sums[i][j]);
                gram[i64(row) * n + column] = sum;
                gram[i64(column) * n + row] = sum;
            }
        }
    }
}
