package dev.lowbit.jobs.compress;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.Quantity;
import dev.lowbit.method.Compressor;
import java.util.Comparator;
import java.util.List;

/** What compressing the largest matrix needs: the one that is in memory. */
final class MatrixMemory {
    private MatrixMemory() {}

    /**
     * Compares it with a cap.
     *
     * @param weighted whether an importance lies beside the weights
     * @throws InvalidRequestException (impossible) naming the need
     */
    static void require(
            MemoryCap cap, List<Target> targets, Compressor method, Compressor.Limits limits, boolean weighted) {
        Target largest = largest(targets, method, limits, weighted);
        cap.require(
                bytes(largest, method, limits, weighted),
                largest.name() + " (" + largest.rows() + " x " + largest.columns() + ")",
                "leave it out with --skip");
    }

    /**
     * Compares what a method has on the Java heap with what the process may have there.
     *
     * @throws InvalidRequestException (impossible) naming the need
     */
    static void requireHeap(List<Target> targets, Compressor method, Compressor.Limits limits) {
        Target largest = targets.stream()
                .max(Comparator.comparingLong(target -> method.heapBytes(target.rows(), target.columns(), limits)))
                .orElseThrow();
        long need = method.heapBytes(largest.rows(), largest.columns(), limits);
        long most = Runtime.getRuntime().maxMemory();
        if (need > most) {
            throw InvalidRequestException.impossible(method.name() + " needs " + Quantity.bytes(need)
                    + " of Java heap for " + largest.name() + " (" + largest.rows() + " x " + largest.columns()
                    + "), this process may take " + Quantity.bytes(most) + "; give JAVA_OPTS=-Xmx"
                    + Math.ceilDiv(need, 1L << 20) + "m, or with --memory a larger cap, or leave it out with --skip");
        }
    }

    /** Bytes for the largest matrix. */
    static long bytes(List<Target> targets, Compressor method, Compressor.Limits limits, boolean weighted) {
        return bytes(largest(targets, method, limits, weighted), method, limits, weighted);
    }

    private static Target largest(List<Target> targets, Compressor method, Compressor.Limits limits, boolean weighted) {
        return targets.stream()
                .max(Comparator.comparingLong(target -> bytes(target, method, limits, weighted)))
                .orElseThrow();
    }

    private static long bytes(Target target, Compressor method, Compressor.Limits limits, boolean weighted) {
        long weights = target.weights() * Float.BYTES;
        // an importance of the same size, the second moment of the inputs, and its factorization in double
        long importance = weights + (long) target.columns() * target.columns() * (2L * Float.BYTES + Double.BYTES);
        return weights + (weighted ? importance : 0) + method.scratchBytes(target.rows(), target.columns(), limits);
    }
}
