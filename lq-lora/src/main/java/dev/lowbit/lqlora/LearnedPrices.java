package dev.lowbit.lqlora;

import dev.lowbit.importance.Importance;
import dev.lowbit.importance.RowSample;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.block.CodebookKind;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.method.FormatPrices.Priced;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;

/**
 * What quantizing with learned codebooks costs. A fit is some hundred times the work of a NormalFloat price, so beyond
 * {@link #SAMPLE_WEIGHTS} weights it is made on a sample of the rows, and the error is carried over to the matrix in proportion to
 * that of a NormalFloat format with blocks of about the same size, which is known for both; such a price is a prediction.
 */
final class LearnedPrices {
    private static final long SAMPLE_WEIGHTS = 1 << 13;
    private static final int[] GROUPS = {8, 16, 32, 64, 128};
    private static final int LARGEST_REFERENCE_GROUP = 64;
    private static final int MAX_BITS = 5;

    private LearnedPrices() {}

    /** @param groupSize weights per block scale, or 0 for 8 to 128 */
    static List<Priced<BlockFormat>> of(FloatMatrix w, Importance importance, int groupSize, Workers workers) {
        boolean whole = w.size() <= SAMPLE_WEIGHTS;
        List<Priced<BlockFormat>> prices = new ArrayList<>();
        try (RowSample sample = RowSample.of(w, importance, whole ? w.size() : SAMPLE_WEIGHTS)) {
            for (int group : groupSize == 0 ? GROUPS : new int[] {groupSize}) {
                List<BlockFormat> formats = formats(group, groupSize != 0);
                double[] errors = BlockQuantizer.squaredErrors(sample.weights(), sample.importance(), formats, workers);
                double scale = whole ? 1 : scale(w, importance, sample, group, workers);
                for (int i = 0; i < errors.length; i++) {
                    if (Double.isFinite(errors[i] * scale)) {
                        BlockFormat format = formats.get(i);
                        prices.add(new Priced<>(format, format.bytes(w.rows(), w.columns()), errors[i] * scale, whole));
                    }
                }
            }
        }
        return prices;
    }

    /** Error on the matrix over error on the sample, of a NormalFloat format. */
    private static double scale(FloatMatrix w, Importance importance, RowSample sample, int group, Workers workers) {
        int reference = Math.min(group, LARGEST_REFERENCE_GROUP);
        BlockFormat format =
                new BlockFormat(CodebookKind.NF, 3, reference, new ScaleFormat.TwoLevel(8, 256, DType.BF16));
        double onSample = BlockQuantizer.squaredError(sample.weights(), sample.importance(), format, workers);
        double onMatrix = BlockQuantizer.squaredError(w, importance, format, workers);
        return onSample > 0
                ? onMatrix / onSample
                : (double) w.size() / sample.weights().size();
    }

    /**
     * Scale codes of 4 bits; on small blocks of few bits, where scales weigh most, also of 3. One bit only in two sizes and
     * five only in one: they serve the ends of a model's mix.
     */
    private static List<BlockFormat> formats(int group, boolean chosen) {
        List<BlockFormat> formats = new ArrayList<>();
        for (int bits = 1; bits <= MAX_BITS; bits++) {
            boolean one = bits == 1 && group != 16 && group != 64;
            boolean five = bits == MAX_BITS && group != 32;
            boolean small = bits == 4 && group == 8;
            if (!chosen && (one || five || small)) {
                continue;
            }
            formats.add(format(bits, group, 4));
            if (group <= 16 && (bits == 2 || bits == 3)) {
                formats.add(format(bits, group, 3));
            }
        }
        return formats;
    }

    private static BlockFormat format(int bits, int group, int scaleBits) {
        return new BlockFormat(CodebookKind.LC, bits, group, new ScaleFormat.TwoLevel(scaleBits, 64, DType.BF16));
    }
}
