package dev.lowbit.jobs.export;

import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.compress.TargetSelection;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.gptq.GptqLayout;
import dev.lowbit.matrix.gptq.GptqTensors;
import dev.lowbit.matrix.gptq.GptqVersion;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.ConfigFile;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.tensor.DType;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Every compressed matrix in the exchange layout of GPTQ, without its low-rank part: the very numbers that are stored. Readers know one number of
 * bits, one group size and one symmetry for the whole model. Input-major sources (GPT-2) need no turning, the layout has one orientation.
 */
final class GptqMatrices implements ExportedMatrices {
    /** Readers want one; nothing that they compute depends on it. */
    private static final double DAMPING = 0.01;

    private static final String ADVICE = "compress --method int2-lrec --format affine4-g128-f16";
    private static final LinearLayers LAYERS = new LinearLayers("GPTQ", ADVICE);

    private final GptqVersion version;
    private final Map<String, Object> config = new LinkedHashMap<>();

    /** @throws InvalidRequestException impossible, when the layout has no such model */
    GptqMatrices(CompressedModel model, GptqVersion version) {
        this.version = version;
        List<MatrixEntry> entries = LAYERS.of(model);
        AffineFormat first = format(entries.getFirst());
        boolean indexed = false;
        boolean head = false;
        for (MatrixEntry entry : entries) {
            AffineFormat format = format(entry);
            layout(entry);
            if (format.codeBits() != first.codeBits()
                    || format.groupSize() != first.groupSize()
                    || format.symmetric() != first.symmetric()) {
                throw LAYERS.mixed("one number of bits, one group size and one symmetry", entries.getFirst(), entry);
            }
            indexed |= format.indexed();
            head |= TargetSelection.isHead(entry.name());
        }
        config.put("quant_method", "gptq");
        config.put("bits", first.codeBits());
        config.put("group_size", first.groupSize() == 0 ? -1 : first.groupSize());
        config.put("sym", first.symmetric());
        config.put("desc_act", indexed);
        config.put("damp_percent", DAMPING);
        config.put("lm_head", head);
        config.put("checkpoint_format", version.checkpointFormat());
        Map<String, Object> dynamic = left(model);
        if (!dynamic.isEmpty()) {
            config.put("dynamic", dynamic);
        }
    }

    /** The affine format of a matrix or of its base. */
    private static AffineFormat format(MatrixEntry entry) {
        if (!(LinearLayers.base(entry) instanceof AffineFormat affine)) {
            throw LinearLayers.refused(
                    entry, "is " + entry.format() + ", and the GPTQ layout has affine formats only; " + ADVICE);
        }
        if (!affine.scales().equals(new ScaleFormat.OneLevel(DType.F16))) {
            throw LinearLayers.refused(
                    entry,
                    "is " + entry.format() + ", and the GPTQ layout has scales in f16, which need not hold these; "
                            + ADVICE);
        }
        return affine;
    }

    private static GptqLayout layout(MatrixEntry entry) {
        try {
            return GptqLayout.of(format(entry), entry.rows(), entry.columns());
        } catch (InvalidRequestException e) {
            throw LinearLayers.misshapen(entry, e);
        }
    }

    /** GPTQModel takes every linear layer for a quantized one unless an expression excludes it. */
    private static Map<String, Object> left(CompressedModel model) {
        Map<String, Object> dynamic = new TreeMap<>();
        for (String name : LinearLayers.left(model, TargetSelection.standard())) {
            String module = PeftAdapter.module(name).replaceAll("[^A-Za-z0-9_]", "\\\\$0");
            dynamic.put("-:^" + module + "$", Map.of());
        }
        return dynamic;
    }

    @Override
    public List<SafetensorsWriter.Entry> tensors(MatrixEntry entry) {
        return LinearLayers.tensors(entry, layout(entry).tensors());
    }

    @Override
    public void write(MatrixEntry entry, QuantizedMatrix matrix, SafetensorsWriter writer, Workers workers) {
        AffineMatrix base = (AffineMatrix) PeftAdapter.base(matrix);
        GptqTensors.pack(TargetSelection.layer(entry.name()), base, version, workers)
                .bytes()
                .forEach(writer::write);
    }

    @Override
    public byte[] config(byte[] bytes) {
        return ConfigFile.withQuantization(bytes, JsonOutput.text(config).replace("\n", "\n  "));
    }

    /** What quantize_config.json holds. */
    String config() {
        return JsonOutput.text(config) + "\n";
    }
}
