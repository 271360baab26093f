package dev.lowbit.matrix.block;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.block.BlockChunks.Chunk;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.packed.Packing;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Turns weights into codes and block scales, or prices that without storing anything. LQ-LoRA spec sections 4 and 12: with s the
 * absmax of each block, the scale is coded first and the weights are divided (exactly) by the scale as it will be decoded, then get
 * the nearest code, ties to the lower one. All arithmetic in float in the order written there, so results are bit-reproducible.
 *
 * <p>Weights must be finite: {@link NonFiniteWeightException} names the first that is not.
 */
public final class BlockQuantizer {
    private BlockQuantizer() {}

    /**
     * Quantizes with equal importance of all weights.
     *
     * @param weights rows x columns; not modified
     * @throws InvalidRequestException when the format cannot hold this matrix's scales (F16 overflow)
     */
    public static BlockMatrix quantize(FloatMatrix weights, BlockFormat format, Workers workers) {
        return quantize(weights, Importance.uniform(), format, workers);
    }

    /**
     * Quantizes for the smallest weighted error. A diagonal importance changes only {@link CodebookKind#LC}; the other kinds are fixed
     * arithmetic. A Hessian chooses the codes of every kind, see {@link ErrorFeedback}.
     *
     * @param weights rows x columns; not modified
     * @throws InvalidRequestException when the format cannot hold this matrix's scales (F16 overflow)
     */
    public static BlockMatrix quantize(
            FloatMatrix weights, Importance importance, BlockFormat format, Workers workers) {
        Plan plan = plan(weights, importance, format, workers);
        if (importance instanceof Hessian hessian) {
            MemorySegment codes = PackedCodes.allocate(weights.size(), format.codeBits());
            ErrorFeedback.Outcome outcome =
                    ErrorFeedback.sweep(weights, hessian, format, plan.scales(), plan.codebook(), codes, null, workers);
            return BlockMatrix.of(weights.rows(), weights.columns(), format, codes, outcome.scales(), plan.codebook());
        }
        return store(weights, format, plan, workers);
    }

    /**
     * Quantizes with the values of an explicit codebook, absmax scales, whatever the format's kind would choose.
     *
     * @param weights rows x columns; not modified
     * @param codebook of the format's width
     */
    public static BlockMatrix quantize(FloatMatrix weights, BlockFormat format, Codebook codebook, Workers workers) {
        if (codebook.bits() != format.codeBits()) {
            throw new IllegalArgumentException(
                    format.id() + " needs " + format.codeBits() + "-bit codes, got a codebook of " + codebook.bits());
        }
        float[] absMax = absMax(weights, format.geometry(weights.rows(), weights.columns()), workers);
        EncodedScales scales =
                EncodedScales.encode(absMax, format.scales()).orElseThrow(() -> notAvailable(format, weights));
        return store(weights, format, new Plan(scales, codebook), workers);
    }

    /**
     * The squared error sum F * (W - Ŵ)² that {@link #quantize} would give, storing nothing; infinite when the format is not
     * available for this matrix.
     *
     * @param weights rows x columns; not modified
     */
    public static double squaredError(FloatMatrix weights, Importance importance, BlockFormat format, Workers workers) {
        return squaredErrors(weights, importance, List.of(format), workers)[0];
    }

    /**
     * {@link #squaredError} of many formats, sharing the passes over the matrix.
     *
     * @param weights rows x columns; not modified
     * @return one error per format, in their order
     */
    public static double[] squaredErrors(
            FloatMatrix weights, Importance importance, List<BlockFormat> formats, Workers workers) {
        checkShape(weights, importance);
        double[] errors = new double[formats.size()];
        Map<BlockGeometry, float[]> absMaxOf = new HashMap<>();
        for (int i = 0; i < errors.length; i++) {
            BlockFormat format = formats.get(i);
            BlockGeometry geometry = format.geometry(weights.rows(), weights.columns());
            float[] absMax = absMaxOf.computeIfAbsent(geometry, g -> absMax(weights, g, workers));
            Optional<Plan> plan = plan(weights, importance, format, absMax, workers);
            errors[i] = plan.isPresent()
                    ? residual(weights, importance, format, plan.get(), null, workers)
                    : Double.POSITIVE_INFINITY;
        }
        return errors;
    }

    /**
     * Quantizes and keeps only what is left: target - Ŵ.
     *
     * @param target rows x columns; not modified unless it is {@code residualOut}
     * @param residualOut rows x columns; modified (overwritten)
     * @return the squared (weighted) error, as {@link #squaredError}
     * @throws InvalidRequestException when the format cannot hold this matrix's scales (F16 overflow)
     */
    public static double quantizeResidual(
            FloatMatrix target, Importance importance, BlockFormat format, FloatMatrix residualOut, Workers workers) {
        if (residualOut.rows() != target.rows() || residualOut.columns() != target.columns()) {
            throw new IllegalArgumentException("the residual of a " + target.rows() + " x " + target.columns()
                    + " matrix does not fit " + residualOut.rows() + " x " + residualOut.columns());
        }
        Plan plan = plan(target, importance, format, workers);
        return residual(target, importance, format, plan, residualOut, workers);
    }

    /** What is decided about a matrix before its weights get their codes. */
    private record Plan(EncodedScales scales, Codebook codebook) {}

    private static Plan plan(FloatMatrix weights, Importance importance, BlockFormat format, Workers workers) {
        checkShape(weights, importance);
        float[] absMax = absMax(weights, format.geometry(weights.rows(), weights.columns()), workers);
        return plan(weights, importance, format, absMax, workers).orElseThrow(() -> notAvailable(format, weights));
    }

    private static Optional<Plan> plan(
            FloatMatrix weights, Importance importance, BlockFormat format, float[] absMax, Workers workers) {
        if (format.codebook() == CodebookKind.LC) {
            return LearnedFit.of(weights, importance, format, absMax, workers)
                    .map(fit -> new Plan(fit.scales(), fit.codebook()));
        }
        return EncodedScales.encode(absMax, format.scales())
                .map(scales -> new Plan(scales, format.codebook().standard(format.codeBits())));
    }

    private static InvalidRequestException notAvailable(BlockFormat format, FloatMatrix weights) {
        return InvalidRequestException.beyondFormat(format.id() + " cannot hold the block scales of this "
                + weights.rows() + " x " + weights.columns() + " matrix: they overflow; use bf16 or fp32 scales");
    }

    private static void checkShape(FloatMatrix weights, Importance importance) {
        FloatMatrix factors = importance.diagonal().orElse(weights);
        if (factors.rows() != weights.rows() || factors.columns() != weights.columns()) {
            throw new IllegalArgumentException("importance is " + factors.rows() + " x " + factors.columns()
                    + ", the weights are " + weights.rows() + " x " + weights.columns());
        }
    }

    /** The absmax of every block; refuses weights that are not finite. */
    private static float[] absMax(FloatMatrix weights, BlockGeometry geometry, Workers workers) {
        float[] result = new float[(int) geometry.blocks()];
        BlockChunks chunks = new BlockChunks(geometry);
        workers.forEach(chunks.count(), index -> {
            Chunk chunk = chunks.chunk(index);
            float[] values = chunk.load(weights, BlockScratch.ofThread().weights(chunk.weights()));
            chunk.forEachPiece((offset, length, block) ->
                    BlockKernels.get().absMax(values, offset, length, geometry.groupSize(), result, block));
        });
        for (int block = 0; block < result.length; block++) {
            if (!(result[block] <= Float.MAX_VALUE)) {
                throw nonFinite(weights, geometry.start(block), geometry.length(block));
            }
        }
        return result;
    }

    private static NonFiniteWeightException nonFinite(FloatMatrix weights, long start, int length) {
        for (long i = start; i < start + length; i++) {
            float value = weights.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
            if (!Float.isFinite(value)) {
                return new NonFiniteWeightException(
                        (int) (i / weights.columns()), (int) (i % weights.columns()), value);
            }
        }
        throw new IllegalStateException("a block without finite absmax has finite weights: they changed meanwhile");
    }

    private static BlockMatrix store(FloatMatrix weights, BlockFormat format, Plan plan, Workers workers) {
        BlockGeometry geometry = format.geometry(weights.rows(), weights.columns());
        BlockChunks chunks = new BlockChunks(geometry);
        int bits = format.codeBits();
        CodeTable table = new CodeTable(plan.codebook());
        float[] scales = plan.scales().values();
        MemorySegment codes = PackedCodes.allocate(geometry.size(), bits);
        workers.forEach(chunks.count(), index -> {
            Chunk chunk = chunks.chunk(index);
            BlockScratch scratch = BlockScratch.ofThread();
            float[] values = chunk.load(weights, scratch.weights(chunk.weights()));
            byte[] chunkCodes = scratch.codes(chunk.weights());
            chunk.forEachPiece((offset, length, block) -> BlockKernels.get()
                    .encode(values, offset, length, geometry.groupSize(), scales, block, table, chunkCodes, offset));
            int bytes = (int) PackedCodes.bytes(chunk.weights(), bits);
            byte[] packed = scratch.packed(bytes);
            Packing.get().pack(chunkCodes, 0, chunk.weights(), bits, packed, 0);
            MemorySegment.copy(packed, 0, codes, ValueLayout.JAVA_BYTE, chunk.firstWeight() / Byte.SIZE * bits, bytes);
        });
        return BlockMatrix.of(weights.rows(), weights.columns(), format, codes, plan.scales(), plan.codebook());
    }

    /** Writes the residual where wanted and returns its squared norm. */
    private static double residual(
            FloatMatrix weights,
            Importance importance,
            BlockFormat format,
            Plan plan,
            FloatMatrix residualOut,
            Workers workers) {
        if (importance instanceof Hessian hessian) {
            return ErrorFeedback.sweep(
                            weights, hessian, format, plan.scales(), plan.codebook(), null, residualOut, workers)
                    .error();
        }
        BlockGeometry geometry = format.geometry(weights.rows(), weights.columns());
        BlockChunks chunks = new BlockChunks(geometry);
        CodeTable table = new CodeTable(plan.codebook());
        float[] scales = plan.scales().values();
        double[] sums = new double[chunks.count()];
        workers.forEach(sums.length, index -> {
            Chunk chunk = chunks.chunk(index);
            BlockScratch scratch = BlockScratch.ofThread();
            float[] values = chunk.load(weights, scratch.weights(chunk.weights()));
            float[] results = scratch.results(chunk.weights());
            chunk.forEachPiece((offset, length, block) -> BlockKernels.get()
                    .residual(values, offset, length, geometry.groupSize(), scales, block, table, results, offset));
            float[] factors = importance
                    .diagonal()
                    .map(f -> chunk.load(f, scratch.importance(chunk.weights())))
                    .orElse(null);
            sums[index] = BlockKernels.get().sumOfSquares(results, factors, 0, chunk.weights());
            if (residualOut != null) {
                MemorySegment.copy(
                        results,
                        0,
                        residualOut.segment(),
                        ValueLayout.JAVA_FLOAT,
                        chunk.firstWeight() * Float.BYTES,
                        chunk.weights());
            }
        });
        double total = 0;
        for (double sum : sums) {
            total += sum;
        }
        return total;
    }
}
