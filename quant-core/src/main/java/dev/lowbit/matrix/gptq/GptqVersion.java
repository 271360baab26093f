package dev.lowbit.matrix.gptq;

import java.util.Optional;

/** What the field of a zero point z holds. */
public enum GptqVersion {
    /** z - 1, of which readers make field + 1. */
    V1("gptq", 1),
    /** z itself. */
    V2("gptq_v2", 0);

    private final String checkpointFormat;
    private final int subtracted;

    GptqVersion(String checkpointFormat, int subtracted) {
        this.checkpointFormat = checkpointFormat;
        this.subtracted = subtracted;
    }

    /** The version of a {@code checkpoint_format}; empty when it is another layout. */
    public static Optional<GptqVersion> of(String checkpointFormat) {
        for (GptqVersion version : values()) {
            if (version.checkpointFormat.equals(checkpointFormat)) {
                return Optional.of(version);
            }
        }
        return Optional.empty();
    }

    /** Its name in a quantization_config. */
    public String checkpointFormat() {
        return checkpointFormat;
    }

    /** z - field. */
    int subtracted() {
        return subtracted;
    }
}
