package dev.lowbit.transformer;

import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Work that is independent from token to token, in blocks of a fixed size. */
final class Tokens {
    /** Tokens of a block; part of the definition of every sum over tokens. */
    static final int BLOCK = 32;

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

    private Tokens() {}

    /** The tokens {@code from} to {@code to - 1}. */
    @FunctionalInterface
    interface Range {
        void run(int from, int to);
    }

    static void forEach(int tokens, Workers workers, Range body) {
        workers.forEach(Math.ceilDiv(tokens, BLOCK), b -> body.run(b * BLOCK, Math.min(tokens, b * BLOCK + BLOCK)));
    }

    /** Adds to {@code sums} what token t contributes. */
    @FunctionalInterface
    interface Contribution {
        void add(int token, double[] sums);
    }

    /** The sum of all contributions: within a block in token order, then the blocks in order. */
    static float[] sum(int tokens, int width, Workers workers, Contribution contribution) {
        double[][] blocks = new double[Math.ceilDiv(tokens, BLOCK)][];
        forEach(tokens, workers, (from, to) -> {
            double[] sums = new double[width];
            for (int t = from; t < to; t++) {
                contribution.add(t, sums);
            }
            blocks[from / BLOCK] = sums;
        });
        double[] total = new double[width];
        for (double[] block : blocks) {
            for (int i = 0; i < width; i++) {
                total[i] += block[i];
            }
        }
        float[] rounded = new float[width];
        for (int i = 0; i < width; i++) {
            rounded[i] = (float) total[i];
        }
        return rounded;
    }

    static float[] columnSums(FloatMatrix m, Workers workers) {
        return sum(m.rows(), m.columns(), workers, (t, sums) -> {
            for (int i = 0; i < sums.length; i++) {
                sums[i] += at(m, t, i);
            }
        });
    }

    /** The sum of all values, one by one. */
    static double inOrder(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        return sum;
    }

    static float at(FloatMatrix m, int row, int column) {
        return m.segment().getAtIndex(FLOAT, (long) row * m.columns() + column);
    }

    static void set(FloatMatrix m, int row, int column, float value) {
        m.segment().setAtIndex(FLOAT, (long) row * m.columns() + column, value);
    }

    /** Copies a row of {@code m} into {@code out} (overwritten): loops over an array become SIMD code, loops over a segment seldom do. */
    static void read(FloatMatrix m, int row, float[] out) {
        MemorySegment.copy(m.segment(), FLOAT, (long) row * m.columns() * Float.BYTES, out, 0, m.columns());
    }

    /** The way back: {@code in} becomes a row of {@code m} (modified). */
    static void write(float[] in, FloatMatrix m, int row) {
        MemorySegment.copy(in, 0, m.segment(), FLOAT, (long) row * m.columns() * Float.BYTES, m.columns());
    }

    /** sum += term, row by row. */
    static void add(FloatMatrix term, FloatMatrix sum, Workers workers) {
        forEach(sum.rows(), workers, (from, to) -> {
            long offset = (long) from * sum.columns();
            long length = (long) (to - from) * sum.columns();
            Kernels.get().axpy(1, term.segment(), offset, sum.segment(), offset, length);
        });
    }
}
