package dev.lowbit.matrix.block;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.codebook.LearnedCodebook;
import dev.lowbit.codebook.UniformGrid;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.block.BlockChunks.Chunk;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Optional;

/**
 * Fits codebook and block scales of one matrix to the smallest squared error sum F (w - v(code) s)², alternating from a fixed codebook and
 * absmax scales: the values move to the centroids of their weights (Lloyd), each block's scale is searched around what it was, then among
 * those that its format can store. Every state is measured and the best is kept, so the result is never worse than its start.
 * Deterministic: fixed search grids, and sums in double over fixed chunks.
 */
final class LearnedFit {
    private static final int ROUNDS = 8;

    /** A round that gains less than this fraction is the last. */
    private static final double WORTH = 3e-4;

    /** Rounds after which only the better of the two starts goes on. */
    private static final int RACE = 3;

    /** Scales tried around the present one, as factors; wide in the first rounds, while the codebook still moves. */
    private static final float[] WIDE = {
        0.46f, 0.52f, 0.58f, 0.64f, 0.69f, 0.74f, 0.79f, 0.84f, 0.88f, 0.92f, 0.96f, 1f, 1.04f, 1.09f, 1.15f, 1.22f
    };

    private static final float[] NARROW = {
        0.85f, 0.875f, 0.9f, 0.92f, 0.94f, 0.96f, 0.98f, 1f, 1.02f, 1.04f, 1.06f, 1.08f, 1.1f, 1.125f, 1.15f, 1.175f
    };

    private static final int WIDE_ROUNDS = 3;

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
        return EncodedScales.encode(absMax, format.scales()).map(scales -> {
            LearnedFit fit = new LearnedFit(weights, importance, format, workers);
            Alternation normal = fit.new Alternation(scales, CodebookKind.LC.standard(format.codeBits()));
            Alternation uniform = fit.new Alternation(scales, UniformGrid.of(format.codeBits()));
            normal.run(RACE);
            uniform.run(RACE);
            Alternation better = uniform.best.error() < normal.best.error() ? uniform : normal;
            better.run(ROUNDS);
            return better.best;
        });
    }

    /** The alternation from one starting codebook, with the best state it has seen. */
    private final class Alternation {
        private EncodedScales scales;
        private Codebook codebook;
        private Fit best;
        private Moments moments;
        private int rounds;
        private boolean ended;

        Alternation(EncodedScales scales, Codebook start) {
            this.scales = scales;
            this.codebook = LearnedCodebook.rounded(start);
            measureState();
        }

        /** Goes on until this many rounds are done or one gains nothing. */
        void run(int until) {
            for (; rounds < until && !ended; rounds++) {
                codebook = LearnedCodebook.centroids(codebook, moments.numerators, moments.denominators);
                float[] wanted = search(scales.values(), codebook, rounds < WIDE_ROUNDS ? WIDE : NARROW);
                Optional<EncodedScales> coded = EncodedScales.encode(wanted, format.scales());
                if (coded.isEmpty()) {
                    ended = true;
                    return;
                }
                scales = refine(coded.get(), codebook);
                double before = best.error();
                measureState();
                ended = rounds >= WIDE_ROUNDS && !(best.error() < before * (1 - WORTH));
            }
        }

        private void measureState() {
            moments = measure(scales.values(), codebook);
            if (best == null || moments.error < best.error()) {
                best = new Fit(scales, codebook, moments.error);
            }
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
        byte[] lanes = bestScales(new float[scales.length], scales, multiples, codebook);
        float[] wanted = new float[scales.length];
        for (int block = 0; block < wanted.length; block++) {
            wanted[block] = Math.min(scales[block] * multiples[lanes[block]], Float.MAX_VALUE);
        }
        return wanted;
    }

    /** The best scale code of each block, of the 16 nearest to the rounded one: for scale codes of up to 4 bits, of all. */
    private EncodedScales refine(EncodedScales scales, Codebook codebook) {
        if (!(format.scales() instanceof ScaleFormat.TwoLevel two)) {
            return scales;
        }
        int last = (1 << two.codeBits()) - 1;
        byte[] codes = new byte[scales.codes().length];
        int[] first = new int[codes.length];
        float[] bases = new float[codes.length];
        float[] steps = new float[codes.length];
        for (int block = 0; block < codes.length; block++) {
            int middle = Byte.toUnsignedInt(scales.codes()[block]);
            first[block] = Math.clamp(middle - BlockKernels.LANES / 2, 0, Math.max(0, last - BlockKernels.LANES + 1));
            steps[block] = scales.superScales()[block / two.superGroup()] / last;
            bases[block] = Math.fma(steps[block], first[block], scales.offset());
        }
        float[] multiples = new float[BlockKernels.LANES];
        for (int lane = 0; lane < multiples.length; lane++) {
            multiples[lane] = Math.min(lane, last);
        }
        byte[] lanes = bestScales(bases, steps, multiples, codebook);
        for (int block = 0; block < codes.length; block++) {
            codes[block] = (byte) (first[block] + lanes[block]);
        }
        float[] values = EncodedScales.decode(two, codes, scales.superScales(), scales.offset());
        return values == null ? scales : new EncodedScales(values, codes, scales.superScales(), scales.offset());
    }

    private byte[] bestScales(float[] bases, float[] steps, float[] multiples, Codebook codebook) {
        CodeTable table = new CodeTable(codebook);
        byte[] lanes = new byte[steps.length];
        workers.forEach(chunks.count(), index -> {
            Piece piece = new Piece(chunks.chunk(index));
            piece.chunk.forEachPiece((offset, length, block) -> BlockKernels.get()
                    .bestScales(
                            piece.values,
                            piece.factors,
                            offset,
                            length,
                            geometry.groupSize(),
                            bases,
                            steps,
                            block,
                            multiples,
                            table,
                            lanes));
        });
        return lanes;
    }

    /** A chunk in the arrays of the thread that works on it. */
    private final class Piece {
        private final Chunk chunk;
        private final float[] values;
        private final float[] factors;
        private final float[] results;
        private final byte[] codes;

        Piece(Chunk chunk) {
            BlockScratch scratch = BlockScratch.ofThread();
            this.chunk = chunk;
            this.values = chunk.load(weights, scratch.weights(chunk.weights()));
            this.factors = importance
                    .diagonal()
                    .map(f -> chunk.load(f, scratch.importance(chunk.weights())))
                    .orElse(null);
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
    }
}
