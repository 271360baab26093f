package dev.lowbit.method;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
import dev.lowbit.matrix.LiveCodes;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.additive.AdditiveMatrix;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockMatrix;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.matrix.dense.FloatWeights;
import dev.lowbit.matrix.sketch.SketchFormat;
import dev.lowbit.matrix.sketch.SketchMatrix;
import dev.lowbit.matrix.sum.SumFormat;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A matrix whose trainable parts are held as floats: what an optimizer steps. The trainer multiplies with {@link #matrix()},
 * hands in what flowed through it, steps {@link #parts()} by name and asks for the packed form at the end. Owns its memory.
 */
public interface Tunable extends AutoCloseable {
    /**
     * A trainable part and the sum of its gradients.
     *
     * @param name name within the matrix, for example {@code left}
     * @param values live: changing them changes {@link Tunable#matrix()}
     * @param gradient same shape; {@link Tunable#accumulate} adds to it, whoever steps sets it to zero
     * @param unit what a learning rate is a fraction of: the size of the values; for what codes follow the error that the codes leave
     */
    record TrainablePart(String name, FloatMatrix values, FloatMatrix gradient, double unit) {
        /** A part whose unit is the root mean square of {@code like}. */
        static TrainablePart sizedLike(String name, FloatMatrix values, FloatMatrix like) {
            double unit = Math.sqrt(Norms.sumOfSquares(like, Workers.serial()) / like.size());
            FloatMatrix gradient = FloatMatrix.allocate(values.rows(), values.columns());
            return new TrainablePart(name, values, gradient, unit);
        }

        /** The same part with a multiple of its unit. */
        TrainablePart scaled(double factor) {
            return new TrainablePart(name, values, gradient, factor * unit);
        }
    }

    /** How much of a representation is trained. */
    enum Extent {
        /** Low-rank factors; all else stays frozen. */
        LOW_RANK,
        /** Codebooks, scales and dense weights too; only codes stay. */
        ALL,
        /** Codes too. */
        CODES;

        /** Its name in options and manifests: {@code low-rank}, {@code all}, {@code codes}. */
        public String id() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /**
     * Codes that are trained.
     *
     * @param codes the matrix that has them; live
     * @param target dense weights that begin as Ŵ: what the codes are to follow, one of {@link Tunable#parts()}
     */
    record DiscretePart(LiveCodes codes, TrainablePart target) {}

    /** The trainable form of a matrix; empty when nothing of its representation is trained. */
    static Optional<Tunable> of(QuantizedMatrix matrix, Extent extent, Workers workers) {
        return of(matrix, extent, Optional.empty(), workers);
    }

    /**
     * The trainable form of a matrix that has parts in common with others; empty when nothing of its representation is trained.
     *
     * @param sharing the trainable form of another that uses the same {@link MatrixFormat#shareable} parts: their values and gradients become this
     *     one's too; to be closed after this one
     */
    static Optional<Tunable> of(QuantizedMatrix matrix, Extent extent, Optional<Tunable> sharing, Workers workers) {
        return switch (matrix) {
            case SumMatrix sum -> Optional.of(new TunableSum(sum, extent, sharing, workers));
            case BlockMatrix blocks -> coded(extent, workers, () -> new TunableBlocks(blocks, values(sharing)));
            case AffineMatrix affine -> coded(extent, workers, () -> new TunableAffine(affine));
            case AdditiveMatrix sums -> coded(extent, workers, () -> new TunableAdditive(sums, values(sharing)));
            case SketchMatrix sketch -> coded(extent, workers, () -> new TunableSketch(sketch));
            case DenseMatrix dense -> dense(dense, extent, workers);
            case FloatWeights floats -> dense(floats, extent, workers);
            default -> Optional.empty();
        };
    }

    private static Optional<Tunable> dense(QuantizedMatrix matrix, Extent extent, Workers workers) {
        return extent == Extent.LOW_RANK ? Optional.empty() : Optional.of(new TunableDense(matrix, workers));
    }

    /**
     * How many numbers {@link #parts()} hold at most, a target of codes not among them.
     *
     * @param format of a matrix of {@code rows} x {@code columns}
     * @param sharing whether its {@link MatrixFormat#shareable} parts are another's
     */
    static long trainedNumbers(MatrixFormat format, int rows, int columns, Extent extent, boolean sharing) {
        if (format instanceof SumFormat sum) {
            long factors = sum.rank() * ((long) rows + columns);
            return factors + trainedNumbers(sum.base(), rows, columns, extent, sharing);
        }
        if (extent == Extent.LOW_RANK) {
            return 0;
        }
        return switch (format) {
            case BlockFormat blocks ->
                withOffset(blocks.geometry(rows, columns).blocks()) + (sharing ? 0 : 1L << blocks.codeBits());
            case AffineFormat affine -> withOffset(affine.groups(rows, columns));
            case AdditiveFormat sums ->
                withOffset(sums.scaleCount(rows, columns))
                        + (sharing ? 0 : (long) sums.codebooks() * sums.entries() * sums.tileSize());
            case SketchFormat sketch -> (long) sketch.tableCount(rows, columns) * sketch.entries();
            default -> (long) rows * columns;
        };
    }

    /** Scales of two levels may have an offset beside themselves. */
    private static long withOffset(long scales) {
        return scales + 1;
    }

    private static Optional<Tunable> coded(Extent extent, Workers workers, Supplier<DenseGradient> values) {
        return switch (extent) {
            case LOW_RANK -> Optional.empty();
            case ALL -> Optional.of(values.get());
            case CODES -> Optional.of(new TunableCodes(values.get(), workers));
        };
    }

    private static Optional<Tunable> values(Optional<Tunable> sharing) {
        return sharing.map(other -> other instanceof TunableCodes codes ? codes.values() : other);
    }

    /** The trainable parts in their fixed order. */
    List<TrainablePart> parts();

    /** The codes and their target; empty unless codes are trained. */
    default Optional<DiscretePart> discrete() {
        return Optional.empty();
    }

    /** Ŵ with the parts as they are now; a live view. */
    QuantizedMatrix matrix();

    /**
     * Adds dL/dpart for y = Ŵ x, whose dense gradient is dyᵀ x.
     *
     * @param x tokens x columns; not modified
     * @param dy tokens x rows; not modified
     */
    void accumulate(FloatMatrix x, FloatMatrix dy, Workers workers);

    /**
     * The matrix in its original format with the parts rounded into it; independent of this object.
     *
     * @throws InvalidRequestException when a part has become NaN or infinite, or overflows its format
     */
    QuantizedMatrix stored(Workers workers);

    @Override
    void close();
}
