package dev.lowbit.matrix.block;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.codebook.LearnedCodebook;
import dev.lowbit.codebook.UniformGrid;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.block.BlockChunks.Chunk;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Optional;

/**
 * Fits codebook and block scales of one matrix to the smallest squared error sum F (w - v(code) s)², alternating from a fixed codebook and
 * absmax scales: each block's scale is searched around what it was, on the grid that its format can store, then the values move to the
 * centroids of their weights (Lloyd). Every state is measured and the best is kept, so the result is never worse than its start.
 * Deterministic: fixed search grids, and sums in double over fixed chunks.
 */
final class LearnedFit {
    private static final int ROUNDS = 8;

    /** Scales tried around the present one, as factors; wide in the first rounds, while the codebook still moves. */
    private static final float[] WIDE = {0.5f, 0.57f, 0.64f, 0.7f, 0.76f, 0.82f, 0.88f, 0.94f, 1f, 1.06f, 1.12f, 1.2f};

    private static final float[] NARROW = {0.88f, 0.91f, 0.94f, 0.97f, 1f, 1.03f, 1.06f, 1.09f, 1.12f};

    private static final int WIDE_ROUNDS = 3;

    /** Scale codes tried to either side of the rounded one. */
    private static final int CODE_REACH = 2;

    private final FloatMatrix weights;
    private final Importance importance;
    private final BlockFormat format;
    private final BlockGeometry geometry;
    private final BlockChunks chunks;
    private final Workers workers;

    private LearnedFit(FloatMatrix weights, Importance importance, BlockFormat format, Workers workers) {
        this.weights = weights;
        this.importance = importance;
        this.format = format;
        this.geometry = format.geometry(weights.rows(), weights.columns());
        this.chunks = new BlockChunks(geometry);
        this.workers = workers;
    }

    /**
     * What a fit decided.
     *
     * @param error its squared weighted error
     */
    record Fit(EncodedScales scales, Codebook codebook, double error) {}

    /** The best of the fits from NormalFloat and from the uniform grid; empty when the format cannot hold the scales. */
    static Optional<Fit> of(
            FloatMatrix weights, Importance importance, BlockFormat format, float[] absMax, Workers workers) {
        LearnedFit fit = new LearnedFit(weights, importance, format, workers);
        Codebook standard = CodebookKind.LC.standard(format.codeBits());
        Optional<Fit> first = fit.from(LearnedCodebook.rounded(standard), absMax);
        Optional<Fit> second = fit.from(LearnedCodebook.rounded(UniformGrid.of(format.codeBits())), absMax);
        if (first.isEmpty() || second.isEmpty()) {
            return first;
        }
        return second.get().error() < first.get().error() ? second : first;
    }

    private Optional<Fit> from(Codebook start, float[] absMax) {
        Optional<EncodedScales> coded = EncodedScales.encode(absMax, format.scales());
        if (coded.isEmpty()) {
            return Optional.empty();
        }
        EncodedScales scales = coded.get();
        Codebook codebook = start;
        Fit best = null;
        for (int round = 0; ; round++) {
            Moments moments = measure(scales.values(), codebook);
            if (best == null || moments.error < best.error()) {
                best = new Fit(scales, codebook, moments.error);
            }
            if (round == ROUNDS) {
                return Optional.of(best);
            }
            codebook = LearnedCodebook.centroids(codebook, moments.numerators, moments.denominators);
            float[] wanted = search(scales.values(), codebook, round < WIDE_ROUNDS ? WIDE : NARROW);
            coded = EncodedScales.encode(wanted, format.scales());
            if (coded.isEmpty()) {
                return Optional.of(best);
            }
            scales = refine(coded.get(), codebook);
        }
    }

    /** Error of a state, and the sums that give the centroids. */
    private static final class Moments {
        private final double[] numerators;
        private final double[] denominators;
        private double error;

        Moments(int size) {
            numerators = new double[size];
            denominators = new double[size];
        }

        void add(Moments other) {
            error += other.error;
            for (int k = 0; k < numerators.length; k++) {
                numerators[k] += other.numerators[k];
                denominators[k] += other.denominators[k];
            }
        }
    }

    private Moments measure(float[] scales, Codebook codebook) {
        CodeTable table = new CodeTable(codebook);
        Moments[] parts = new Moments[chunks.count()];
        workers.forEach(parts.length, index -> {
            Moments moments = new Moments(codebook.size());
            Piece piece = new Piece(chunks.chunk(index));
            piece.encode(scales, table);
            moments.error = piece.error();
            for (int i = 0; i < piece.chunk.weights(); i++) {
                double scale = scales[piece.blockOf(i)];
                double factor = piece.factors == null ? scale : scale * piece.factors[i];
                int code = piece.codes[i] & 0xff;
                moments.numerators[code] += factor * piece.values[i];
                moments.denominators[code] += factor * scale;
            }
            parts[index] = moments;
        });
        Moments total = new Moments(codebook.size());
        for (Moments part : parts) {
            total.add(part);
        }
        return total;
    }

    /** The best of the tried multiples of each block's scale, free of what the format can store. */
    private float[] search(float[] scales, Codebook codebook, float[] multiples) {
        CodeTable table = new CodeTable(codebook);
        float[] best = scales.clone();
        forEachBlock((piece, offset, length, block) -> {
            double smallest = Double.POSITIVE_INFINITY;
            for (float multiple : multiples) {
                float candidate = scales[block] * multiple;
                double error = piece.blockError(offset, length, candidate, table);
                if (error < smallest && candidate <= Float.MAX_VALUE) {
                    smallest = error;
                    best[block] = candidate;
                }
            }
        });
        return best;
    }

    /** The best scale code near the rounded one, for each block. */
    private EncodedScales refine(EncodedScales scales, Codebook codebook) {
        if (!(format.scales() instanceof ScaleFormat.TwoLevel two)) {
            return scales;
        }
        CodeTable table = new CodeTable(codebook);
        byte[] codes = scales.codes().clone();
        int last = (1 << two.codeBits()) - 1;
        forEachBlock((piece, offset, length, block) -> {
            int middle = Byte.toUnsignedInt(scales.codes()[block]);
            float factor = last / scales.superScales()[block / two.superGroup()];
            double smallest = Double.POSITIVE_INFINITY;
            for (int code = Math.max(0, middle - CODE_REACH); code <= Math.min(last, middle + CODE_REACH); code++) {
                double error = piece.blockError(offset, length, code / factor + scales.offset(), table);
                if (error < smallest) {
                    smallest = error;
                    codes[block] = (byte) code;
                }
            }
        });
        float[] values = EncodedScales.decode(two, codes, scales.superScales(), scales.offset());
        return values == null ? scales : new EncodedScales(values, codes, scales.superScales(), scales.offset());
    }

    /** What is done with one block of a loaded piece. */
    @FunctionalInterface
    private interface BlockBody {
        void accept(Piece piece, int offset, int length, int block);
    }

    private void forEachBlock(BlockBody body) {
        workers.forEach(chunks.count(), index -> {
            Piece piece = new Piece(chunks.chunk(index));
            int end = piece.chunk.weights();
            for (int offset = 0; offset < end; ) {
                int block = piece.blockOf(offset);
                int length = geometry.length(block);
                body.accept(piece, offset, length, block);
                offset += length;
            }
        });
    }

    /** A chunk in the arrays of the thread that works on it. */
    private final class Piece {
        private final Chunk chunk;
        private final float[] values;
        private final float[] factors;
        private final float[] results;
        private final byte[] codes;
        private final float[] scale = new float[1];

        Piece(Chunk chunk) {
            BlockScratch scratch = BlockScratch.ofThread();
            this.chunk = chunk;
            this.values = chunk.load(weights, scratch.weights(chunk.weights()));
            this.factors = importance instanceof Importance.Diagonal diagonal
                    ? chunk.load(diagonal.fisher(), scratch.importance(chunk.weights()))
                    : null;
            this.results = scratch.results(chunk.weights());
            this.codes = scratch.codes(chunk.weights());
        }

        int blockOf(int weight) {
            return chunk.firstBlock()
                    + weight / chunk.pieceLength() * chunk.blocksPerPiece()
                    + weight % chunk.pieceLength() / geometry.groupSize();
        }

        void encode(float[] scales, CodeTable table) {
            chunk.forEachPiece((offset, length, block) -> {
                BlockKernels.get()
                        .encode(values, offset, length, geometry.groupSize(), scales, block, table, codes, offset);
                BlockKernels.get()
                        .residual(values, offset, length, geometry.groupSize(), scales, block, table, results, offset);
            });
        }

        double error() {
            return BlockKernels.get().sumOfSquares(results, factors, 0, chunk.weights());
        }

        double blockError(int offset, int length, float candidate, CodeTable table) {
            scale[0] = candidate;
            BlockKernels.get().residual(values, offset, length, length, scale, 0, table, results, offset);
            return BlockKernels.get().sumOfSquares(results, factors, offset, length);
        }
    }
}
