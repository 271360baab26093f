// Scores of codewords against points, and the best: the assignment of k-means and the beam step of additive codes.
//
// score(t, c) = offset(c) + <c, t>, a chain of fused multiply-adds from the offset on, dimensions ascending; with offset = -1/2 <c, c> the largest is nearest.
#include "common.cuh"

#define ASSIGN_THREADS 128

/** Floats of codewords that a block holds at a time. */
#define ASSIGN_FLOATS 4096

/** Calls take(codeword, score) for all codewords in order; every thread of a block has a point of its own, some perhaps none. */
template <class Take>
__device__ __forceinline__ void forScores(const float* words, const float* offsets, int count, int dimension, const float* point,
                                          Take take) {
    __shared__ float some[ASSIGN_FLOATS];
    int together = ASSIGN_FLOATS / dimension;
    for (int from = 0; from < count; from += together) {
        int here = min(together, count - from);
        __syncthreads();
        for (int i = threadIdx.x; i < here * dimension; i += ASSIGN_THREADS) {
            some[i] = __ldg(words + i64(from) * dimension + i);
        }
        __syncthreads();
        if (point) {
            for (int w = 0; w < here; w++) {
                float score = __ldg(offsets + from + w);
                for (int i = 0; i < dimension; i++) {
                    score = __fmaf_rn(some[w * dimension + i], __ldg(point + i), score);
                }
                take(from + w, score);
            }
        }
    }
}

/**
 * best[p] = the codeword with the largest score, of equal ones the first; bestScores[p] that score.
 *
 * @param words count x dimension
 * @param points pointCount x dimension
 */
extern "C" __global__ void __launch_bounds__(ASSIGN_THREADS)
    assign_best(const float* words, const float* offsets, int count, int dimension, const float* points, int pointCount,
                int* best, float* bestScores) {
    int p = blockIdx.x * ASSIGN_THREADS + threadIdx.x;
    int bestWord = 0;
    float bestScore = -__uint_as_float(0x7f800000u);
    forScores(words, offsets, count, dimension, p < pointCount ? points + i64(p) * dimension : nullptr,
              [&](int word, float score) {
                  if (score > bestScore) {
                      bestScore = score;
                      bestWord = word;
                  }
              });
    if (p < pointCount) {
        best[p] = bestWord;
        bestScores[p] = bestScore;
    }
}

/** scores = all of them, pointCount x count. */
extern "C" __global__ void __launch_bounds__(ASSIGN_THREADS)
    assign_scores(const float* words, const float* offsets, int count, int dimension, const float* points, int pointCount,
                  float* scores) {
    int p = blockIdx.x * ASSIGN_THREADS + threadIdx.x;
    forScores(words, offsets, count, dimension, p < pointCount ? points + i64(p) * dimension : nullptr,
              [&](int word, float score) { scores[i64(p) * count + word] = score; });
}
