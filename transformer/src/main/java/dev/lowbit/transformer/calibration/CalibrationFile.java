package dev.lowbit.transformer.calibration;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A calibration file, see docs/formats/calibration.md: what {@link CalibrationWriter} wrote, or any safetensors file that holds the
 * Fisher diagonals of weights under their names. Nothing in it is trusted; every value is checked when it is read.
 */
public final class CalibrationFile implements AutoCloseable {
    private final Path file;
    private final Checkpoint tensors;
    private final Set<String> names;
    private final Map<String, String> metadata;
    private final Optional<CalibrationHeader> header;

    private CalibrationFile(Path file, Checkpoint tensors) {
        this.file = file;
        this.tensors = tensors;
        this.names = new HashSet<>(tensors.names());
        this.metadata = tensors.metadata(tensors.files().getFirst());
        this.header = CalibrationHeader.read(file, metadata);
    }

    /**
     * Opens a file.
     *
     * @throws MalformedFileException for what breaks the format of safetensors; BAD_CALIBRATION for a header that is none
     */
    public static CalibrationFile open(Path file) {
        Checkpoint tensors = Checkpoint.open(file);
        try {
            return new CalibrationFile(file, tensors);
        } catch (RuntimeException | Error e) {
            tensors.close();
            throw e;
        }
    }

    /** Where it came from; empty for Fisher diagonals of other origin. */
    public Optional<CalibrationHeader> header() {
        return header;
    }

    /** Whether there is a Fisher diagonal of a weight. */
    public boolean has(String weight) {
        return names.contains(weight);
    }

    /** Whether everything is there of a weight that {@link CalibrationWriter} writes. */
    public boolean isComplete(String weight) {
        return header.isPresent()
                && names.containsAll(List.of(
                        weight,
                        weight + CalibrationWriter.OUTPUTS,
                        weight + CalibrationWriter.DIVERGENCE,
                        inputs(weight) + CalibrationWriter.HESSIAN));
    }

    /** The layer under whose name the statistics of a layer's inputs are stored. */
    private String inputs(String weight) {
        return metadata.getOrDefault(CalibrationWriter.INPUTS + weight, weight);
    }

    /**
     * Compares the stored shapes of what belongs to a weight with the weight's own.
     *
     * @param transposed whether the weight is stored inputs x outputs
     * @throws MalformedFileException BAD_CALIBRATION
     */
    public void requireFits(TensorInfo weight, boolean transposed) {
        require(weight.name(), weight.shape());
        if (isComplete(weight.name())) {
            long rows = weight.shape().get(transposed ? 1 : 0);
            long columns = weight.shape().get(transposed ? 0 : 1);
            require(weight.name() + CalibrationWriter.OUTPUTS, List.of(rows));
            require(inputs(weight.name()) + CalibrationWriter.HESSIAN, List.of(columns, columns));
            require(weight.name() + CalibrationWriter.DIVERGENCE, List.of());
        }
    }

    private void require(String name, List<Long> shape) {
        TensorInfo tensor = tensors.info(name);
        if (!tensor.type().isWeight() || !tensor.shape().equals(shape)) {
            throw bad(
                    tensor.offsetBytes(),
                    "tensor " + name + " is " + tensor.type() + " " + tensor.shape()
                            + "; floating-point numbers in the shape " + shape + " are needed");
        }
    }

    /**
     * The Fisher diagonal of a weight that {@link #requireFits fits}, in memory that the caller closes.
     *
     * @param transposed whether to give columns x rows
     * @throws MalformedFileException BAD_CALIBRATION for a negative value, NON_FINITE for one that is not finite, both naming
     *     tensor, row and column as stored
     */
    public FloatMatrix fisher(String weight, boolean transposed) {
        FloatMatrix diagonal = tensors.matrix(weight, transposed);
        for (int i = 0; i < diagonal.rows(); i++) {
            for (int j = 0; j < diagonal.columns(); j++) {
                if (diagonal.get(i, j) < 0) {
                    float value = diagonal.get(i, j);
                    diagonal.close();
                    throw bad(
                            tensors.info(weight).offsetBytes(),
                            "tensor " + weight + " holds " + value + " at row " + (transposed ? j : i) + ", column "
                                    + (transposed ? i : j)
                                    + "; a Fisher diagonal is a sum of squares and never negative");
                }
            }
        }
        return diagonal;
    }

    /**
     * E[x xᵀ] of a layer's inputs, in memory that the caller closes.
     *
     * @throws MalformedFileException BAD_CALIBRATION when it is not symmetric or its diagonal is negative; NON_FINITE
     */
    public FloatMatrix secondMoment(String weight) {
        String name = inputs(weight) + CalibrationWriter.HESSIAN;
        FloatMatrix moment = tensors.matrix(name);
        for (int i = 0; i < moment.rows(); i++) {
            for (int j = 0; j <= i; j++) {
                if (moment.get(i, j) != moment.get(j, i) || i == j && moment.get(i, i) < 0) {
                    moment.close();
                    throw bad(
                            tensors.info(name).offsetBytes(),
                            "tensor " + name + " is no second moment at row " + i + ", column " + j
                                    + "; it must be symmetric with a diagonal that is not negative");
                }
            }
        }
        return moment;
    }

    /** The sum over tokens of (dL/dy)² of every output of a layer. */
    public float[] outputs(String weight) {
        String name = weight + CalibrationWriter.OUTPUTS;
        TensorInfo tensor = tensors.info(name);
        float[] values = new float[Math.toIntExact(tensor.elements())];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment raw = tensors.map(name, arena);
            Conversions.get().widen(tensor.type(), raw, 0, MemorySegment.ofArray(values), 0, values.length);
        }
        for (int i = 0; i < values.length; i++) {
            if (!(values[i] >= 0 && values[i] < Float.POSITIVE_INFINITY)) {
                throw bad(
                        tensor.offsetBytes(),
                        "tensor " + name + " holds " + values[i] + " at " + i
                                + "; finite numbers that are not negative are needed");
            }
        }
        return values;
    }

    /** KL(model || model with this weight alone in the probe's format), nats a token. */
    public double divergence(String weight) {
        TensorInfo tensor = tensors.info(weight + CalibrationWriter.DIVERGENCE);
        if (tensor.type() != DType.F64) {
            throw bad(tensor.offsetBytes(), "tensor " + tensor.name() + " is " + tensor.type() + ", F64 is needed");
        }
        try (Arena arena = Arena.ofConfined()) {
            double value = tensors.map(tensor.name(), arena).get(ValueLayout.JAVA_DOUBLE_UNALIGNED, 0);
            if (!Double.isFinite(value)) {
                throw bad(tensor.offsetBytes(), "tensor " + tensor.name() + " holds " + value);
            }
            return value;
        }
    }

    /**
     * The text that was calibrated with.
     *
     * @throws MalformedFileException BAD_CALIBRATION when it is not there
     */
    public CalibrationTokens tokens() {
        CalibrationHeader of = header.orElseThrow();
        if (!names.contains(CalibrationWriter.TOKENS)) {
            throw bad(-1, "holds no tensor " + CalibrationWriter.TOKENS + "; calibrate again");
        }
        TensorInfo tensor = tensors.info(CalibrationWriter.TOKENS);
        if (tensor.type() != DType.I32 || tensor.shape().size() != 1 || tensor.elements() == 0) {
            throw bad(
                    tensor.offsetBytes(),
                    "tensor " + tensor.name() + " is " + tensor.type() + " " + tensor.shape()
                            + "; a list of I32 token ids is needed");
        }
        try (Arena arena = Arena.ofConfined()) {
            int[] ids = tensors.map(tensor.name(), arena).toArray(ValueLayout.JAVA_INT_UNALIGNED);
            for (int id : ids) {
                if (id < 0 || id >= of.vocabulary()) {
                    throw bad(tensor.offsetBytes(), "token id " + id + " is not in 0 to " + (of.vocabulary() - 1));
                }
            }
            return new CalibrationTokens(of.beginning(), ids, of.context());
        }
    }

    private MalformedFileException bad(long offset, String detail) {
        return new MalformedFileException(file, offset, Reason.BAD_CALIBRATION, detail);
    }

    @Override
    public void close() {
        tensors.close();
    }
}
