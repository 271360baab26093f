package dev.lowbit.compeft;

import dev.lowbit.error.InvalidRequestException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/**
 * Several updates of one tensor made one. All tensors of a call have the same shape; sums run in double over the updates in the order given and are
 * rounded once.
 */
public final class TernaryMerge {
    private TernaryMerge() {}

    /**
     * Task arithmetic: target[i] = sum over u of weights[u] s[u] γ[u, i]. With weights of 1 / updates it is the average.
     *
     * @param updates at least one; not modified
     * @param weights one for each update; not modified
     * @param target floats, as many as the tensor has entries; modified (overwritten)
     * @throws InvalidRequestException (usage) when shapes or numbers do not fit
     */
    public static void sum(List<TernaryTensor> updates, double[] weights, MemorySegment target) {
        requireFit(updates, target);
        if (weights.length != updates.size()) {
            throw InvalidRequestException.usage(
                    updates.size() + " updates need as many weights, got " + weights.length);
        }
        TernaryTensor first = updates.getFirst();
        double[] sums = new double[Long.SIZE];
        for (long at = 0; at < first.elements(); at += Long.SIZE) {
            int count = (int) Math.min(Long.SIZE, first.elements() - at);
            Arrays.fill(sums, 0);
            for (int u = 0; u < weights.length; u++) {
                double step = weights[u] * updates.get(u).scale();
                add(updates.get(u).plus(at, count), step, sums);
                add(updates.get(u).minus(at, count), -step, sums);
            }
            for (int i = 0; i < count; i++) {
                target.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at + i, (float) sums[i]);
            }
        }
    }

    /**
     * TIES (arXiv 2306.01708), whose trimming the compression has done: of every entry the sign with the larger sum of magnitudes is elected, and the
     * target is the mean of s[u] γ[u, i] over the updates that have it; 0 when the sums are equal.
     *
     * @param updates at least one; not modified
     * @param target floats, as many as the tensor has entries; modified (overwritten)
     * @throws InvalidRequestException (usage) when shapes do not fit
     */
    public static void ties(List<TernaryTensor> updates, MemorySegment target) {
        requireFit(updates, target);
        TernaryTensor first = updates.getFirst();
        Side plus = new Side();
        Side minus = new Side();
        for (long at = 0; at < first.elements(); at += Long.SIZE) {
            int count = (int) Math.min(Long.SIZE, first.elements() - at);
            plus.clear();
            minus.clear();
            for (TernaryTensor update : updates) {
                if (update.scale() == 0) {
                    continue; // all of it is zero, whatever its signs
                }
                plus.add(update.plus(at, count), update.scale());
                minus.add(update.minus(at, count), update.scale());
            }
            for (int i = 0; i < count; i++) {
                double elected =
                        plus.sums[i] > minus.sums[i] ? plus.mean(i) : plus.sums[i] < minus.sums[i] ? -minus.mean(i) : 0;
                target.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at + i, (float) elected);
            }
        }
    }

    /**
     * Counts where the updates agree, from bits alone.
     *
     * @param updates at least one; not modified
     * @throws InvalidRequestException (usage) when shapes do not fit
     */
    public static SignAgreement agreement(List<TernaryTensor> updates) {
        requireSameShapes(updates);
        SignAgreement total = new SignAgreement(0, 0, 0, 0);
        long elements = updates.getFirst().elements();
        for (long at = 0; at < elements; at += Long.SIZE) {
            int count = (int) Math.min(Long.SIZE, elements - at);
            long plus = 0;
            long minus = 0;
            long several = 0;
            for (TernaryTensor update : updates) {
                long plusBits = update.plus(at, count);
                long minusBits = update.minus(at, count);
                several |= (plus | minus) & (plusBits | minusBits);
                plus |= plusBits;
                minus |= minusBits;
            }
            int touched = Long.bitCount(plus | minus);
            int opposed = Long.bitCount(plus & minus);
            int met = Long.bitCount(several);
            total = total.plus(new SignAgreement(count - touched, touched - met, met - opposed, opposed));
        }
        return total;
    }

    private static void add(long bits, double step, double[] sums) {
        for (long left = bits; left != 0; left &= left - 1) {
            sums[Long.numberOfTrailingZeros(left)] += step;
        }
    }

    private static void requireFit(List<TernaryTensor> updates, MemorySegment target) {
        requireSameShapes(updates);
        TernaryTensor first = updates.getFirst();
        if (target.byteSize() != first.elements() * Float.BYTES) {
            throw InvalidRequestException.usage("tensor " + first.name() + " is " + first.shape() + ", which is "
                    + first.elements() * Float.BYTES + " bytes of floats; " + target.byteSize() + " were given");
        }
    }

    private static void requireSameShapes(List<TernaryTensor> updates) {
        if (updates.isEmpty()) {
            throw InvalidRequestException.usage("no updates to merge; give at least one");
        }
        updates.forEach(update -> updates.getFirst().requireSameShape(update));
    }

    /** What 64 entries have of one sign. */
    private static final class Side {
        final double[] sums = new double[Long.SIZE];
        final int[] votes = new int[Long.SIZE];

        void clear() {
            Arrays.fill(sums, 0);
            Arrays.fill(votes, 0);
        }

        void add(long bits, double magnitude) {
            TernaryMerge.add(bits, magnitude, sums);
            for (long left = bits; left != 0; left &= left - 1) {
                votes[Long.numberOfTrailingZeros(left)]++;
            }
        }

        double mean(int i) {
            return sums[i] / votes[i];
        }
    }
}
