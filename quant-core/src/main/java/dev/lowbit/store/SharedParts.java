package dev.lowbit.store;

import java.math.BigInteger;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Parts that several matrices have in common, for example one codebook, as the manifest lists them: stored and counted once.
 *
 * @param id what the matrices call it; the tensors are {@code lowbit.shared.<id>.<part>}
 * @param file the weight file that holds the parts, relative to the model's directory
 * @param parts its stored tensors in the order of the representation
 */
public record SharedParts(String id, String file, List<PartEntry> parts) implements PartOwner {
    /** What the names of all shared tensors begin with. */
    public static final String PREFIX = "lowbit.shared.";

    public SharedParts {
        parts = List.copyOf(parts);
    }

    @Override
    public String owner() {
        return PREFIX + id;
    }

    /** Stored bytes of all parts. */
    public long bytes() {
        return ownBytes();
    }

    /** The same set with other content. */
    SharedParts with(List<PartEntry> newParts) {
        return new SharedParts(id, file, newParts);
    }

    /**
     * Whole bytes for each of the matrices that share, in proportion to their weights: they add up to {@code bytes} exactly, because
     * each is the difference of two rounded sums.
     *
     * @param weights of each matrix in manifest order, at least one
     */
    static long[] charges(long bytes, long[] weights) {
        BigInteger total = BigInteger.ZERO;
        for (long some : weights) {
            total = total.add(BigInteger.valueOf(some));
        }
        long[] charges = new long[weights.length];
        BigInteger sum = BigInteger.ZERO;
        long charged = 0;
        for (int i = 0; i < weights.length; i++) {
            sum = sum.add(BigInteger.valueOf(weights[i]));
            long upToHere =
                    BigInteger.valueOf(bytes).multiply(sum).divide(total).longValueExact();
            charges[i] = upToHere - charged;
            charged = upToHere;
        }
        return charges;
    }

    /**
     * The matrices, each charged for what it shares.
     *
     * @throws IllegalArgumentException when a matrix refers to no set, or a set is used by none
     */
    static List<MatrixEntry> charge(List<MatrixEntry> matrices, List<SharedParts> sets) {
        MatrixEntry[] charged = matrices.toArray(MatrixEntry[]::new);
        int uses = 0;
        for (SharedParts set : sets) {
            int[] users = IntStream.range(0, charged.length)
                    .filter(i -> charged[i].shared().map(SharedUse::id).equals(Optional.of(set.id())))
                    .toArray();
            if (users.length == 0) {
                throw new IllegalArgumentException("no matrix uses the shared parts " + set.id());
            }
            long[] charges = charges(
                    set.bytes(),
                    IntStream.of(users).mapToLong(i -> charged[i].weights()).toArray());
            for (int i = 0; i < users.length; i++) {
                charged[users[i]] = charged[users[i]].charged(charges[i]);
            }
            uses += users.length;
        }
        if (uses != Stream.of(charged).filter(m -> m.shared().isPresent()).count()) {
            throw new IllegalArgumentException("a matrix shares parts that are not listed");
        }
        return List.of(charged);
    }
}
