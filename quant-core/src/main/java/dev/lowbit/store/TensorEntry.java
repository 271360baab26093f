package dev.lowbit.store;

/**
 * A tensor that was carried over unchanged.
 *
 * @param name its name, in the source as here
 * @param file the weight file that holds it, relative to the model's directory
 * @param sha256 lower-case hex digest of its raw bytes
 */
public record TensorEntry(String name, String file, String sha256) {}
