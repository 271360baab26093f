package dev.lowbit.jobs.importing;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.UnsupportedModelException;
import java.util.List;
import java.util.SortedMap;

/**
 * A model that another program quantized.
 *
 * @param method stands for the method in the manifest
 * @param options what its configuration says, for the manifest
 * @param layers the quantized ones, at least one, in natural order of their names
 */
record ForeignModel(String method, SortedMap<String, String> options, List<? extends ForeignLayer> layers) {
    /**
     * Reads configuration and headers.
     *
     * @param source must stay open as long as the model is used
     * @throws MalformedFileException when a file or tensor is not what it should be
     * @throws UnsupportedModelException when it is of no layout that can be imported
     */
    static ForeignModel of(Checkpoint source) {
        QuantizationConfig config = QuantizationConfig.of(source);
        switch (config.method()) {
            case "gptq" -> {
                GptqConfig gptq = GptqConfig.of(config);
                return new ForeignModel("gptq-import", gptq.options(), GptqLayer.of(source, gptq));
            }
            case "aqlm" -> {
                AqlmConfig aqlm = AqlmConfig.of(config);
                return new ForeignModel("aqlm-import", aqlm.options(), AqlmLayer.of(source, aqlm));
            }
            default ->
                throw config.unsupported("quant_method is " + config.method() + "; gptq and aqlm can be imported");
        }
    }
}
