package dev.lowbit.checkpoint;

import dev.lowbit.tensor.DType;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Compares what a config.json claims with the tensors, which are always believed. */
final class ConfigChecks {
    private static final List<String> EMBEDDINGS =
            List.of("model.embed_tokens.weight", "transformer.wte.weight", "wte.weight");
    private static final String HEAD = "lm_head.weight";
    private static final Pattern LAYER = Pattern.compile("(?:model\\.layers|(?:transformer\\.)?h)\\.(\\d{1,9})\\..*");

    private ConfigChecks() {}

    static List<String> warnings(ModelConfig config, Map<String, TensorInfo> tensors) {
        List<String> warnings = new ArrayList<>();
        vocabulary(config, tensors, warnings);
        layers(config, tensors, warnings);
        if (config.tieWordEmbeddings() && tensors.containsKey(HEAD)) {
            warnings.add(config.file() + ": tie_word_embeddings is true and " + HEAD + " is stored too; both are kept");
        }
        elementType(config, tensors, warnings);
        if (config.hasRemoteCode()) {
            warnings.add(config.file() + ": auto_map asks for code of its own, which is never run");
        }
        if (config.architectures().isEmpty()) {
            warnings.add(config.file() + ": names no architecture; matrices are found by tensor names");
        }
        return warnings;
    }

    private static void vocabulary(ModelConfig config, Map<String, TensorInfo> tensors, List<String> warnings) {
        for (String name : EMBEDDINGS) {
            TensorInfo embedding = tensors.get(name);
            boolean comparable = embedding != null
                    && embedding.shape().size() == 2
                    && config.vocabSize().isPresent();
            if (comparable && embedding.shape().getFirst() != config.vocabSize().getAsInt()) {
                warnings.add(
                        config.file() + ": vocab_size is " + config.vocabSize().getAsInt() + " and " + name + " has "
                                + embedding.shape().getFirst() + " rows; the tensor is used");
            }
        }
    }

    private static void layers(ModelConfig config, Map<String, TensorInfo> tensors, List<String> warnings) {
        long stored = tensors.keySet().stream()
                        .map(LAYER::matcher)
                        .filter(Matcher::matches)
                        .mapToInt(name -> Integer.parseInt(name.group(1)))
                        .max()
                        .orElse(-1)
                + 1L;
        if (config.numHiddenLayers().isPresent() && config.numHiddenLayers().getAsInt() < stored) {
            warnings.add(config.file() + ": num_hidden_layers is "
                    + config.numHiddenLayers().getAsInt() + " and the tensors are of " + stored
                    + " layers; those beyond are not run");
        }
    }

    private static void elementType(ModelConfig config, Map<String, TensorInfo> tensors, List<String> warnings) {
        Map<DType, Long> bytes = new EnumMap<>(DType.class);
        tensors.values().stream()
                .filter(TensorInfo::isMatrix)
                .forEach(t -> bytes.merge(t.type(), t.byteSize(), Long::sum));
        String claimed = config.torchDtype().orElse("").replace("torch.", "");
        DType type = switch (claimed) {
            case "float64" -> DType.F64;
            case "float32" -> DType.F32;
            case "float16" -> DType.F16;
            case "bfloat16" -> DType.BF16;
            case "float8_e4m3fn" -> DType.F8_E4M3;
            case "float8_e5m2" -> DType.F8_E5M2;
            default -> null;
        };
        if (type == null || bytes.isEmpty() || bytes.containsKey(type)) {
            return;
        }
        warnings.add(config.file() + ": claims " + claimed + ", the matrices are " + bytes.keySet()
                + "; the tensors are believed");
    }
}
