package dev.lowbit.cuda.check;

import java.util.List;

/**
 * How large what is measured is.
 *
 * @param copyBytes of the copy from device memory to device memory
 * @param shapes rows and columns of products
 * @param formats of products
 * @param tokens of products
 * @param gramInputs n of XᵀX
 * @param gramTokens of one batch
 * @param launches timed one after the other
 * @param milliseconds that one timed series of launches takes at least
 */
record BenchmarkSizes(
        long copyBytes,
        List<int[]> shapes,
        List<String> formats,
        List<Integer> tokens,
        int gramInputs,
        int gramTokens,
        int launches,
        double milliseconds) {
    /** For a GPU: the shapes of 7- to 70-billion-parameter models, 4, 3 and 2 bits of each family. */
    static final BenchmarkSizes FULL = new BenchmarkSizes(
            4L << 30,
            List.of(new int[] {4096, 4096}, new int[] {4096, 11008}, new int[] {8192, 28672}),
            List.of(
                    "nf4-g64-s8x256-bf16",
                    "nf3-g64-s8x256-bf16",
                    "nf2-g64-s8x256-bf16",
                    "affine4-g128-f16",
                    "affine3-g128-f16",
                    "affine2-g128-f16",
                    "aq2x8-g8-row-f16",
                    "sketch4-r1-f16",
                    "nf3-g64-s8x256-bf16+r64-bf16",
                    "bf16"),
            List.of(1, 2, 4, 8, 16),
            4096,
            2048,
            20_000,
            20);
}
