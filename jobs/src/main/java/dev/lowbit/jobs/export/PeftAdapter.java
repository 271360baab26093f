package dev.lowbit.jobs.export;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.update.AdapterFolder;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The low-rank parts of a compressed model as a LoRA adapter in the layout of PEFT. With Ŵ = Q + L1 L2 and the scaling
 * s = alpha / r, the adapter holds A = L2 / sqrt(s) and B = L1 / sqrt(s), so that Q + s B A = Ŵ. Here alpha = r for every
 * matrix, hence s = 1 and both factors are exactly the stored ones.
 */
final class PeftAdapter {
    private static final String WEIGHT = ".weight";
    private static final Pattern BARE_GPT2 = Pattern.compile("h\\.\\d+\\..*");

    private final CompressedModel model;
    private final List<MatrixEntry> matrices;

    /** @throws InvalidRequestException impossible, when no matrix has a low-rank part, or an embedding has one */
    PeftAdapter(CompressedModel model) {
        this.model = model;
        this.matrices = model.manifest().matrices().stream()
                .filter(matrix -> matrix.rank() > 0)
                .toList();
        if (matrices.isEmpty()) {
            throw InvalidRequestException.impossible(model.directory()
                    + ": no matrix has a low-rank part, so there is no adapter; compress with --min-rank 1 or more, or"
                    + " export --to safetensors");
        }
        // PEFT has factors of other names and orientation for what is looked up in
        matrices.forEach(matrix -> LinearLayers.requireNoEmbedding(matrix, "adapter"));
    }

    int size() {
        return matrices.size();
    }

    /** What of a matrix stays in the base model: everything but the low-rank part. */
    static QuantizedMatrix base(QuantizedMatrix matrix) {
        return matrix instanceof SumMatrix sum ? sum.base() : matrix;
    }

    /** Writes adapter_model.safetensors and adapter_config.json into an existing directory. */
    void write(Path directory, String baseName, Map<String, String> metadata, Workers workers) {
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        for (MatrixEntry matrix : matrices) {
            long rank = matrix.rank();
            entries.add(entry(matrix, "lora_A", List.of(rank, (long) matrix.columns())));
            entries.add(entry(matrix, "lora_B", List.of((long) matrix.rows(), rank)));
        }
        Path file = directory.resolve(AdapterFolder.WEIGHTS);
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, metadata, entries)) {
            matrices.forEach(matrix -> writeFactors(matrix, writer, workers));
            writer.finish();
        }
        AtomicOutput.writeString(directory.resolve(AdapterFolder.CONFIG), JsonOutput.text(config(baseName)) + "\n");
    }

    private static SafetensorsWriter.Entry entry(MatrixEntry matrix, String factor, List<Long> shape) {
        return new SafetensorsWriter.Entry(
                "base_model.model." + module(matrix.name()) + "." + factor + WEIGHT, DType.F32, shape);
    }

    /**
     * The module that PEFT finds in the model: the tensor's name without {@code .weight}. GPT-2 is published without the
     * prefix that the loaded model has.
     */
    static String module(String tensor) {
        String module = tensor.endsWith(WEIGHT) ? tensor.substring(0, tensor.length() - WEIGHT.length()) : tensor;
        return BARE_GPT2.matcher(module).matches() ? "transformer." + module : module;
    }

    private void writeFactors(MatrixEntry entry, SafetensorsWriter writer, Workers workers) {
        try (Arena arena = Arena.ofShared()) {
            if (!(model.matrix(entry.name(), arena) instanceof SumMatrix sum)) {
                throw new UnsupportedModelException(entry.name() + ": format " + entry.format()
                        + " has a low-rank part that is no LoRA adapter; export --to safetensors");
            }
            int rank = sum.rank();
            FloatMatrix right = FloatMatrix.allocate(rank, sum.columns(), arena);
            sum.right().dequantize(0, right, workers);
            writer.write(right.segment());
            FloatMatrix left = FloatMatrix.allocate(rank, sum.rows(), arena);
            sum.left().dequantize(0, left, workers);
            MemorySegment transposed = arena.allocate(left.segment().byteSize(), Float.BYTES);
            Conversions.transpose(left.segment(), rank, sum.rows(), transposed, 0, rank);
            writer.write(transposed);
        }
    }

    private Map<String, Object> config(String baseName) {
        int rank = matrices.stream().mapToInt(MatrixEntry::rank).max().orElseThrow();
        Map<String, Integer> others = new LinkedHashMap<>();
        for (MatrixEntry matrix : matrices) {
            if (matrix.rank() != rank) {
                others.put(module(matrix.name()), matrix.rank());
            }
        }
        List<String> architectures =
                model.checkpointOfOthers().config().map(c -> c.architectures()).orElse(List.of());
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("peft_type", "LORA");
        if (architectures.stream().anyMatch(a -> a.endsWith("ForCausalLM") || a.endsWith("LMHeadModel"))) {
            config.put("task_type", "CAUSAL_LM");
        }
        config.put("base_model_name_or_path", baseName);
        config.put("r", rank);
        config.put("lora_alpha", rank);
        config.put("rank_pattern", others);
        config.put("alpha_pattern", others);
        config.put(
                "target_modules",
                matrices.stream().map(matrix -> module(matrix.name())).toList());
        config.put("fan_in_fan_out", matrices.stream().allMatch(MatrixEntry::transposed));
        config.put("lora_dropout", 0.0);
        config.put("bias", "none");
        config.put("use_rslora", false);
        config.put("use_dora", false);
        config.put("init_lora_weights", true);
        config.put("inference_mode", true);
        return config;
    }
}
