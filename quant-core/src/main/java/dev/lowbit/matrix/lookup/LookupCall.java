package dev.lowbit.matrix.lookup;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.IntConsumer;

/**
 * A product by lookup on some threads. Each makes the tables of a domain for itself and takes its rows through them: made once for all they would have to move from one
 * processor's cache to the other's, which costs more. The scratch memory is kept by the threads, so a product allocates nothing once there was one of its size.
 */
final class LookupCall {
    /** Tokens that share a reading of the weights. */
    private static final int MAX_TOKENS = 16;

    /** Readable values behind the inputs. */
    private static final int SLACK = 16;

    private static final ThreadLocal<LookupCall> OF_THREAD = ThreadLocal.withInitial(LookupCall::new);

    private final IntConsumer multiplyRows = this::multiplyRows;

    private LookupWeights weights;
    private LookupTables maker;
    private DomainKernels kernels;
    private int tokens;
    private int domains;
    private int inputsOfToken;
    private int outputsOfToken;
    private float[] inputs = new float[0];

    /** Of a domain and those before it in its group. */
    private float[] inputSums = new float[0];

    private float[] outputs = new float[0];

    private LookupCall() {}

    /** Y = X Ŵᵀ; shapes fit. */
    static void multiply(
            LookupWeights weights,
            LookupTables maker,
            DomainKernels kernels,
            FloatMatrix x,
            FloatMatrix y,
            Workers workers) {
        LookupCall call = OF_THREAD.get();
        for (int from = 0; from < x.rows(); from += MAX_TOKENS) {
            call.start(weights, maker, kernels, Math.min(MAX_TOKENS, x.rows() - from));
            call.load(x, from);
            workers.forEach(weights.parts, call.multiplyRows);
            call.store(y, from);
        }
        // the thread may outlive the matrix
        call.weights = null;
        call.maker = null;
    }

    private void start(LookupWeights of, LookupTables by, DomainKernels with, int count) {
        LookupShape shape = of.shape;
        weights = of;
        maker = by;
        kernels = with;
        tokens = count;
        domains = shape.domains();
        inputsOfToken = of.lookups() / shape.codebooks() * shape.span();
        outputsOfToken = shape.blocks() * LookupShape.BLOCK_ROWS;
        inputs = room(inputs, count * inputsOfToken + SLACK);
        inputSums = room(inputSums, count * domains);
        outputs = room(outputs, count * outputsOfToken);
    }

    private static float[] room(float[] array, int length) {
        return array.length < length ? new float[length] : array;
    }

    /** Inputs of whole spans, filled up with zeros; offsets are added once for a group, so inputs are summed over that. */
    private void load(FloatMatrix x, int fromToken) {
        LookupShape shape = weights.shape;
        for (int token = 0; token < tokens; token++) {
            for (int domain = 0; domain < domains; domain++) {
                int at = inputsAt(token, domain);
                int count = shape.end(domain) - shape.start(domain);
                long first = (long) (fromToken + token) * shape.columns() + shape.start(domain);
                MemorySegment.copy(x.segment(), ValueLayout.JAVA_FLOAT, first * Float.BYTES, inputs, at, count);
                Arrays.fill(inputs, at + count, inputsAt(token, domain + 1), 0f);
                if (weights.offsets != null) {
                    sumInputs(token, domain, at, count);
                }
            }
        }
    }

    private int inputsAt(int token, int domain) {
        LookupShape shape = weights.shape;
        return token * inputsOfToken + weights.firstLookups[domain] / shape.codebooks() * shape.span();
    }

    private void sumInputs(int token, int domain, int from, int count) {
        LookupShape shape = weights.shape;
        int of = token * domains + domain;
        boolean goesOn = domain > 0 && shape.group(domain - 1) == shape.group(domain);
        float sum = goesOn ? inputSums[of - 1] : 0;
        for (int i = from; i < from + count; i++) {
            sum += inputs[i];
        }
        inputSums[of] = sum;
    }

    private void multiplyRows(int part) {
        int from = weights.firstBlock(part);
        int count = weights.firstBlock(part + 1) - from;
        for (int token = 0; token < tokens; token++) {
            int y = token * outputsOfToken + from * LookupShape.BLOCK_ROWS;
            Arrays.fill(outputs, y, y + count * LookupShape.BLOCK_ROWS, 0f);
        }
        LookupScratch scratch = LookupScratch.ofThread();
        for (int domain = 0; domain < domains; domain++) {
            for (int token = 0; token < tokens; token++) {
                int y = token * outputsOfToken + from * LookupShape.BLOCK_ROWS;
                multiply(scratch, part, domain, token, y, count);
            }
        }
    }

    private void multiply(LookupScratch scratch, int part, int domain, int token, int y, int blocks) {
        LookupShape shape = weights.shape;
        int lookups = weights.firstLookups[domain + 1] - weights.firstLookups[domain];
        scratch.requireTables(maker.bytes(lookups));
        maker.make(inputs, inputsAt(token, domain), lookups, scratch);
        int group = shape.group(domain);
        long scales = weights.scalesAt(part, group);
        kernels.multiply(
                weights.codes,
                weights.codesAt(part, domain),
                lookups,
                scratch.tables,
                maker.table(),
                weights.scales,
                scales,
                scratch.unit,
                scratch.base,
                scratch.sums,
                outputs,
                y,
                blocks);
        boolean lastOfGroup = domain + 1 == domains || shape.group(domain + 1) != group;
        if (weights.offsets != null && lastOfGroup) {
            kernels.addOffsets(weights.offsets, scales, inputSums[token * domains + domain], outputs, y, blocks);
        }
    }

    private void store(FloatMatrix y, int fromToken) {
        int rows = weights.shape.rows();
        for (int token = 0; token < tokens; token++) {
            long at = (long) (fromToken + token) * rows * Float.BYTES;
            MemorySegment.copy(outputs, token * outputsOfToken, y.segment(), ValueLayout.JAVA_FLOAT, at, rows);
        }
    }
}
