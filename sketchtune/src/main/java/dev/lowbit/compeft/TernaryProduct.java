package dev.lowbit.compeft;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Products with a ternary matrix. */
final class TernaryProduct {
    private static final int ROWS_PER_TASK = 16;

    private TernaryProduct() {}

    /** {@link TernaryTensor#multiply}. */
    static void multiply(TernaryTensor matrix, FloatMatrix x, FloatMatrix y, Workers workers) {
        requireFit(matrix, x, y);
        int rows = y.columns();
        workers.forEach(Math.ceilDiv(rows, ROWS_PER_TASK), task -> {
            int from = task * ROWS_PER_TASK;
            for (int row = from; row < Math.min(from + ROWS_PER_TASK, rows); row++) {
                for (int token = 0; token < x.rows(); token++) {
                    y.set(token, row, (float) (matrix.scale() * dot(matrix, row, x, token)));
                }
            }
        });
    }

    private static double dot(TernaryTensor matrix, int row, FloatMatrix x, int token) {
        MemorySegment inputs = x.segment();
        long first = (long) token * x.columns();
        long begin = (long) row * x.columns();
        double sum = 0;
        for (int at = 0; at < x.columns(); at += Long.SIZE) {
            int part = Math.min(Long.SIZE, x.columns() - at);
            long plus = matrix.plus(begin + at, part);
            for (long bits = plus | matrix.minus(begin + at, part); bits != 0; bits &= bits - 1) {
                float value = inputs.getAtIndex(
                        ValueLayout.JAVA_FLOAT_UNALIGNED, first + at + Long.numberOfTrailingZeros(bits));
                sum += (plus & bits & -bits) != 0 ? value : -value;
            }
        }
        return sum;
    }

    private static void requireFit(TernaryTensor matrix, FloatMatrix x, FloatMatrix y) {
        boolean fits = matrix.shape().size() == 2
                && matrix.shape().get(0) == y.columns()
                && matrix.shape().get(1) == x.columns()
                && x.rows() == y.rows();
        if (!fits) {
            throw InvalidRequestException.usage("tensor " + matrix.name() + " is " + matrix.shape()
                    + ", outputs x inputs are needed for x of " + x.rows() + " x " + x.columns() + " and y of "
                    + y.rows()
                    + " x " + y.columns());
        }
    }
}
