package dev.lowbit.method;

import dev.lowbit.budget.Candidate;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.dense.DenseFormat;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import java.util.stream.Stream;

/**
 * No compression: matrices stay floats of 16 or 32 bits, in a model that {@code tune} accepts. So a low-rank adapter (LoRA, arXiv 2106.09685) or all
 * weights are trained by the same trainer that compressed models have, to compare with.
 */
public final class FloatStorage implements Compressor {
    private static final Kernels KERNELS = Kernels.get();

    /** For ServiceLoader. */
    public FloatStorage() {}

    @Override
    public String name() {
        return "float";
    }

    @Override
    public List<Candidate> price(
            String name, FloatMatrix weights, Importance importance, Limits limits, Workers workers) {
        if (limits.minRank() > 0) {
            throw InvalidRequestException.usage("float has no low-rank part, but --min-rank is " + limits.minRank()
                    + "; take 0, and tune --rank to train one");
        }
        return Stream.of(DType.F16, DType.BF16, DType.F32)
                .filter(type -> type != DType.F16 || fitsHalf(weights))
                .map(DenseFormat::new)
                .map(format -> measured(weights, importance, format, workers))
                .toList();
    }

    private static boolean fitsHalf(FloatMatrix weights) {
        return Float.isFinite(Float.float16ToFloat(Float.floatToFloat16(Norms.absMax(weights))));
    }

    private static Candidate measured(FloatMatrix weights, Importance importance, DenseFormat format, Workers workers) {
        try (FloatMatrix residual = FloatMatrix.allocate(weights.rows(), weights.columns())) {
            DenseMatrix.of(weights, format.type()).dequantize(0, residual, workers);
            KERNELS.subtract(weights.segment(), 0, residual.segment(), 0, residual.segment(), 0, weights.size());
            double error = importance.of(residual, workers);
            return new Candidate(format.id(), 0, format.bytes(weights.rows(), weights.columns()), error, true);
        }
    }

    @Override
    public Candidate confirm(
            String name,
            FloatMatrix weights,
            Importance importance,
            Candidate candidate,
            Limits limits,
            Workers workers) {
        return measured(weights, importance, parse(candidate.format()), workers);
    }

    @Override
    public QuantizedMatrix compress(
            String name,
            FloatMatrix weights,
            Importance importance,
            Candidate candidate,
            Limits limits,
            Workers workers) {
        return DenseMatrix.of(weights, parse(candidate.format()).type());
    }

    private DenseFormat parse(String id) {
        MatrixFormat format = MatrixFormats.parse(id);
        if (!writes(format)) {
            throw InvalidRequestException.usage("float does not write the format " + id + "; take f16, bf16 or f32");
        }
        return (DenseFormat) format;
    }

    @Override
    public boolean writes(MatrixFormat format) {
        return format instanceof DenseFormat;
    }

    /** The matrix as it is stored and as it is read again. */
    @Override
    public long scratchBytes(int rows, int columns, Limits limits, boolean weighted) {
        return 2L * Float.BYTES * rows * columns + (1 << 20);
    }

    @Override
    public double paperBitsPerWeight(String format, int rows, int columns) {
        return parse(format).type().bits();
    }
}
