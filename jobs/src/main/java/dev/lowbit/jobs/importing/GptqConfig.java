package dev.lowbit.jobs.importing;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.matrix.gptq.GptqVersion;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a GPTQ model says about all its layers.
 *
 * @param bits of a code, 2, 3, 4 or 8
 * @param groupSize columns of a group, 0 for one group a row
 * @param version what fields of zero points hold
 */
record GptqConfig(int bits, int groupSize, GptqVersion version) {
    private static final long MAX_GROUP_SIZE = 1 << 16;

    /**
     * Interprets the configuration of a model.
     *
     * @throws MalformedFileException BAD_CONFIG when it is not what it should be
     * @throws UnsupportedModelException when it is of another layout
     */
    static GptqConfig of(QuantizationConfig fields) {
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

    /** Expressions that only exclude layers change nothing about the others. */
    private static void requireOneForAll(QuantizationConfig fields) {
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

    /** For the manifest. */
    SortedMap<String, String> options() {
        SortedMap<String, String> options = new TreeMap<>();
        options.put("gptq.bits", Integer.toString(bits));
        options.put("gptq.groupSize", Integer.toString(groupSize == 0 ? -1 : groupSize));
        options.put("gptq.checkpointFormat", version.checkpointFormat());
        return options;
    }
}
