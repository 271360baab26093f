package dev.lowbit.sketchtune;

import dev.lowbit.error.InvalidRequestException;

/**
 * How a layer's sketch is learned.
 *
 * @param bits b of a code, 2 to 4: tables have k = 2^b entries
 * @param groups G, groups of a row
 * @param start how the first tables are found
 * @param exponent p of the column weights U_jj^-p = R_jjᵖ, see {@link Curvature}
 * @param damping share of H's mean diagonal that is added to its diagonal, above 0
 * @param actOrder whether the sweep begins with the columns of the largest diagonal
 * @param refits how often tables are solved for the codes at most, each time but the first after a descent of the codes; 0 for none
 */
public record SketchSettings(
        int bits, int groups, Start start, double exponent, double damping, boolean actOrder, int refits) {
    /** How the first tables are found. */
    public enum Start {
        /** The best clusters there are. */
        EXACT,
        /** Lloyd's iteration, as in the original. */
        LLOYD
    }

    public SketchSettings {
        if (bits < 2 || bits > 4) {
            throw InvalidRequestException.usage("codes of a sketch have 2 to 4 bits, got " + bits);
        }
        if (groups < 1) {
            throw InvalidRequestException.usage("a row has at least one group, got " + groups);
        }
        if (!(exponent >= 0 && exponent <= 8)) {
            throw InvalidRequestException.usage("the exponent of column weights is 0 to 8, got " + exponent);
        }
        if (!(damping > 0 && damping <= 1)) {
            throw InvalidRequestException.usage(
                    "damping is above 0 and at most 1, got " + damping + "; 0.1 is customary");
        }
        if (refits < 0) {
            throw InvalidRequestException.usage("refits are not negative, got " + refits);
        }
    }

    /** What this project recommends: exact clusters, p = 2, damping 0.1, and codes and tables improved in turn. */
    public static SketchSettings of(int bits, int groups) {
        return new SketchSettings(bits, groups, Start.EXACT, 2, 0.1, true, 8);
    }

    /** The released recipe: Lloyd's iteration with p = 4, damping 0.1, nothing after the sweep. */
    public static SketchSettings published(int bits) {
        return new SketchSettings(bits, 1, Start.LLOYD, 4, 0.1, true, 0);
    }

    /** The same with another number of {@link #refits}. */
    public SketchSettings withRefits(int count) {
        return new SketchSettings(bits, groups, start, exponent, damping, actOrder, count);
    }

    int entries() {
        return 1 << bits;
    }

    Clustering clustering() {
        return start == Start.EXACT ? new ExactClustering() : new LloydClustering();
    }
}
