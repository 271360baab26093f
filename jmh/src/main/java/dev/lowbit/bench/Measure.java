package dev.lowbit.bench;

import java.util.function.ToDoubleFunction;

/** How the time of a benchmark becomes a ratio to a reference of the same run. */
enum Measure {
    /** Time in units of S, the single-thread sgemm of 1024 x 1024 x 1024. */
    TIMES_S("S", false, References::sgemmSeconds),
    /** Floating-point operations per second as a fraction of that sgemm's. */
    OF_SGEMM("of sgemm", true, References::sgemmRate),
    /** Bytes written per second as a fraction of the plain store loop's. */
    OF_STORE("of store loop", true, References::storeRate),
    /** Weights per second as a multiple of the dense float product's with one vector. */
    OF_GEMV("of float gemv", true, References::gemvRate),
    /** Weights per second as a multiple of the float product's whose weights a core's own cache holds. */
    OF_CACHED_GEMV("of cached float gemv", true, References::cachedGemvRate),
    /** Bytes of weights read per second as a fraction of what two threads read. */
    OF_READ_BY_TWO("of read bandwidth, two threads", true, References::readRateOfTwo),
    /** Bytes of weights read per second as a fraction of the read bandwidth. */
    OF_READ("of read bandwidth", true, References::readRate);

    private final String unit;
    private final boolean moreIsBetter;
    private final ToDoubleFunction<References> reference;

    /** @param reference a rate where more is better, else a time */
    Measure(String unit, boolean moreIsBetter, ToDoubleFunction<References> reference) {
        this.unit = unit;
        this.moreIsBetter = moreIsBetter;
        this.reference = reference;
    }

    /**
     * @param seconds of one call
     * @param work of one call, in the unit of the measure (operations, bytes or weights; unused for {@link #TIMES_S})
     */
    double ratio(double seconds, double work, References references) {
        double of = reference.applyAsDouble(references);
        return moreIsBetter ? work / seconds / of : seconds / of;
    }

    String unit() {
        return unit;
    }

    boolean moreIsBetter() {
        return moreIsBetter;
    }

    /** By which factor {@code ratio} is faster than {@code other}; below 1 it is slower. */
    double speedup(double ratio, double other) {
        return moreIsBetter ? ratio / other : other / ratio;
    }
}
