package dev.lowbit.matrix.affine;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
import dev.lowbit.matrix.FeedbackSweep;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.packed.Packing;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * Turns weights into codes, scales and zero points of an affine format. Scales and zero points are searched, see {@link AffineFit}; codes are
 * the nearest ones, or with a Hessian those of {@link AffineFeedback}, which searches once more as it goes.
 *
 * <p>Weights must be finite: {@link NonFiniteWeightException} names the first that is not.
 */
public final class AffineQuantizer {
    private AffineQuantizer() {}

    /**
     * What was decided.
     *
     * @param matrix Ŵ
     * @param error the squared (weighted) error
     */
    public record Result(AffineMatrix matrix, double error) {}

    /**
     * Quantizes for the smallest (weighted) error.
     *
     * @param weights rows x columns; not modified
     * @throws InvalidRequestException when the format cannot hold this matrix's scales (F16 overflow), or stores the group of each column
     */
    public static Result quantize(FloatMatrix weights, Importance importance, AffineFormat format, Workers workers) {
        return quantize(weights, importance, format, null, workers);
    }

    /**
     * Quantizes and tells what is left.
     *
     * @param weights rows x columns; not modified unless it is {@code residual}
     * @param residual rows x columns; modified (overwritten by weights - Ŵ); null when it is not wanted
     * @throws InvalidRequestException as {@link #quantize(FloatMatrix, Importance, AffineFormat, Workers)}
     */
    public static Result quantize(
            FloatMatrix weights, Importance importance, AffineFormat format, FloatMatrix residual, Workers workers) {
        return tryQuantize(weights, importance, format, residual, workers)
                .orElseThrow(() -> InvalidRequestException.beyondFormat(format.id() + " cannot hold the scales of this "
                        + weights.rows() + " x " + weights.columns()
                        + " matrix: they overflow; use bf16 or f32 scales"));
    }

    /**
     * The squared (weighted) error of {@link #quantize}; infinite when the format cannot hold this matrix's scales.
     *
     * @param weights rows x columns; not modified
     */
    public static double squaredError(
            FloatMatrix weights, Importance importance, AffineFormat format, Workers workers) {
        return tryQuantize(weights, importance, format, null, workers)
                .map(Result::error)
                .orElse(Double.POSITIVE_INFINITY);
    }

    private static Optional<Result> tryQuantize(
            FloatMatrix weights, Importance importance, AffineFormat format, FloatMatrix residual, Workers workers) {
        if (format.indexed()) {
            throw InvalidRequestException.usage(
                    format.id() + " is only read, not written: leave out -gidx, its groups are no better");
        }
        Norms.requireFinite(weights);
        return AffineFit.of(weights, importance, format, workers)
                .map(fit -> importance instanceof Hessian hessian
                        ? AffineFeedback.sweep(weights, hessian, format, fit, residual, workers)
                        : nearest(weights, importance.diagonal(), format, fit, residual, workers));
    }

    private static Result nearest(
            FloatMatrix weights,
            Optional<FloatMatrix> importance,
            AffineFormat format,
            AffineFit fit,
            FloatMatrix residual,
            Workers workers) {
        int columns = weights.columns();
        int bits = format.codeBits();
        MemorySegment codes = PackedCodes.allocate(weights.size(), bits);
        float[] scales = fit.scales().values();
        double[] errors = new double[Math.ceilDiv(weights.rows(), FeedbackSweep.ROWS_PER_TASK)];
        workers.forEach(errors.length, task -> {
            int from = task * FeedbackSweep.ROWS_PER_TASK;
            int count = Math.min(FeedbackSweep.ROWS_PER_TASK, weights.rows() - from);
            byte[] taskCodes = new byte[count * columns];
            float[] left = new float[columns];
            for (int i = 0; i < count; i++) {
                float[] row = weights.rows(from + i, 1).toArray();
                float[] factors = importance.isPresent()
                        ? importance.get().rows(from + i, 1).toArray()
                        : null;
                for (int j = 0; j < columns; j++) {
                    int group = (from + i) * format.groupsOfRow(columns) + j / format.groupColumns(columns);
                    int zero = fit.zeros()[group] & 0xff;
                    float level = level(row[j], scales[group], zero, format.largestCode());
                    taskCodes[i * columns + j] = (byte) (zero + (int) level);
                    left[j] = row[j] - scales[group] * level;
                    errors[task] += (factors == null ? 1.0 : factors[j]) * left[j] * left[j];
                }
                if (residual != null) {
                    residual.rows(from + i, 1).copyFrom(FloatMatrix.wrap(1, columns, left));
                }
            }
            store(taskCodes, from, columns, bits, codes);
        });
        double error = 0;
        for (double part : errors) {
            error += part;
        }
        return new Result(matrix(weights, format, codes, fit.scales(), fit.zeros()), error);
    }

    /** The level nearest to a weight, by exact division. */
    static float level(float weight, float scale, int zero, int last) {
        return scale == 0 ? 0 : AffineKernels.level(weight / scale, zero, last);
    }

    static AffineMatrix matrix(
            FloatMatrix weights, AffineFormat format, MemorySegment codes, EncodedScales scales, byte[] zeros) {
        return AffineMatrix.of(
                weights.rows(),
                weights.columns(),
                format,
                codes,
                scales,
                format.symmetric() ? new byte[0] : zeros,
                new int[0]);
    }

    /** Packs the codes of some rows, the first a multiple of 8, into the matrix's stream (modified). */
    static void store(byte[] some, int firstRow, int columns, int bits, MemorySegment codes) {
        byte[] packed = new byte[(int) PackedCodes.bytes(some.length, bits)];
        Packing.get().pack(some, 0, some.length, bits, packed, 0);
        long offset = (long) firstRow * columns / Byte.SIZE * bits;
        MemorySegment.copy(packed, 0, codes, ValueLayout.JAVA_BYTE, offset, packed.length);
    }
}
