package dev.lowbit.cuda.kernels;

import dev.lowbit.cuda.driver.Cuda;
import dev.lowbit.cuda.driver.DeviceMemory;
import dev.lowbit.cuda.driver.Kernel;
import dev.lowbit.cuda.driver.KernelArguments;
import dev.lowbit.cuda.driver.Stream;
import dev.lowbit.device.DeviceMatrix;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A matrix in device memory. Its parts, format and size are those of the host matrix. {@link #dequantize} gives the bits of the CPU; products sum in float in an
 * order that follows from the shape alone, so they are the same in every run, and within rounding of the CPU's. Safe for several threads: one product at a time.
 *
 * <p>{@link Workers} do nothing here.
 */
public abstract class PlacedMatrix implements DeviceMatrix {
    /** Most tokens that one launch multiplies; more are taken in batches. */
    static final int MOST_TOKENS = 16;

    /** As many tokens as one launch of the transposed product takes. */
    static final int TRANSPOSED_TOKENS = 4;

    /** Bytes of decoded rows that are held on the device at a time. */
    private static final long PANEL_BYTES = 64L << 20;

    /** Threads of kernels without a shape of their own, which loop over all there is. */
    static final int THREADS = 256;

    private static final int BLOCKS_OF_MULTIPROCESSOR = 8;

    private final Placement placement;
    private final QuantizedMatrix host;
    private final Owned memory;
    private boolean closed;

    PlacedMatrix(Placement placement, QuantizedMatrix host, Owned memory) {
        this.placement = placement;
        this.host = host;
        this.memory = memory;
    }

    /**
     * Y = X Ŵᵀ on the device, in the stream; waits for nothing. One launch for up to 16 tokens, two with a low-rank term; allocates nothing once it has run with as many
     * tokens.
     *
     * @param x tokens x columns floats; not modified
     * @param tokens at least 1
     * @param y tokens x rows floats; modified (overwritten); not the memory of x
     * @param stream that of the device
     */
    public final void multiply(DeviceMemory x, int tokens, DeviceMemory y, Stream stream) {
        requireFloats("X", x, tokens, columns());
        requireFloats("Y", y, tokens, rows());
        ReentrantLock lock = use();
        try {
            multiplyInBatches(x.address(), tokens, y.address(), stream);
        } finally {
            lock.unlock();
        }
    }

    /**
     * X = Y Ŵ on the device, in the stream; waits for nothing.
     *
     * @param y tokens x rows floats; not modified
     * @param tokens at least 1
     * @param x tokens x columns floats; modified (overwritten); not the memory of y
     * @param stream that of the device
     */
    public final void multiplyTransposed(DeviceMemory y, int tokens, DeviceMemory x, Stream stream) {
        requireFloats("Y", y, tokens, rows());
        requireFloats("X", x, tokens, columns());
        ReentrantLock lock = use();
        try {
            transposed(y.address(), tokens, x.address(), false, stream);
        } finally {
            lock.unlock();
        }
    }

    private static void requireFloats(String name, DeviceMemory memory, int tokens, int width) {
        if (tokens < 1 || memory.bytes() < (long) tokens * width * Float.BYTES) {
            throw new IllegalArgumentException(
                    name + " has " + memory.bytes() + " bytes; " + tokens + " x " + width + " floats need more");
        }
    }

    private void multiplyInBatches(long x, int tokens, long y, Stream stream) {
        for (int from = 0; from < tokens; from += MOST_TOKENS) {
            int count = Math.min(MOST_TOKENS, tokens - from);
            product(
                    x + (long) from * columns() * Float.BYTES,
                    count,
                    y + (long) from * rows() * Float.BYTES,
                    LowRankTerm.NONE,
                    stream);
        }
    }

    /** What a product adds to Y as it writes it: addresses of L, rank x rows floats, and of R x, tokens x rank. */
    record LowRankTerm(long left, long inner, int rank) {
        static final LowRankTerm NONE = new LowRankTerm(0, 0, 0);
    }

    // With the lock held and the matrix open; addresses of floats.

    /** Y = X Ŵᵀ + a term for 1 to {@link #MOST_TOKENS} tokens. */
    abstract void product(long x, int tokens, long y, LowRankTerm term, Stream stream);

    /** X = Y Ŵ, or X += Y Ŵ, for any number of tokens. */
    abstract void transposed(long y, int tokens, long x, boolean add, Stream stream);

    /** out = so many rows of Ŵ. */
    abstract void decode(int fromRow, int count, long out, Stream stream);

    @Override
    public final int rows() {
        return host.rows();
    }

    @Override
    public final int columns() {
        return host.columns();
    }

    @Override
    public final String format() {
        return host.format();
    }

    @Override
    public final int rank() {
        return host.rank();
    }

    @Override
    public final List<Part> parts() {
        return host.parts();
    }

    @Override
    public final void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        DecodedProducts.checkRows(this, fromRow, out);
        ReentrantLock lock = use();
        try {
            long rowBytes = (long) columns() * Float.BYTES;
            int height = Math.clamp(PANEL_BYTES / rowBytes, 1, Math.max(1, out.rows()));
            for (int done = 0; done < out.rows(); done += height) {
                int count = Math.min(height, out.rows() - done);
                DeviceMemory panel = workspace().of(Workspace.Use.OUTPUT, height * rowBytes);
                decode(fromRow + done, count, panel.address(), cuda().stream());
                panel.read(out.rows(done, count).segment());
            }
        } finally {
            lock.unlock();
        }
    }

    @Override
    public final void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
        DecodedProducts.checkMultiply(this, x, y);
        throughHost(x, y, (from, to) -> multiplyInBatches(from, x.rows(), to, cuda().stream()));
    }

    @Override
    public final void multiplyTransposed(FloatMatrix y, FloatMatrix x, Workers workers) {
        DecodedProducts.checkMultiplyTransposed(this, y, x);
        throughHost(y, x, (from, to) -> transposed(from, y.rows(), to, false, cuda().stream()));
    }

    private interface OnDevice {
        void run(long from, long to);
    }

    private void throughHost(FloatMatrix from, FloatMatrix to, OnDevice work) {
        if (from.rows() == 0) {
            return;
        }
        ReentrantLock lock = use();
        try {
            DeviceMemory input = workspace().of(Workspace.Use.INPUT, from.size() * Float.BYTES);
            DeviceMemory output = workspace().of(Workspace.Use.OUTPUT, to.size() * Float.BYTES);
            input.write(from.segment());
            work.run(input.address(), output.address());
            output.read(to.segment());
        } finally {
            lock.unlock();
        }
    }

    /** Takes the device's lock, or refuses. */
    private ReentrantLock use() {
        ReentrantLock lock = cuda().lock();
        lock.lock();
        if (closed) {
            lock.unlock();
            throw new IllegalStateException("this " + format() + " matrix on the device is closed");
        }
        return lock;
    }

    @Override
    public final void close() {
        ReentrantLock lock = cuda().lock();
        lock.lock();
        try {
            if (!closed) {
                closed = true;
                memory.close();
            }
        } finally {
            lock.unlock();
        }
    }

    final Cuda cuda() {
        return placement.library().cuda();
    }

    final Workspace workspace() {
        return placement.workspace();
    }

    final Kernel kernel(String file, String name) {
        return placement.library().kernel(file, name);
    }

    /** A kernel that loops over {@code items}, one for a thread, until all are done. */
    final void launchOver(long items, Kernel kernel, KernelArguments arguments, Stream stream) {
        kernel.launch(stream, blocksOver(cuda(), items), 1, THREADS, 0, arguments);
    }

    static int blocksOver(Cuda cuda, long items) {
        long most = (long) cuda.multiprocessors() * BLOCKS_OF_MULTIPROCESSOR;
        return (int) Math.min(Math.ceilDiv(items, (long) THREADS), most);
    }
}
