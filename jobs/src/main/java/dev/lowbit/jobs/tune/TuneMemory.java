package dev.lowbit.jobs.tune;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.ModelInput;
import dev.lowbit.jobs.TextTokens;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.method.Tunable;
import dev.lowbit.method.Tunable.Extent;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.transformer.Evaluation;
import dev.lowbit.transformer.ModelShape;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.tuning.TuningSettings;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What tuning needs, both models included: an estimate from above. */
final class TuneMemory {
    /** Value, gradient, two moments and the best so far of a trained number, and its stored form on the way. */
    private static final int FLOATS_OF_NUMBER = 6;

    /** A code on the Java heap is a byte or two; it has at most one for each weight. */
    private static final int BYTES_OF_CODE = 2;

    /** The codes of the last judgement and the best ones. */
    private static final int FLOATS_OF_CODE = 2;

    /** Streams that backward holds beside those between the layers. */
    private static final int STREAMS = 11;

    private TuneMemory() {}

    /** What is trained of all matrices, as long as it is trained. */
    private static long trained(List<MatrixEntry> matrices, int rank, Extent extent) {
        Set<String> sets = new HashSet<>();
        long bytes = 0;
        for (MatrixEntry matrix : matrices) {
            boolean sharing = matrix.shared().isPresent()
                    && !sets.add(matrix.shared().get().id());
            bytes += trained(matrix, rank, extent, sharing);
        }
        return bytes;
    }

    private static long trained(MatrixEntry matrix, int rank, Extent extent, boolean sharing) {
        int rows = matrix.rows();
        int columns = matrix.columns();
        long numbers = Tunable.trainedNumbers(MatrixFormats.parse(matrix.format()), rows, columns, extent, sharing);
        if (matrix.rank() == 0) {
            numbers += Math.min(rank, Math.min(rows, columns)) * ((long) rows + columns);
        }
        long weights = (long) rows * columns;
        long codes = extent == Extent.LOW_RANK ? 0 : BYTES_OF_CODE * weights;
        if (extent == Extent.CODES) {
            // the target that codes follow is trained like a number
            numbers += weights;
            codes += FLOATS_OF_CODE * Float.BYTES * weights;
        }
        return FLOATS_OF_NUMBER * Float.BYTES * numbers + codes;
    }

    /** Of all matrices the gradient of one, which those of its codebooks and scales are sums of. */
    private static long gradient(List<MatrixEntry> matrices, Extent extent) {
        return extent == Extent.LOW_RANK
                ? 0
                : matrices.stream()
                        .mapToLong(matrix -> Float.BYTES * (long) matrix.rows() * matrix.columns())
                        .max()
                        .orElse(0);
    }

    /** Forward and backward over the tokens of a step, and what the reference predicts for them. */
    private static long step(ModelShape shape, long tokens, int models) {
        long row = (shape.layers() + STREAMS) * (long) shape.hidden()
                + 4L * (shape.queryWidth() + shape.keyValueWidth())
                + 6L * shape.feedForward();
        long logits = 2L * Transformer.LOGIT_ROWS * shape.vocabulary();
        return Float.BYTES * (row * tokens + logits) + (models - 1) * shape.forwardBytes(tokens);
    }

    /**
     * Compares the cap with the need, before anything is loaded.
     *
     * @param models the one that is tuned, and a reference
     * @param matrices of the first
     * @param rank of the terms that matrices without one are given; 0 for none
     * @param reading bytes that reading the text takes, before anything is trained
     * @throws InvalidRequestException impossible, naming the need
     */
    static void require(
            MemoryCap cap,
            List<Path> models,
            List<MatrixEntry> matrices,
            int rank,
            ModelShape shape,
            TuningSettings settings,
            long reading) {
        Extent extent = settings.extent();
        long tokens = Math.multiplyExact((long) settings.windows(), settings.context());
        long judgement = models.size() * shape.forwardBytes(Evaluation.rowsAtOnce(settings.context()));
        long training = trained(matrices, rank, extent)
                + gradient(matrices, extent)
                + step(shape, tokens, models.size())
                + judgement;
        cap.require(
                ModelInput.bytes(running -> 0, models, ModelInput.copies(Accuracy.EXACT)) + Math.max(training, reading),
                "tuning " + ModelInput.names(models) + " with " + tokens + " tokens at once",
                reading > training ? TextTokens.SHORTER : "give a smaller --batch or --context");
    }
}
