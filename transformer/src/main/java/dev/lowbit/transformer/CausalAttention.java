package dev.lowbit.transformer;

import dev.lowbit.kernel.Activations;
import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;

/**
 * out = softmax(scale · Q Kᵀ) V for each head, where token i sees tokens 0 to i. Queries are taken in chunks of a fixed size,
 * so the scores in memory are chunk x tokens however long the sequence is, and the keys after a chunk cost nothing.
 */
final class CausalAttention {
    /** Queries whose scores are in memory at once. */
    private static final int CHUNK = 256;

    private final ModelShape shape;
    private final float scale;

    /** @param scale of the scores, usually 1/√headDim */
    CausalAttention(ModelShape shape, double scale) {
        this.shape = shape;
        this.scale = (float) scale;
    }

    /**
     * Attention of {@code queries} new tokens behind {@code past} older ones of one sequence.
     *
     * @param q rows from {@code row}: the new tokens' queries
     * @param k rows from {@code keyRow}: keys of past and new tokens; v likewise
     * @param out rows from {@code row} are modified (overwritten)
     */
    void forward(
            FloatMatrix q,
            FloatMatrix k,
            FloatMatrix v,
            FloatMatrix out,
            int row,
            int queries,
            int keyRow,
            int past,
            int head) {
        int width = shape.headDim();
        int column = head * width;
        int keyColumn = head / (shape.heads() / shape.keyValueHeads()) * width;
        HeadScratch scratch = HeadScratch.acquire();
        FloatMatrix keys = scratch.gather("k", k, keyRow, past + queries, keyColumn, width);
        FloatMatrix values = scratch.gather("v", v, keyRow, past + queries, keyColumn, width);
        for (int from = 0; from < queries; from += CHUNK) {
            int count = Math.min(CHUNK, queries - from);
            FloatMatrix some = scratch.gather("q", q, row + from, count, column, width);
            FloatMatrix weights = weights(scratch, some, keys, past + from);
            FloatMatrix result = scratch.matrix("out", count, width);
            Gemm.multiply(
                    weights, false, values.rows(0, weights.columns()), false, result, Gemm.Mode.SET, Workers.serial());
            HeadScratch.scatter(result, out, row + from, column);
        }
        scratch.release();
    }

    /** The attention weights of the queries at positions {@code first} and on: count x (first + count). */
    private FloatMatrix weights(HeadScratch scratch, FloatMatrix queries, FloatMatrix keys, int first) {
        int visible = first + queries.rows();
        FloatMatrix weights = scratch.matrix("weights", queries.rows(), visible);
        Gemm.multiply(queries, false, keys.rows(0, visible), true, weights, Gemm.Mode.SET, Workers.serial());
        for (int i = 0; i < queries.rows(); i++) {
            softmax(weights.segment(), (long) i * visible, first + i + 1, visible);
        }
        return weights;
    }

    /** Softmax of the scaled scores of the first {@code seen} entries of a row; the others become 0. */
    private void softmax(MemorySegment row, long at, int seen, int length) {
        Kernels.get().scale(scale, row, at, seen);
        Kernels.get().scale((float) (1 / SoftmaxRow.of(row, at, seen).sum()), row, at, seen);
        row.asSlice((at + seen) * Float.BYTES, (long) (length - seen) * Float.BYTES)
                .fill((byte) 0);
    }

    /** Attention of whole sequences: all heads of all of them side by side. */
    void forward(TokenBatch batch, FloatMatrix q, FloatMatrix k, FloatMatrix v, FloatMatrix out, Workers workers) {
        workers.forEach(batch.sequences() * shape.heads(), task -> {
            int s = task / shape.heads();
            forward(q, k, v, out, batch.start(s), batch.length(s), batch.start(s), 0, task % shape.heads());
        });
    }

    /**
     * Overwrites dq, dk and dv. With P the weights: dV = Pᵀ dO, dP = dO Vᵀ, dS = P ∘ (dP - rowsum(P ∘ dP)), dQ = scale · dS K,
     * dK = scale · dSᵀ Q; heads that share keys add up in order.
     */
    void backward(
            TokenBatch batch,
            FloatMatrix q,
            FloatMatrix k,
            FloatMatrix v,
            FloatMatrix dOut,
            FloatMatrix dq,
            FloatMatrix dk,
            FloatMatrix dv,
            Workers workers) {
        int groups = shape.keyValueHeads();
        int perGroup = shape.heads() / groups;
        int width = shape.headDim();
        workers.forEach(batch.sequences() * groups, task -> {
            int row = batch.start(task / groups);
            int n = batch.length(task / groups);
            int keyColumn = task % groups * width;
            HeadScratch scratch = HeadScratch.acquire();
            FloatMatrix keys = scratch.gather("k", k, row, n, keyColumn, width);
            FloatMatrix values = scratch.gather("v", v, row, n, keyColumn, width);
            FloatMatrix dKeys = scratch.matrix("dk", n, width);
            FloatMatrix dValues = scratch.matrix("dv", n, width);
            dKeys.segment().fill((byte) 0);
            dValues.segment().fill((byte) 0);
            for (int head = task % groups * perGroup; head < (task % groups + 1) * perGroup; head++) {
                for (int from = 0; from < n; from += CHUNK) {
                    int count = Math.min(CHUNK, n - from);
                    FloatMatrix some = scratch.gather("q", q, row + from, count, head * width, width);
                    FloatMatrix dSome = scratch.gather("dout", dOut, row + from, count, head * width, width);
                    chunk(scratch, some, dSome, keys, values, dKeys, dValues, from);
                    HeadScratch.scatter(scratch.matrix("dq", count, width), dq, row + from, head * width);
                }
            }
            HeadScratch.scatter(dKeys, dk, row, keyColumn);
            HeadScratch.scatter(dValues, dv, row, keyColumn);
            scratch.release();
        });
    }

    private void chunk(
            HeadScratch scratch,
            FloatMatrix queries,
            FloatMatrix dOut,
            FloatMatrix keys,
            FloatMatrix values,
            FloatMatrix dKeys,
            FloatMatrix dValues,
            int first) {
        Workers serial = Workers.serial();
        FloatMatrix weights = weights(scratch, queries, keys, first);
        int visible = weights.columns();
        FloatMatrix dScores = scratch.matrix("dscores", queries.rows(), visible);
        Gemm.multiply(weights, true, dOut, false, dValues.rows(0, visible), Gemm.Mode.ADD, serial);
        Gemm.multiply(dOut, false, values.rows(0, visible), true, dScores, Gemm.Mode.SET, serial);
        MemorySegment p = weights.segment();
        MemorySegment d = dScores.segment();
        for (int i = 0; i < queries.rows(); i++) {
            long at = (long) i * visible;
            double mean = Kernels.get().dot(p, at, d, at, visible);
            Kernels.get().axpy((float) -mean, Ones.of(visible), 0, d, at, visible);
            Activations.get().multiply(p, at, d, at, d, at, visible);
            Kernels.get().scale(scale, d, at, visible);
        }
        FloatMatrix dQueries = scratch.matrix("dq", queries.rows(), queries.columns());
        Gemm.multiply(dScores, false, keys.rows(0, visible), false, dQueries, Gemm.Mode.SET, serial);
        Gemm.multiply(dScores, true, queries, false, dKeys.rows(0, visible), Gemm.Mode.ADD, serial);
    }
}
