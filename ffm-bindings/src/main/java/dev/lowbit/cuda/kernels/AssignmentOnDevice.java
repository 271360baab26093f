package dev.lowbit.cuda.kernels;

import dev.lowbit.cuda.compile.KernelLibrary;
import dev.lowbit.cuda.driver.DeviceMemory;
import dev.lowbit.cuda.driver.KernelArguments;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;

/**
 * Codewords on the device, against which points are scored: score(t, c) = offset(c) + &lt;c, t&gt;, a chain of fused multiply-adds from the offset on. With offset(c) = -½
 * &lt;c, c&gt; the largest score is that of the nearest codeword. The same bits as on the CPU.
 */
public final class AssignmentOnDevice implements AutoCloseable {
    static final int THREADS = 128;
    static final int MOST_DIMENSIONS = 4096;

    private final KernelLibrary library;
    private final int count;
    private final int dimension;
    private final Owned memory;
    private final long words;
    private final long offsets;

    /**
     * @param words count x dimension; copied
     * @param offsets one for each; copied
     */
    public AssignmentOnDevice(KernelLibrary library, FloatMatrix words, float[] offsets) {
        this.library = library;
        this.count = words.rows();
        this.dimension = words.columns();
        if (dimension > MOST_DIMENSIONS || offsets.length != count) {
            throw new IllegalArgumentException(count + " codewords of " + dimension + " values with " + offsets.length
                    + " offsets; they have at most " + MOST_DIMENSIONS + " values and an offset each");
        }
        this.memory = new Owned(library.cuda());
        try {
            this.words = memory.upload(words.segment()).address();
            this.offsets = memory.upload(offsets).address();
        } catch (RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    /**
     * The codeword with the largest score for each point, of equal ones the first.
     *
     * @param points n x dimension; not modified
     * @param best n numbers of codewords; modified (overwritten)
     * @param scores n; modified (overwritten)
     */
    public void best(FloatMatrix points, int[] best, float[] scores) {
        requirePoints(points);
        if (points.rows() == 0) {
            return;
        }
        try (Owned call = new Owned(library.cuda())) {
            DeviceMemory bestOnDevice = call.allocate((long) points.rows() * Integer.BYTES);
            DeviceMemory scoresOnDevice = call.allocate((long) points.rows() * Float.BYTES);
            launch(
                    "assign_best",
                    points,
                    first(points, call).ofPointer(bestOnDevice.address()).ofPointer(scoresOnDevice.address()));
            bestOnDevice.read(MemorySegment.ofArray(best).asSlice(0, bestOnDevice.bytes()));
            scoresOnDevice.read(MemorySegment.ofArray(scores).asSlice(0, scoresOnDevice.bytes()));
        }
    }

    /**
     * All scores.
     *
     * @param points n x dimension; not modified
     * @param scores n x count; modified (overwritten)
     */
    public void scores(FloatMatrix points, FloatMatrix scores) {
        requirePoints(points);
        if (scores.rows() != points.rows() || scores.columns() != count) {
            throw new IllegalArgumentException(points.rows() + " points have " + points.rows() + " x " + count
                    + " scores, not " + scores.rows() + " x " + scores.columns());
        }
        if (points.rows() == 0) {
            return;
        }
        try (Owned call = new Owned(library.cuda())) {
            DeviceMemory onDevice = call.allocate(scores.size() * Float.BYTES);
            launch("assign_scores", points, first(points, call).ofPointer(onDevice.address()));
            onDevice.read(scores.segment());
        }
    }

    private void requirePoints(FloatMatrix points) {
        if (points.columns() != dimension) {
            throw new IllegalArgumentException(
                    "points of " + points.columns() + " values, the codewords have " + dimension);
        }
    }

    private KernelArguments.Builder first(FloatMatrix points, Owned call) {
        return KernelArguments.builder()
                .ofPointer(words)
                .ofPointer(offsets)
                .ofInt(count)
                .ofInt(dimension)
                .ofPointer(call.upload(points.segment()).address())
                .ofInt(points.rows());
    }

    private void launch(String kernel, FloatMatrix points, KernelArguments.Builder arguments) {
        library.kernel("assign.cu", kernel)
                .launch(
                        library.cuda().stream(),
                        Math.ceilDiv(points.rows(), THREADS),
                        1,
                        THREADS,
                        0,
                        arguments.build());
    }

    @Override
    public void close() {
        memory.close();
    }
}
