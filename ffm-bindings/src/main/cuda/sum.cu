// What products add up afterwards.
#include "common.cuh"

/**
 * x[t, j] = the sum of `parts` parts of a transposed product in their order, or that added to what x holds.
 *
 * @param partial parts x tokens x columns
 */
extern "C" __global__ void sum_partials(const float* partial, int parts, int tokens, int columns, int add, float* x) {
    i64 size = i64(tokens) * columns;
    for (i64 i = i64(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += i64(gridDim.x) * blockDim.x) {
        float sum = partial[i];
        for (int part = 1; part < parts; part++) {
            sum = __fadd_rn(sum, partial[part * size + i]);
        }
        x[i] = add ? __fadd_rn(x[i], sum) : sum;
    }
}

/** Rank terms that the format adds up in one chain. */
#define RANK_BLOCK 256

/**
 * out += rows fromRow .. fromRow + count - 1 of L^T R, bit for bit as the format defines it: chains of up to RANK_BLOCK fused multiply-adds that start at 0.
 *
 * @param left rank x rows
 * @param right rank x columns
 */
extern "C" __global__ void sum_low_rank(const float* left, const float* right, int rank, int rows, int columns, int fromRow,
                                        int count, float* out) {
    i64 size = i64(count) * columns;
    for (i64 i = i64(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += i64(gridDim.x) * blockDim.x) {
        int row = int(i / columns);
        int column = int(i - i64(row) * columns);
        float value = out[i];
        for (int from = 0; from < rank; from += RANK_BLOCK) {
            float chain = 0;
            for (int r = from; r < min(rank, from + RANK_BLOCK); r++) {
                chain = __fmaf_rn(left[i64(r) * rows + fromRow + row], right[i64(r) * columns + column], chain);
            }
            value = __fadd_rn(value, chain);
        }
        out[i] = value;
    }
}
