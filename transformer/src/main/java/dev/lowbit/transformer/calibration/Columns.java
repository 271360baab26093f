package dev.lowbit.transformer.calibration;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Sums down the columns of an activation matrix, each in the order of the rows. */
final class Columns {
    /** Columns of a task: a cache line of floats, several times. */
    private static final int BLOCK = 64;

    private Columns() {}

    /** Takes one value of a column; values of a column come in the order of the rows, different columns from any thread. */
    @FunctionalInterface
    interface Sum {
        void add(int column, double value);
    }

    static void forEach(FloatMatrix m, Workers workers, Sum sum) {
        MemorySegment values = m.segment();
        workers.forEach(Math.ceilDiv(m.columns(), BLOCK), block -> {
            int end = Math.min(m.columns(), (block + 1) * BLOCK);
            for (int t = 0; t < m.rows(); t++) {
                long row = (long) t * m.columns();
                for (int j = block * BLOCK; j < end; j++) {
                    sum.add(j, values.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, row + j));
                }
            }
        });
    }
}
