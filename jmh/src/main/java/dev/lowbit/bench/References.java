package dev.lowbit.bench;

/**
 * What the machine could do in a run.
 *
 * @param sgemmSeconds S, the time of OpenBLAS's sgemm of 1024 x 1024 x 1024 on one thread
 * @param readRate bytes read from memory per second
 * @param readRateOfTwo the same by two threads together
 * @param storeRate bytes written by the plain store loop per second
 * @param fmaRate floating-point operations per second of the fused multiply-add loop
 * @param gemvRate weights per second of the float product of 4096 x 4096 weights with one vector
 * @param cachedGemvRate weights per second of the exact product of {@code f32} weights that a core's own cache holds
 */
record References(
        double sgemmSeconds,
        double readRate,
        double readRateOfTwo,
        double storeRate,
        double fmaRate,
        double gemvRate,
        double cachedGemvRate) {
    /** Operations of the reference sgemm. */
    static final double SGEMM_OPERATIONS =
            2.0 * ReferenceBenchmark.SGEMM_SIZE * ReferenceBenchmark.SGEMM_SIZE * ReferenceBenchmark.SGEMM_SIZE;

    /**
     * @throws IllegalArgumentException when the run did not contain all references
     */
    static References of(JmhResults results) {
        String prefix = ReferenceBenchmark.class.getName() + ".";
        return new References(
                results.seconds(prefix + "sgemm"),
                ReferenceBenchmark.READ_BYTES / results.seconds(prefix + "read"),
                ReferenceBenchmark.READ_BYTES / results.seconds(prefix + "readByTwo"),
                ReferenceBenchmark.STORE_BYTES / results.seconds(prefix + "store"),
                ReferenceBenchmark.fmaOperations() / results.seconds(prefix + "fma"),
                (double) ReferenceBenchmark.STORE_BYTES / Float.BYTES / results.seconds(prefix + "gemv"),
                (double) ReferenceBenchmark.CACHED_ROWS
                        * ReferenceBenchmark.CACHED_COLUMNS
                        / results.seconds(prefix + "cachedGemv"));
    }

    double sgemmRate() {
        return SGEMM_OPERATIONS / sgemmSeconds;
    }
}
