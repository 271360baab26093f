package dev.lowbit.transformer.calibration;

import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.checkpoint.SafetensorsWriter.Entry;
import dev.lowbit.linalg.Transpose;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.Linear;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Writes a calibration file layer by layer as the statistics come; it appears under its name when it is complete. The format is in
 * docs/formats/calibration.md.
 */
public final class CalibrationWriter implements AutoCloseable {
    static final String OUTPUTS = ".outputs";
    static final String DIVERGENCE = ".divergence";
    static final String HESSIAN = ".hessian";
    static final String MEAN = ".mean";
    static final String NORM = ".norm";
    static final String TOKENS = "lowbit.tokens";
    /** Metadata: key + name of a layer is the layer that owns the statistics of its inputs. */
    static final String INPUTS = "inputs:";

    private final SafetensorsWriter writer;
    private final Predicate<String> inputMajor;
    private final Map<String, Double> divergences;
    private final CalibrationTokens tokens;

    private CalibrationWriter(
            SafetensorsWriter writer,
            Predicate<String> inputMajor,
            Map<String, Double> divergences,
            CalibrationTokens tokens) {
        this.writer = writer;
        this.inputMajor = inputMajor;
        this.divergences = divergences;
        this.tokens = tokens;
    }

    /**
     * Begins a file.
     *
     * @param groups layers that share their inputs, as {@link Statistics#groups} gives them
     * @param inputMajor whether the checkpoint stores the weight of that name inputs x outputs
     * @param divergences of every layer by name
     */
    public static CalibrationWriter create(
            Path file,
            CalibrationHeader header,
            List<List<Linear>> groups,
            Predicate<String> inputMajor,
            Map<String, Double> divergences,
            CalibrationTokens tokens) {
        Map<String, String> metadata = new LinkedHashMap<>(header.metadata());
        List<Entry> entries = new ArrayList<>();
        for (List<Linear> group : groups) {
            String owner = group.getFirst().name();
            for (Linear layer : group) {
                long rows = layer.weight().rows();
                long columns = layer.weight().columns();
                List<Long> shape = inputMajor.test(layer.name()) ? List.of(columns, rows) : List.of(rows, columns);
                entries.add(new Entry(layer.name(), DType.F32, shape));
                entries.add(new Entry(layer.name() + OUTPUTS, DType.F32, List.of(rows)));
                entries.add(new Entry(layer.name() + DIVERGENCE, DType.F64, List.of()));
                if (layer.name().equals(owner)) {
                    entries.add(new Entry(owner + HESSIAN, DType.F32, List.of(columns, columns)));
                    entries.add(new Entry(owner + MEAN, DType.F32, List.of(columns)));
                    entries.add(new Entry(owner + NORM, DType.F32, List.of(columns)));
                } else {
                    metadata.put(INPUTS + layer.name(), owner);
                }
            }
        }
        entries.add(new Entry(TOKENS, DType.I32, List.of((long) tokens.ids().length)));
        return new CalibrationWriter(
                SafetensorsWriter.create(file, metadata, entries), inputMajor, divergences, tokens);
    }

    /** Takes the next layer, in the order of the groups. */
    public void add(LayerStatistics layer) {
        FloatMatrix fisher = layer.fisher();
        if (inputMajor.test(layer.name())) {
            try (FloatMatrix stored = FloatMatrix.allocate(fisher.columns(), fisher.rows())) {
                Transpose.copy(fisher, stored);
                writer.write(stored.segment());
            }
        } else {
            writer.write(fisher.segment());
        }
        writer.write(MemorySegment.ofArray(layer.outputs()));
        ByteBuffer scalar = ByteBuffer.allocate(Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        writer.write(scalar.putDouble(0, divergences.get(layer.name())));
        if (layer.inputs().owner().equals(layer.name())) {
            writer.write(layer.inputs().secondMoment().segment());
            writer.write(MemorySegment.ofArray(layer.inputs().mean()));
            writer.write(MemorySegment.ofArray(layer.inputs().norm()));
        }
    }

    /** Completes the file. */
    public void finish() {
        writer.write(MemorySegment.ofArray(tokens.ids()));
        writer.finish();
    }

    @Override
    public void close() {
        writer.close();
    }
}
