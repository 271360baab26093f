package dev.lowbit.store;

/**
 * That a matrix uses a set of shared parts.
 *
 * @param id of the {@link SharedParts}
 * @param bytes what the matrix is charged for it
 */
public record SharedUse(String id, long bytes) {}
