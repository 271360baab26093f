package dev.lowbit.cuda.kernels;

import dev.lowbit.cuda.driver.Kernel;
import dev.lowbit.cuda.driver.KernelArguments;
import dev.lowbit.cuda.driver.Stream;
import dev.lowbit.matrix.QuantizedMatrix;

/**
 * A representation with a file of kernels of its own: {@code NAME_dequantize}, {@code NAME_multiply1} to {@code 16}, {@code NAME_transposed1} and {@code 4}, and by
 * lookup where {@link Lookup} says so. Subclasses say what the kernels take first.
 */
abstract class PackedOnDevice extends PlacedMatrix {
    /** Weights that a thread decodes together. */
    static final int CHUNK = 8;

    static final int MULTIPLY_THREADS = 128;
    static final int ROWS_OF_BLOCK = 16;
    static final int TRANSPOSED_THREADS = 256;
    static final int TRANSPOSED_ROWS = 256;
    static final int TRANSPOSED_COLUMNS = 256;

    private final String name;
    private final Call[] multiply = new Call[MOST_TOKENS + 1];
    private Call lookup;
    private Call transposedOne;
    private Call transposedFour;
    private Call sumPartials;
    private Call dequantize;

    /** A kernel with arguments of its own; the last ones, from {@code first} on, are set before each launch. */
    private record Call(Kernel kernel, KernelArguments arguments, int first) {}

    PackedOnDevice(Placement placement, QuantizedMatrix host, Owned memory, String name) {
        super(placement, host, memory);
        this.name = name;
    }

    /** What every kernel of the file takes first. */
    abstract Arguments own();

    /** How it is multiplied by lookup; null where it is not. */
    abstract Lookup lookup();

    /** What the kernel of {@link #lookup} takes behind {@link #own}. */
    Arguments forLookup() {
        return own();
    }

    private Call call(String kernel, Arguments first, KernelArguments.Builder all) {
        return new Call(kernel(name + ".cu", kernel), all.build(), first.count());
    }

    private Call product(String kernel, Arguments own, boolean scratch) {
        KernelArguments.Builder all = own.builder()
                .ofInt(0)
                .ofPointer(0)
                .ofPointer(0)
                .ofPointer(0)
                .ofPointer(0)
                .ofInt(0);
        if (scratch) {
            all.ofPointer(0).ofPointer(0);
        }
        return call(kernel, own, all);
    }

    private static void setProduct(Call call, int tokens, long x, long y, LowRankTerm term) {
        int at = call.first;
        call.arguments.setInt(at++, tokens);
        call.arguments.setPointer(at++, x);
        call.arguments.setPointer(at++, y);
        call.arguments.setPointer(at++, term.left());
        call.arguments.setPointer(at++, term.inner());
        call.arguments.setInt(at, term.rank());
    }

    @Override
    final void product(long x, int tokens, long y, LowRankTerm term, Stream stream) {
        Lookup shape = tokens <= Lookup.MOST_TOKENS ? lookup() : null;
        if (shape != null) {
            productByLookup(shape, x, tokens, y, term, stream);
            return;
        }
        int room = tokens == 1 ? 1 : tokens <= 4 ? 4 : tokens <= 8 ? 8 : MOST_TOKENS;
        if (multiply[room] == null) {
            multiply[room] = product(name + "_multiply" + room, own(), false);
        }
        setProduct(multiply[room], tokens, x, y, term);
        multiply[room].kernel.launch(
                stream, Math.ceilDiv(rows(), ROWS_OF_BLOCK), 1, MULTIPLY_THREADS, 0, multiply[room].arguments);
    }

    private void productByLookup(Lookup shape, long x, int tokens, long y, LowRankTerm term, Stream stream) {
        if (lookup == null) {
            lookup = product(shape.kernel(), forLookup(), true);
        }
        long pairs = (long) shape.tiles(columns()) * shape.units(rows());
        setProduct(lookup, tokens, x, y, term);
        int scratch = lookup.first + 6;
        lookup.arguments.setPointer(
                scratch, workspace().floats(Workspace.Use.PARTIAL, (long) tokens * shape.tiles(columns()) * rows()));
        lookup.arguments.setPointer(
                scratch + 1, workspace().floats(Workspace.Use.ARRIVED, (long) tokens * shape.units(rows())));
        lookup.kernel.launch(
                stream,
                (int) Math.min(pairs, cuda().multiprocessors()),
                tokens,
                Lookup.THREADS,
                Lookup.SHARED_BYTES,
                lookup.arguments);
    }

    @Override
    final void transposed(long y, int tokens, long x, boolean add, Stream stream) {
        int parts = Math.ceilDiv(rows(), TRANSPOSED_ROWS);
        long partial = workspace()
                .floats(Workspace.Use.PARTIAL, (long) parts * Math.min(tokens, TRANSPOSED_TOKENS) * columns());
        if (sumPartials == null) {
            KernelArguments.Builder all = KernelArguments.builder();
            all.ofPointer(0).ofInt(parts).ofInt(0).ofInt(columns()).ofInt(0).ofPointer(0);
            sumPartials = new Call(kernel("sum.cu", "sum_partials"), all.build(), 0);
        }
        for (int from = 0; from < tokens; from += TRANSPOSED_TOKENS) {
            int count = Math.min(TRANSPOSED_TOKENS, tokens - from);
            Call call = transposedCall(count);
            call.arguments.setInt(call.first, count);
            call.arguments.setPointer(call.first + 1, y + (long) from * rows() * Float.BYTES);
            call.arguments.setPointer(call.first + 2, partial);
            call.kernel.launch(
                    stream, Math.ceilDiv(columns(), TRANSPOSED_COLUMNS), parts, TRANSPOSED_THREADS, 0, call.arguments);
            sumPartials.arguments.setPointer(0, partial);
            sumPartials.arguments.setInt(2, count);
            sumPartials.arguments.setInt(4, add ? 1 : 0);
            sumPartials.arguments.setPointer(5, x + (long) from * columns() * Float.BYTES);
            launchOver((long) count * columns(), sumPartials.kernel, sumPartials.arguments, stream);
        }
    }

    private Call transposedCall(int tokens) {
        if (tokens == 1) {
            if (transposedOne == null) {
                transposedOne = transposedCall("_transposed1");
            }
            return transposedOne;
        }
        if (transposedFour == null) {
            transposedFour = transposedCall("_transposed4");
        }
        return transposedFour;
    }

    private Call transposedCall(String kernel) {
        Arguments own = own();
        return call(name + kernel, own, own.builder().ofInt(0).ofPointer(0).ofPointer(0));
    }

    @Override
    final void decode(int fromRow, int count, long out, Stream stream) {
        if (dequantize == null) {
            Arguments own = own();
            dequantize = call(
                    name + "_dequantize", own, own.builder().ofInt(0).ofInt(0).ofPointer(0));
        }
        dequantize.arguments.setInt(dequantize.first, fromRow);
        dequantize.arguments.setInt(dequantize.first + 1, count);
        dequantize.arguments.setPointer(dequantize.first + 2, out);
        long chunks = (long) count * Math.ceilDiv(columns(), CHUNK);
        launchOver(chunks, dequantize.kernel, dequantize.arguments, stream);
    }
}
