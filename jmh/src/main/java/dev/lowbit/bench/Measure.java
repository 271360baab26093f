package dev.lowbit.bench;

/** How the time of a benchmark becomes a ratio to a reference of the same run. */
enum Measure {
    /** Time in units of S, the single-thread sgemm of 1024 x 1024 x 1024. */
    TIMES_S("S", false) {
        @Override
        double ratio(double seconds, double work, References references) {
            return seconds / references.sgemmSeconds();
        }
    },
    /** Floating-point operations per second as a fraction of that sgemm's. */
    OF_SGEMM("of sgemm", true) {
        @Override
        double ratio(double seconds, double work, References references) {
            return work / seconds / references.sgemmRate();
        }
    },
    /** Bytes written per second as a fraction of the plain store loop's. */
    OF_STORE("of store loop", true) {
        @Override
        double ratio(double seconds, double work, References references) {
            return work / seconds / references.storeRate();
        }
    },
    /** Weights per second as a multiple of the dense float product's with one vector. */
    OF_GEMV("of float gemv", true) {
        @Override
        double ratio(double seconds, double work, References references) {
            return work / seconds / references.gemvRate();
        }
    },
    /** Weights per second as a multiple of the float product's whose weights a core's own cache holds. */
    OF_CACHED_GEMV("of cached float gemv", true) {
        @Override
        double ratio(double seconds, double work, References references) {
            return work / seconds / references.cachedGemvRate();
        }
    },
    /** Bytes of weights read per second as a fraction of what two threads read. */
    OF_READ_BY_TWO("of read bandwidth, two threads", true) {
        @Override
        double ratio(double seconds, double work, References references) {
            return work / seconds / references.readRateOfTwo();
        }
    },
    /** Bytes of weights read per second as a fraction of the read bandwidth. */
    OF_READ("of read bandwidth", true) {
        @Override
        double ratio(double seconds, double work, References references) {
            return work / seconds / references.readRate();
        }
    };

    private final String unit;
    private final boolean moreIsBetter;

    Measure(String unit, boolean moreIsBetter) {
        this.unit = unit;
        this.moreIsBetter = moreIsBetter;
    }

    /**
     * @param seconds of one call
     * @param work of one call, in the unit of the measure (operations, bytes or weights; unused for {@link #TIMES_S})
     */
    abstract double ratio(double seconds, double work, References references);

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
