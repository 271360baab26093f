package dev.lowbit.jobs;

import dev.lowbit.matrix.Accuracy;
import picocli.CommandLine.Option;

/** How a command multiplies with compressed weights. */
public final class AccuracyOption {
    @Option(
            names = "--accuracy",
            paramLabel = "NAME",
            defaultValue = "exact",
            converter = AccuracyConverter.class,
            description =
                    "exact (default), the same bits on every machine; or fast, products of codes of up to 4 bits and of "
                            + "codewords by lookup, 0.5 to 2 %% off, where the machine has the instructions for it. Fast takes the "
                            + "memory of the packed weights once more.")
    private Accuracy accuracy;

    public Accuracy accuracy() {
        return accuracy;
    }
}
