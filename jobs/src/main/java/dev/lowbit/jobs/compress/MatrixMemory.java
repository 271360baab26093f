package dev.lowbit.jobs.compress;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.Quantity;
import dev.lowbit.method.Compressor;
import dev.lowbit.tensor.Shape;
import java.util.Comparator;
import java.util.List;

/** What compressing the largest matrix needs: the one that is in memory. */
final class MatrixMemory {
    private MatrixMemory() {}

    /**
     * Compares it with a cap.
     *
     * @param weighted whether an importance lies beside the weights
     * @param workers who compress it
     * @throws InvalidRequestException (impossible) naming the need
     */
    static void require(
            MemoryCap cap,
            List<Target> targets,
            Compressor method,
            Compressor.Limits limits,
            boolean weighted,
            int workers) {
        Target largest = largest(targets, method, limits, weighted, workers);
        cap.require(
                bytes(largest, method, limits, weighted, workers),
                largest.name() + " (" + largest.rows() + " x " + largest.columns() + ")",
                "leave it out with --skip");
    }

    /**
     * Looks for a matrix that is too large for an array.
     *
     * @param weighted whether there is an importance
     * @param pairs whether that is a Hessian
     * @throws InvalidRequestException (impossible) naming it
     */
    static void requireArrays(List<Target> targets, Compressor method, boolean weighted, boolean pairs) {
        for (Target target : targets) {
            boolean factored = !pairs || Shape.fitsArray(target.columns(), target.columns());
            if (!factored || !method.takes(target.rows(), target.columns(), weighted)) {
                throw InvalidRequestException.impossible((factored ? method.name() : "an importance of the inputs")
                        + " needs a longer array for "
                        + target.name() + " (" + target.rows() + " x " + target.columns()
                        + ") than Java has (" + Shape.LARGEST_ARRAY + " numbers); leave it out with --skip, or "
                        + (factored ? "take another --method" : "compress without --calibration"));
            }
        }
    }

    /**
     * Compares what lies on the Java heap with what the process may have there.
     *
     * @param weighted whether there is an importance
     * @param pairs whether that is a Hessian
     * @param workers who compress it
     * @throws InvalidRequestException (impossible) naming the need
     */
    static void requireHeap(
            List<Target> targets,
            Compressor method,
            Compressor.Limits limits,
            boolean weighted,
            boolean pairs,
            int workers) {
        Target largest = targets.stream()
                .max(Comparator.comparingLong(target -> heap(target, method, limits, weighted, pairs, workers)))
                .orElseThrow();
        long need = heap(largest, method, limits, weighted, pairs, workers);
        long most = Runtime.getRuntime().maxMemory();
        if (need > most) {
            throw InvalidRequestException.impossible(method.name() + " needs " + Quantity.bytes(need)
                    + " of Java heap for " + largest.name() + " (" + largest.rows() + " x " + largest.columns()
                    + "), this process may take " + Quantity.bytes(most) + "; give JAVA_OPTS=-Xmx"
                    + Math.ceilDiv(need, 1L << 20) + "m, or a larger --memory, or leave it out with --skip");
        }
    }

    /** Bytes for the largest matrix. */
    static long bytes(
            List<Target> targets, Compressor method, Compressor.Limits limits, boolean weighted, int workers) {
        return bytes(largest(targets, method, limits, weighted, workers), method, limits, weighted, workers);
    }

    private static Target largest(
            List<Target> targets, Compressor method, Compressor.Limits limits, boolean weighted, int workers) {
        return targets.stream()
                .max(Comparator.comparingLong(target -> bytes(target, method, limits, weighted, workers)))
                .orElseThrow();
    }

    private static long bytes(
            Target target, Compressor method, Compressor.Limits limits, boolean weighted, int workers) {
        long weights = target.weights() * Float.BYTES;
        long scratch = method.scratchBytes(target.rows(), target.columns(), limits, weighted)
                + workers * method.workerBytes(target.columns(), limits, weighted);
        if (!weighted) {
            return weights + scratch;
        }
        // an importance of the same size, the second moment of the inputs and its factor
        long importance = weights + 2L * Float.BYTES * target.columns() * target.columns();
        return weights + importance + Math.max(factorization(target), scratch);
    }

    private static long heap(
            Target target, Compressor method, Compressor.Limits limits, boolean weighted, boolean pairs, int workers) {
        return Math.max(
                pairs ? factorization(target) : 0,
                method.heapBytes(target.rows(), target.columns(), limits, weighted)
                        + workers * method.workerBytes(target.columns(), limits, weighted));
    }

    /** The damped second moment and its Cholesky factor, in double, which are gone when the method begins. */
    private static long factorization(Target target) {
        return 2L * Double.BYTES * target.columns() * target.columns();
    }
}
