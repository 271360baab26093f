package dev.lowbit.jobs.importing;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.ModelConfig;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.matrix.gptq.GptqVersion;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * What a GPTQ model says about all its layers: {@code quantization_config} of config.json, else quantize_config.json.
 *
 * @param bits of a code, 2, 3, 4 or 8
 * @param groupSize columns of a group, 0 for one group a row
 * @param version what fields of zero points hold
 */
record GptqConfig(int bits, int groupSize, GptqVersion version) {
    private static final String BLOCK = "quantization_config";
    private static final String FILE = "quantize_config.json";
    private static final long MAX_GROUP_SIZE = 1 << 16;

    /** Fields and where they were read. */
    private record Fields(Path file, Map<?, ?> values) {
        Optional<String> string(String name) {
            return switch (values.get(name)) {
                case null -> Optional.empty();
                case String text -> Optional.of(text);
                default -> throw bad(name + " is no string");
            };
        }

        long integer(String name) {
            if (values.get(name) instanceof Long integer) {
                return integer;
            }
            throw bad(name + " is " + (values.containsKey(name) ? "no integer" : "missing") + "; GPTQ needs it");
        }

        MalformedFileException bad(String detail) {
            return new MalformedFileException(file, -1, Reason.BAD_CONFIG, detail);
        }

        UnsupportedModelException unsupported(String detail) {
            return new UnsupportedModelException(file + ": " + detail);
        }
    }

    /**
     * Reads the configuration of a model.
     *
     * @throws MalformedFileException BAD_CONFIG, BAD_JSON ... when it is not what it should be
     * @throws UnsupportedModelException when there is none, or it is of another method or layout
     */
    static GptqConfig read(Checkpoint checkpoint) {
        Fields fields = fields(checkpoint);
        String method = fields.string("quant_method").orElse("gptq");
        if (!method.equals("gptq")) {
            throw fields.unsupported("quant_method is " + method + "; gptq can be imported");
        }
        String format = fields.string("checkpoint_format").orElse(GptqVersion.V1.checkpointFormat());
        GptqVersion version = GptqVersion.of(format)
                .orElseThrow(() ->
                        fields.unsupported("checkpoint_format is " + format + "; gptq and gptq_v2 can be imported"));
        String words = fields.string("pack_dtype").orElse("int32");
        if (!words.equals("int32")) {
            throw fields.unsupported("pack_dtype is " + words + "; int32 can be imported");
        }
        long bits = fields.integer("bits");
        if (bits != 2 && bits != 3 && bits != 4 && bits != 8) {
            throw fields.unsupported("bits is " + bits + "; 2, 3, 4 and 8 can be imported");
        }
        long group = fields.integer("group_size");
        if (group != -1 && (group < 1 || group > MAX_GROUP_SIZE)) {
            throw fields.bad("group_size is " + group + "; it is -1 or 1 to " + MAX_GROUP_SIZE);
        }
        requireOneForAll(fields);
        return new GptqConfig((int) bits, group == -1 ? 0 : (int) group, version);
    }

    private static Fields fields(Checkpoint checkpoint) {
        Optional<ModelConfig> config = checkpoint.config();
        if (config.isPresent() && config.get().raw().get(BLOCK) instanceof Map<?, ?> block) {
            return new Fields(config.get().file(), block);
        }
        Path file = checkpoint.root().resolve(FILE);
        if (!Files.exists(file)) {
            throw new UnsupportedModelException(checkpoint.root() + ": neither config.json has a " + BLOCK
                    + " nor is there a " + FILE + "; give a model that was quantized with GPTQ");
        }
        return new Fields(file, ModelConfig.read(file, Limits.defaults()).raw());
    }

    /** Expressions that only exclude layers change nothing about the others. */
    private static void requireOneForAll(Fields fields) {
        Object dynamic = fields.values().get("dynamic");
        if (dynamic == null) {
            return;
        }
        if (!(dynamic instanceof Map<?, ?> expressions)) {
            throw fields.bad("dynamic is no object");
        }
        for (Object expression : expressions.keySet()) {
            if (!expression.toString().startsWith("-:")) {
                throw fields.unsupported("dynamic gives " + expression
                        + " settings of its own; models with one for all layers can be imported");
            }
        }
    }
}
