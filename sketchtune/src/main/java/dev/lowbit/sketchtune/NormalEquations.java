package dev.lowbit.sketchtune;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Cholesky;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The tables for given codes. With M the 0/1 matrix of a row's codes, (G k) x n, Ŵ = z M, and (W - z M) H (W - z M)ᵀ is least where
 *
 * <pre>A z = b,   A = M H Mᵀ,   b = M H Wᵀ</pre>
 *
 * <p>over the entries that some code means; the others stay as they are.
 *
 * <p>M H is sums of rows of H, half of them because H is symmetric: with S[e, e'] the sum of H[j, l] over l > j with codes e and e', and half of the
 * diagonal, A = S + Sᵀ. The sums run over a block of columns for one row after another, so that the block stays in the cache.
 */
final class NormalEquations {
    private static final int ROWS_PER_TASK = 64;
    private static final int BLOCK = 256;

    private NormalEquations() {}

    /**
     * Hands every row's equations to a solver.
     *
     * @param products W H, m x n; not modified
     * @param curvature H; not modified
     * @param sketch its codes are read
     */
    static void forEachRow(
            FloatMatrix products, FloatMatrix curvature, Sketch sketch, RowObjective.Solver solver, Workers workers) {
        workers.forEach(Math.ceilDiv(sketch.rows(), ROWS_PER_TASK), task -> {
            int from = task * ROWS_PER_TASK;
            int count = Math.min(ROWS_PER_TASK, sketch.rows() - from);
            double[][] halves = halves(curvature, sketch, from, count);
            int size = sketch.rowEntries();
            for (int i = 0; i < count; i++) {
                double[] a = halves[i];
                for (int e = 0; e < size; e++) {
                    for (int f = 0; f <= e; f++) {
                        double value = a[e * size + f] + a[f * size + e];
                        a[e * size + f] = value;
                        a[f * size + e] = value;
                    }
                }
                double[] b = new double[size];
                float[] product = products.rows(from + i, 1).toArray();
                int codes = (from + i) * sketch.columns();
                for (int j = 0; j < product.length; j++) {
                    b[sketch.table(j) + sketch.codes()[codes + j]] += product[j];
                }
                solver.solve(from + i, a, b);
                halves[i] = null;
            }
        });
    }

    /** S of some rows. */
    private static double[][] halves(FloatMatrix curvature, Sketch sketch, int from, int count) {
        int n = sketch.columns();
        int size = sketch.rowEntries();
        double[][] halves = new double[count][size * size];
        float[] block = new float[n * BLOCK];
        float[] sums = new float[size * BLOCK];
        int[] entries = new int[n];
        for (int start = 0; start < n; start += BLOCK) {
            int width = Math.min(BLOCK, n - start);
            int above = start + width;
            for (int j = 0; j < above; j++) {
                MemorySegment.copy(
                        curvature.segment(),
                        ValueLayout.JAVA_FLOAT,
                        ((long) j * n + start) * Float.BYTES,
                        block,
                        j * BLOCK,
                        width);
                if (j >= start) {
                    int diagonal = j - start;
                    Arrays.fill(block, j * BLOCK, j * BLOCK + diagonal, 0);
                    block[j * BLOCK + diagonal] /= 2;
                }
            }
            for (int i = 0; i < count; i++) {
                int codes = (from + i) * n;
                for (int j = 0; j < above; j++) {
                    entries[j] = sketch.table(j) + sketch.codes()[codes + j];
                }
                Arrays.fill(sums, 0);
                for (int j = 0; j < above; j++) {
                    add(block, j * BLOCK, sums, entries[j] * BLOCK);
                }
                for (int e = 0; e < size; e++) {
                    for (int l = 0; l < width; l++) {
                        halves[i][e * size + entries[start + l]] += sums[e * BLOCK + l];
                    }
                }
            }
        }
        return halves;
    }

    private static void add(float[] from, int at, float[] to, int offset) {
        for (int l = 0; l < BLOCK; l++) {
            to[offset + l] += from[at + l];
        }
    }

    /** The least squares solution: {@code z} is what stays where no code means an entry, or where the system is singular beyond rounding. */
    static void solve(double[] a, double[] b, double[] tables, int offset) {
        int size = b.length;
        int[] used = used(a, size);
        double[] system = new double[used.length * used.length];
        double[] right = new double[used.length];
        for (int e = 0; e < used.length; e++) {
            right[e] = b[used[e]];
            for (int f = 0; f < used.length; f++) {
                system[e * used.length + f] = a[used[e] * size + used[f]];
            }
        }
        if (Cholesky.of(system, used.length) instanceof Cholesky cholesky) {
            cholesky.solve(right);
            for (int e = 0; e < used.length; e++) {
                tables[offset + used[e]] = right[e];
            }
        }
    }

    private static int[] used(double[] a, int size) {
        int[] used = new int[size];
        int count = 0;
        for (int e = 0; e < size; e++) {
            if (a[e * size + e] > 0) {
                used[count++] = e;
            }
        }
        return Arrays.copyOf(used, count);
    }
}
