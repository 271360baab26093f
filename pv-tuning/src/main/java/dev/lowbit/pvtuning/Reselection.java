package dev.lowbit.pvtuning;

/**
 * Which tiles get new codes, and which codes.
 *
 * @param beam hypotheses kept for a tile, at least 1; more than there are candidates is as many as there are
 * @param fraction of all tiles that may change, more than 0, at most 1; at least one tile may
 * @param trust ρ: the tiles farthest from their targets change until ||ΔŴ|| reaches ρ ||Ŵ||, and one more; infinite for no limit
 * @param choice which of the nearest codes
 * @param temperature τ of stochastic rounding, positive; of no meaning for others
 */
record Reselection(int beam, double fraction, double trust, Choice choice, double temperature) {
    /** Which of the nearest codes a tile gets. */
    enum Choice {
        /** The nearest. */
        NEAREST,
        /** The nearest other than the present codes. */
        OTHER,
        /**
         * Of the two nearest, at distances d1 and d2, one with a probability in proportion to d^(-1/τ); a distance of 0 always wins.
         */
        STOCHASTIC
    }

    Reselection {
        if (beam < 1 || !(fraction > 0 && fraction <= 1) || !(trust > 0) || !(temperature > 0)) {
            throw new IllegalArgumentException("a reselection with beam " + beam + ", fraction " + fraction + ", trust "
                    + trust + ", temperature " + temperature);
        }
    }

    /** The nearest codes of a fraction of all tiles. */
    static Reselection nearest(int beam, double fraction) {
        return new Reselection(beam, fraction, Double.POSITIVE_INFINITY, Choice.NEAREST, 1);
    }

    /** The same with another beam. */
    Reselection withBeam(int hypotheses) {
        return new Reselection(hypotheses, fraction, trust, choice, temperature);
    }

    /** The same for another fraction of all tiles. */
    Reselection withFraction(double part) {
        return new Reselection(beam, part, trust, choice, temperature);
    }

    /** The same within a trust ratio. */
    Reselection withTrust(double ratio) {
        return new Reselection(beam, fraction, ratio, choice, temperature);
    }

    /** The same where every tile that may change does. */
    Reselection forced() {
        return new Reselection(beam, fraction, trust, Choice.OTHER, 1);
    }

    /** The same with stochastic rounding. */
    Reselection stochastic(double tau) {
        return new Reselection(beam, fraction, trust, Choice.STOCHASTIC, tau);
    }
}
