package dev.lowbit.cuda.kernels;

import dev.lowbit.cuda.compile.KernelLibrary;
import dev.lowbit.cuda.driver.DeviceMemory;
import dev.lowbit.cuda.driver.KernelArguments;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;

/**
 * XᵀX in double on the device, batch after batch, as {@link dev.lowbit.linalg.Gram#accumulate(FloatMatrix, MemorySegment, dev.lowbit.kernel.Workers)} adds it up on
 * the CPU. Products of floats are exact; an entry is one chain of additions over the tokens of a batch, then one addition to what was there. The bits depend on how the
 * tokens are cut into batches, not on anything else.
 */
public final class GramOnDevice implements AutoCloseable {
    static final int TILE = 64;
    static final int THREADS = 256;

    private final KernelLibrary library;
    private final int n;
    private final Owned memory;
    private final DeviceMemory gram;
    private DeviceMemory batch;

    /** @param n inputs; the matrix takes 8 n² bytes of the device and begins with zeros */
    public GramOnDevice(KernelLibrary library, int n) {
        this.library = library;
        this.n = n;
        this.memory = new Owned(library.cuda());
        this.gram = memory.allocate((long) n * n * Double.BYTES);
        gram.clear();
    }

    /**
     * Adds the tokens of a batch.
     *
     * @param tokensByInputs tokens x n; not modified
     */
    public void accumulate(FloatMatrix tokensByInputs) {
        if (tokensByInputs.columns() != n) {
            throw new IllegalArgumentException(
                    "tokens of " + tokensByInputs.columns() + " inputs; this matrix has " + n);
        }
        if (tokensByInputs.rows() == 0) {
            return;
        }
        library.cuda().lock().lock();
        try {
            long bytes = tokensByInputs.size() * Float.BYTES;
            if (batch == null || batch.bytes() < bytes) {
                if (batch != null) {
                    batch.close();
                }
                batch = memory.allocate(bytes);
            }
            batch.write(tokensByInputs.segment());
            accumulate(batch, tokensByInputs.rows());
        } finally {
            library.cuda().lock().unlock();
        }
    }

    /**
     * Adds tokens that are on the device, in its stream; waits for nothing.
     *
     * @param x tokens x n floats; not modified
     */
    public void accumulate(DeviceMemory x, int tokens) {
        KernelArguments arguments = KernelArguments.builder()
                .ofPointer(x.address())
                .ofInt(tokens)
                .ofInt(n)
                .ofPointer(gram.address())
                .build();
        int tiles = Math.ceilDiv(n, TILE);
        library.kernel("gram.cu", "gram_accumulate")
                .launch(library.cuda().stream(), tiles, tiles, THREADS, 0, arguments);
    }

    /** @param out n x n native-order doubles, row-major; modified (overwritten) */
    public void read(MemorySegment out) {
        gram.read(out);
    }

    @Override
    public void close() {
        memory.close();
    }
}
