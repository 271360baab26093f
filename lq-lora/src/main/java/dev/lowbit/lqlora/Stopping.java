package dev.lowbit.lqlora;

import dev.lowbit.error.InvalidRequestException;

/** When the alternation ends. The best state seen is kept in every case. */
public sealed interface Stopping {
    /** The most alternations, at least 1. */
    int alternations();

    /** As the paper: when an error is strictly greater than the one before it. */
    record WhenRising(int alternations) implements Stopping {
        public WhenRising {
            requirePositive("alternations", alternations);
        }
    }

    /**
     * When the best error has not fallen by the fraction {@code gain} within the last {@code patience} alternations.
     *
     * @param alternations the most alternations
     * @param patience alternations to wait for a gain, at least 1
     * @param gain relative, from 0 to below 1
     */
    record Patient(int alternations, int patience, double gain) implements Stopping {
        public Patient {
            requirePositive("alternations", alternations);
            requirePositive("alternations of patience", patience);
            if (!(gain >= 0 && gain < 1)) {
                throw InvalidRequestException.usage("a relative gain is at least 0 and below 1, got " + gain);
            }
        }
    }

    private static void requirePositive(String what, int count) {
        if (count < 1) {
            throw InvalidRequestException.usage("there is at least 1 of " + what + ", got " + count);
        }
    }
}
