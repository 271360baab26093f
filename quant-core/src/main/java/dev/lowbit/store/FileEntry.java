package dev.lowbit.store;

/**
 * A file of the output other than the manifest and its digest.
 *
 * @param name path relative to the model's directory, with {@code /}
 * @param bytes its size
 * @param sha256 lower-case hex digest of its contents
 */
public record FileEntry(String name, long bytes, String sha256) {}
