package dev.lowbit.transformer;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.dense.FloatWeights;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Hands out a model's tensors by name, one at a time, checked against the shape that config.json implies. */
final class WeightSource {
    private final Checkpoint checkpoint;
    private final CompressedModel compressed;
    private final Set<String> compressedNames;
    private final Set<String> stored;
    private final List<FloatMatrix> owned = new ArrayList<>();

    private WeightSource(Checkpoint checkpoint, CompressedModel compressed) {
        this.checkpoint = checkpoint;
        this.compressed = compressed;
        this.compressedNames = compressed == null ? Set.of() : new HashSet<>(compressed.names());
        this.stored = new HashSet<>(checkpoint.names());
    }

    static WeightSource of(Checkpoint checkpoint) {
        return new WeightSource(checkpoint, null);
    }

    static WeightSource of(CompressedModel model) {
        return new WeightSource(model.checkpointOfOthers(), model);
    }

    boolean has(String name) {
        return stored.contains(name) || compressedNames.contains(name);
    }

    /** Closes every float matrix handed out. */
    void close() {
        owned.forEach(FloatMatrix::close);
        owned.clear();
    }

    /**
     * A weight, outputs x inputs.
     *
     * @param inputMajor whether the checkpoint stores it inputs x outputs; compressed matrices never are
     */
    QuantizedMatrix weight(String name, int outputs, int inputs, boolean inputMajor) {
        if (compressedNames.contains(name)) {
            QuantizedMatrix matrix = compressed.matrix(name);
            if (matrix.rows() != outputs || matrix.columns() != inputs) {
                throw misfit(
                        name, List.of((long) matrix.rows(), (long) matrix.columns()), List.of((long) outputs, (long)
                                inputs));
            }
            return matrix;
        }
        return new FloatWeights(table(name, outputs, inputs, inputMajor));
    }

    /** A float matrix, rows x columns. */
    FloatMatrix table(String name, int rows, int columns, boolean transposed) {
        require(name, transposed ? List.of((long) columns, (long) rows) : List.of((long) rows, (long) columns));
        FloatMatrix matrix = checkpoint.matrix(name, transposed);
        owned.add(matrix);
        return matrix;
    }

    /** A vector as a 1 x length matrix. */
    FloatMatrix vector(String name, int length) {
        TensorInfo info = require(name, List.of((long) length));
        FloatMatrix vector = FloatMatrix.allocate(1, length);
        owned.add(vector);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment raw = checkpoint.map(name, arena);
            Conversions.get().widen(info.type(), raw, 0, vector.segment(), 0, length);
        }
        long bad = Conversions.get().firstNonFinite(vector.segment(), 0, length);
        if (bad >= 0) {
            throw new MalformedFileException(
                    info.file(), -1, MalformedFileException.Reason.NON_FINITE, name + " holds no number at " + bad);
        }
        return vector;
    }

    private TensorInfo require(String name, List<Long> shape) {
        if (!stored.contains(name)) {
            throw new UnsupportedModelException(checkpoint.root() + ": there is no tensor " + name
                    + ", which the architecture in config.json needs; give a complete model");
        }
        TensorInfo info = checkpoint.info(name);
        if (!info.shape().equals(shape) || !info.type().isWeight()) {
            throw misfit(name, info.shape(), shape);
        }
        return info;
    }

    private MalformedFileException misfit(String name, List<Long> is, List<Long> needed) {
        return new MalformedFileException(
                checkpoint.root().resolve("config.json"),
                -1,
                MalformedFileException.Reason.BAD_CONFIG,
                "implies " + needed + " for " + name + ", which is " + is + "; use the config.json of these weights");
    }
}
