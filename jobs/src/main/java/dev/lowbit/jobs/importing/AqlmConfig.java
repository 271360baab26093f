package dev.lowbit.jobs.importing;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.tensor.DType;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What an AQLM model says about all its layers.
 *
 * @param format ours for the same values
 * @param dense names of the weights that are not quantized
 */
record AqlmConfig(AdditiveFormat format, Set<String> dense) {
    private static final String DENSE = "linear_weights_not_to_quantize";

    AqlmConfig {
        dense = Set.copyOf(dense);
    }

    /**
     * Interprets the configuration of a model.
     *
     * @throws MalformedFileException BAD_CONFIG when it is not what it should be
     * @throws UnsupportedModelException when we have no such format
     */
    static AqlmConfig of(QuantizationConfig fields) {
        int inGroup = size(fields, "in_group_size");
        int outGroup = size(fields, "out_group_size");
        int codebooks = size(fields, "num_codebooks");
        int bits = size(fields, "nbits_per_codebook");
        Set<String> dense = Set.copyOf(fields.strings(DENSE));
        try {
            return new AqlmConfig(
                    new AdditiveFormat(codebooks, bits, inGroup, outGroup, 0, new ScaleFormat.OneLevel(DType.F16)),
                    dense);
        } catch (InvalidRequestException e) {
            throw fields.unsupported(codebooks + " codebooks of " + bits + " bits for tiles of " + outGroup + " x "
                    + inGroup + " cannot be imported; " + e.getMessage());
        }
    }

    private static int size(QuantizationConfig fields, String name) {
        long value = fields.integer(name);
        if (value < 1 || value > Character.MAX_VALUE) {
            throw fields.bad(name + " is " + value + "; it is 1 to " + (int) Character.MAX_VALUE);
        }
        return (int) value;
    }

    /** For the manifest. */
    SortedMap<String, String> options() {
        SortedMap<String, String> options = new TreeMap<>();
        options.put("aqlm.inGroupSize", Integer.toString(format.inGroup()));
        options.put("aqlm.outGroupSize", Integer.toString(format.outGroup()));
        options.put("aqlm.numCodebooks", Integer.toString(format.codebooks()));
        options.put("aqlm.bitsPerCodebook", Integer.toString(format.codeBits()));
        return options;
    }
}
