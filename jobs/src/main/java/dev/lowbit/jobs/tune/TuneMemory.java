package dev.lowbit.jobs.tune;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.PeakMemory;
import dev.lowbit.jobs.Quantity;
import dev.lowbit.method.Tunable;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.transformer.ModelShape;
import dev.lowbit.transformer.tuning.TuningSettings;
import java.util.OptionalLong;

/** What tuning needs beside what the process has when both models are loaded: an estimate from above. */
final class TuneMemory {
    /** Tokens that an evaluation reads together. */
    private static final int EVALUATED_TOKENS = 2048;
    /** Rows whose logits are in memory at once. */
    private static final int LOGIT_ROWS = 256;
    /** Values, gradient, two moments and the best so far of a trained number, and its stored form on the way. */
    private static final int COPIES = 6;
    /** Compiled code, the collector's own structures and short-lived objects of a job: an allowance, not a measurement. */
    private static final long GROWTH_BYTES = 96L << 20;

    private TuneMemory() {}

    /** With codebooks and scales, of which there are few: a byte for each code, and the gradient of the largest matrix. */
    private static long unpacked(Manifest manifest) {
        long codes = 0;
        long largest = 0;
        for (MatrixEntry matrix : manifest.matrices()) {
            long weights = (long) matrix.rows() * matrix.columns();
            codes += weights;
            largest = Math.max(largest, weights);
        }
        return codes + Float.BYTES * largest;
    }

    /**
     * Compares the cap with the need.
     *
     * @throws InvalidRequestException impossible, naming the need
     */
    static void require(OptionalLong cap, Manifest manifest, ModelShape shape, TuningSettings settings, int models) {
        if (cap.isEmpty()) {
            return;
        }
        long trained = manifest.matrices().stream()
                .mapToLong(matrix -> (long) matrix.rank() * (matrix.rows() + matrix.columns()))
                .sum();
        long unpacked = settings.extent() == Tunable.Extent.ALL ? unpacked(manifest) : 0;
        long tokens = Math.max(EVALUATED_TOKENS, Math.multiplyExact((long) settings.windows(), settings.context()));
        long perToken = (shape.layers() + 8L) * shape.hidden()
                + 4L * (shape.queryWidth() + shape.keyValueWidth())
                + 6L * shape.feedForward();
        long floats = COPIES * trained + models * (tokens * perToken + 2L * LOGIT_ROWS * shape.vocabulary());
        long need = PeakMemory.residentBytes().orElse(0) + GROWTH_BYTES + unpacked + Float.BYTES * floats;
        if (need > cap.getAsLong()) {
            throw InvalidRequestException.impossible("--memory allows " + Quantity.bytes(cap.getAsLong())
                    + ", tuning " + tokens + " tokens at once needs " + Quantity.bytes(need) + "; give --memory "
                    + Math.ceilDiv(need, 1L << 20) + "MiB or more, or a smaller --batch or --context");
        }
    }
}
