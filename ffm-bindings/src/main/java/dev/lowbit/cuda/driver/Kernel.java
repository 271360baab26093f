package dev.lowbit.cuda.driver;

import static java.lang.foreign.ValueLayout.JAVA_INT;

/** A function that runs on the device. Ends with its module. */
public final class Kernel {
    /** Dynamic shared memory that every kernel may have; more is asked for once. */
    private static final int SHARED_WITHOUT_ASKING = 48 << 10;

    private final CudaModule module;
    private final String name;
    private final String launching;
    private final long handle;
    private int allowedShared = SHARED_WITHOUT_ASKING;

    Kernel(CudaModule module, String name, long handle) {
        this.module = module;
        this.name = name;
        this.launching = "launching " + name;
        this.handle = handle;
    }

    public String name() {
        return name;
    }

    /**
     * Gives one run of the kernel to a stream and returns at once; a fault shows at this or a later call. Allocates nothing.
     *
     * @param gridX blocks in x
     * @param gridY blocks in y, at most 65,535
     * @param blockX threads in a block
     * @param sharedBytes dynamic shared memory of a block
     * @param arguments in the order of the kernel's parameters; copied before this returns
     */
    public void launch(Stream stream, int gridX, int gridY, int blockX, int sharedBytes, KernelArguments arguments) {
        Cuda cuda = module.cuda;
        cuda.lock().lock();
        try {
            module.use();
            allowShared(sharedBytes);
            cuda.check(
                    cuda.driver()
                            .launchKernel(
                                    handle, gridX, gridY, blockX, sharedBytes, stream.handle(), arguments.pointers()),
                    launching);
        } finally {
            cuda.lock().unlock();
        }
    }

    private void allowShared(int sharedBytes) {
        if (sharedBytes > allowedShared) {
            module.cuda.check(
                    module.cuda
                            .driver()
                            .funcSetAttribute(handle, Constants.FUNC_MAX_DYNAMIC_SHARED_SIZE_BYTES, sharedBytes),
                    "giving " + name + " " + sharedBytes + " bytes of shared memory");
            allowedShared = sharedBytes;
        }
    }

    /** How many blocks of this shape run on one multiprocessor at a time. */
    public int blocksPerMultiprocessor(int blockX, int sharedBytes) {
        Cuda cuda = module.cuda;
        cuda.lock().lock();
        try {
            module.use();
            allowShared(sharedBytes);
            cuda.check(
                    cuda.driver().occupancy(cuda.scratch(), handle, blockX, sharedBytes),
                    "asking for the occupancy of " + name);
            return cuda.scratch().get(JAVA_INT, 0);
        } finally {
            cuda.lock().unlock();
        }
    }

    /** Registers of a thread. */
    public int registers() {
        return attribute(Constants.FUNC_NUM_REGS);
    }

    /** Bytes of local memory of a thread: arrays and spilled registers. */
    public int localBytes() {
        return attribute(Constants.FUNC_LOCAL_SIZE_BYTES);
    }

    /** Bytes of static shared memory of a block. */
    public int staticSharedBytes() {
        return attribute(Constants.FUNC_SHARED_SIZE_BYTES);
    }

    private int attribute(int attribute) {
        Cuda cuda = module.cuda;
        cuda.lock().lock();
        try {
            module.use();
            cuda.check(cuda.driver().funcGetAttribute(cuda.scratch(), attribute, handle), "asking about " + name);
            return cuda.scratch().get(JAVA_INT, 0);
        } finally {
            cuda.lock().unlock();
        }
    }
}
