package dev.lowbit.sketchtune;

import dev.lowbit.kernel.Workers;
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
 * diagonal, A = S + Sᵀ. The sums run over a few columns at a time, for several rows of the sketch at once, so that all of it stays in the cache.
 */
final class NormalEquations {
    private static final int ROWS_PER_TASK = 128;

    /** Doubles of the equations that a task has at once, 2 MiB; a row of a thousand entries has more alone. */
    private static final int DOUBLES_PER_TASK = 1 << 18;

    /** Rows whose sums stay in the first cache together. */
    private static final int ROWS_AT_ONCE = 8;

    private static final LearningKernels KERNELS = LearningKernels.get();

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
        int[] tables = sketch.tablesOfColumns();
        int size = sketch.rowEntries();
        int rows = Math.clamp(DOUBLES_PER_TASK / ((long) size * size), 1, ROWS_PER_TASK);
        workers.forEach(Math.ceilDiv(sketch.rows(), rows), task -> {
            int from = task * rows;
            int count = Math.min(rows, sketch.rows() - from);
            double[][] halves = halves(curvature, sketch, from, count);
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
                    b[tables[j] + sketch.codes()[codes + j]] += product[j];
                }
                solver.solve(from + i, new DenseEquations(a, b));
                halves[i] = null;
            }
        });
    }

    /** Bytes that a worker takes for rows of so many entries, with those of its solver: of a row's equations that are used, and their factor. */
    static long bytes(int columns, int entries) {
        long row = 3L * Double.BYTES * entries * entries;
        long sums = Float.BYTES * LearningKernels.RUN * ((long) columns + (long) ROWS_AT_ONCE * entries);
        return row + Double.BYTES * (long) DOUBLES_PER_TASK + sums + (long) Integer.BYTES * ROWS_PER_TASK * columns;
    }

    /** S of some rows. */
    private static double[][] halves(FloatMatrix curvature, Sketch sketch, int from, int count) {
        int n = sketch.columns();
        int size = sketch.rowEntries();
        int[] tables = sketch.tablesOfColumns();
        double[][] halves = new double[count][size * size];
        int[][] places = new int[Math.ceilDiv(count, ROWS_AT_ONCE)][];
        for (int some = 0; some < places.length; some++) {
            places[some] = places(sketch, tables, from + some * ROWS_AT_ONCE, together(count, some));
        }
        float[] block = new float[n * LearningKernels.RUN];
        float[] sums = new float[ROWS_AT_ONCE * size * LearningKernels.RUN];
        for (int start = 0; start < n; start += LearningKernels.RUN) {
            int end = Math.min(n, start + LearningKernels.RUN);
            load(curvature, start, end, block);
            for (int some = 0; some < places.length; some++) {
                int rows = together(count, some);
                Arrays.fill(sums, 0);
                for (int j = 0; j < end; j++) {
                    KERNELS.scatter(block, j * LearningKernels.RUN, places[some], j * rows, rows, sums);
                }
                for (int i = 0; i < rows; i++) {
                    int row = some * ROWS_AT_ONCE + i;
                    int codes = (from + row) * n;
                    for (int l = start; l < end; l++) {
                        int column = tables[l] + sketch.codes()[codes + l];
                        int at = i * size * LearningKernels.RUN + l - start;
                        for (int e = 0; e < size; e++) {
                            halves[row][e * size + column] += sums[at + e * LearningKernels.RUN];
                        }
                    }
                }
            }
        }
        return halves;
    }

    private static int together(int count, int some) {
        return Math.min(ROWS_AT_ONCE, count - some * ROWS_AT_ONCE);
    }

    /** Where the sums of each column's entry begin, n x rows. */
    private static int[] places(Sketch sketch, int[] tables, int from, int rows) {
        int n = sketch.columns();
        int[] places = new int[n * rows];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < n; j++) {
                int entry = tables[j] + sketch.codes()[(from + i) * n + j];
                places[j * rows + i] = (i * sketch.rowEntries() + entry) * LearningKernels.RUN;
            }
        }
        return places;
    }

    /** H[0 .. end), columns start to end: what is above the diagonal, and half of that. */
    private static void load(FloatMatrix curvature, int start, int end, float[] block) {
        for (int j = 0; j < end; j++) {
            int to = j * LearningKernels.RUN;
            long at = ((long) j * curvature.columns() + start) * Float.BYTES;
            MemorySegment.copy(curvature.segment(), ValueLayout.JAVA_FLOAT, at, block, to, end - start);
            if (j >= start) {
                Arrays.fill(block, to, to + j - start, 0);
                block[to + j - start] /= 2;
            }
        }
    }
}
