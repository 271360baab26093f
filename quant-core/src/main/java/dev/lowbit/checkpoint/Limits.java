package dev.lowbit.checkpoint;

/**
 * Every cap that readers keep, in one place. The defaults accept all models in circulation; a file beyond one is refused
 * before anything of that size is allocated, with a message that names the cap.
 *
 * @param maxHeaderBytes longest safetensors header and longest shard index, in bytes
 * @param maxTensors most tensors of one file
 * @param maxNameBytes longest tensor name in UTF-8 bytes
 * @param maxDimensions most dimensions of a tensor
 * @param maxJsonDepth deepest nesting of JSON arrays and objects
 * @param maxStringBytes longest JSON string, in characters
 * @param maxMetadataBytes cap of the metadata map, where each entry counts its characters and 64 more
 * @param maxConfigBytes longest config.json
 */
public record Limits(
        long maxHeaderBytes,
        int maxTensors,
        int maxNameBytes,
        int maxDimensions,
        int maxJsonDepth,
        int maxStringBytes,
        int maxMetadataBytes,
        int maxConfigBytes) {
    private static final int MIB = 1 << 20;
    private static final Limits DEFAULTS =
            new Limits(100_000_000L, 1_000_000, 512, 8, 32, 16 * MIB, 64 * MIB, 16 * MIB);

    public Limits {
        if (maxHeaderBytes < 2
                || maxTensors < 1
                || maxNameBytes < 1
                || maxDimensions < 1
                || maxJsonDepth < 3
                || maxStringBytes < 1
                || maxMetadataBytes < 0
                || maxConfigBytes < 2) {
            throw new IllegalArgumentException("limits too small to read any file");
        }
    }

    public static Limits defaults() {
        return DEFAULTS;
    }

    /** These limits with another cap for headers. */
    public Limits withMaxHeaderBytes(long bytes) {
        return new Limits(
                bytes,
                maxTensors,
                maxNameBytes,
                maxDimensions,
                maxJsonDepth,
                maxStringBytes,
                maxMetadataBytes,
                maxConfigBytes);
    }

    /** These limits with another cap for tensors in a file. */
    public Limits withMaxTensors(int tensors) {
        return new Limits(
                maxHeaderBytes,
                tensors,
                maxNameBytes,
                maxDimensions,
                maxJsonDepth,
                maxStringBytes,
                maxMetadataBytes,
                maxConfigBytes);
    }
}
