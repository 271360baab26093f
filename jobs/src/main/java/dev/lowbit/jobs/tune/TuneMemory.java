package dev.lowbit.jobs.tune;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.ModelInput;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.method.Tunable;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.transformer.Evaluation;
import dev.lowbit.transformer.ModelShape;
import dev.lowbit.transformer.tuning.TuningSettings;
import java.nio.file.Path;
import java.util.List;

/** What tuning needs, both models included: an estimate from above. */
final class TuneMemory {
    /** Values, gradient, two moments and the best so far of a trained number, and its stored form on the way. */
    private static final int COPIES = 6;

    private TuneMemory() {}

    /** With codebooks and scales, of which there are few: a byte for each code, and the gradient of the largest matrix. */
    private static long unpacked(List<MatrixEntry> matrices) {
        long codes = 0;
        long largest = 0;
        for (MatrixEntry matrix : matrices) {
            long weights = (long) matrix.rows() * matrix.columns();
            codes += weights;
            largest = Math.max(largest, weights);
        }
        return codes + Float.BYTES * largest;
    }

    /**
     * Compares the cap with the need, before anything is loaded.
     *
     * @param models the one that is tuned, and a reference
     * @param matrices of the first
     * @param rank of the terms that matrices without one are given; 0 for none
     * @throws InvalidRequestException impossible, naming the need
     */
    static void require(
            MemoryCap cap,
            List<Path> models,
            List<MatrixEntry> matrices,
            int rank,
            ModelShape shape,
            TuningSettings settings) {
        long trained = matrices.stream()
                .mapToLong(matrix -> Math.max(matrix.rank(), Math.min(rank, Math.min(matrix.rows(), matrix.columns())))
                        * ((long) matrix.rows() + matrix.columns()))
                .sum();
        long unpacked = settings.extent() == Tunable.Extent.LOW_RANK ? 0 : unpacked(matrices);
        if (settings.extent() == Tunable.Extent.CODES) {
            // target, and codes as they are and as they were at best, for every weight
            trained += matrices.stream()
                    .mapToLong(matrix -> (long) matrix.rows() * matrix.columns())
                    .sum();
        }
        long tokens =
                Math.max(Evaluation.BATCH_TOKENS, Math.multiplyExact((long) settings.windows(), settings.context()));
        long perToken = (shape.layers() + 8L) * shape.hidden()
                + 4L * (shape.queryWidth() + shape.keyValueWidth())
                + 6L * shape.feedForward();
        long floats = COPIES * trained + models.size() * tokens * perToken;
        cap.require(
                ModelInput.bytes(0, models, ModelInput.copies(Accuracy.EXACT)) + unpacked + Float.BYTES * floats,
                "tuning " + ModelInput.names(models) + " with " + tokens + " tokens at once",
                "give a smaller --batch or --context");
    }
}
