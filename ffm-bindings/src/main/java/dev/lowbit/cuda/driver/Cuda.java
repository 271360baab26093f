package dev.lowbit.cuda.driver;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.lowbit.error.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One device with its primary context. All memory, modules, events and graphs made through it belong to it and end with it. Safe for several threads: each
 * operation takes {@link #lock}, and who needs several of them in one piece (set arguments, launch, read the result) takes it around them.
 *
 * <p>A device that reports a fault from which the driver does not recover (an illegal address, an uncorrectable memory error) is lost: that call and every later one
 * throws {@link DeviceException} with the first cause.
 */
public final class Cuda implements AutoCloseable {
    private final Driver driver;
    private final int device;
    private final long context;
    private final Stream stream;
    private final Staging staging;
    private final String name;
    private final int multiprocessors;
    private final int computeCapability;
    private final int largestSharedMemory;
    private final int cacheBytes;
    private final ReentrantLock lock = new ReentrantLock();
    private final Arena arena = Arena.ofShared();
    /** Two words for out parameters; used under the lock. */
    private final MemorySegment scratch = arena.allocate(2 * JAVA_LONG.byteSize(), JAVA_LONG.byteSize());

    private final Set<DeviceResource> live = Collections.newSetFromMap(new IdentityHashMap<>());
    private String lost;
    private boolean closed;

    /**
     * Takes a device into use.
     *
     * @param ordinal 0 for the first device of the driver
     * @throws DeviceException when the device does not give a context
     */
    public static Cuda open(Driver driver, int ordinal) {
        return new Cuda(driver, driver.device(ordinal));
    }

    private Cuda(Driver driver, int device) {
        this.driver = driver;
        this.device = device;
        name = driver.deviceName(device);
        multiprocessors = driver.deviceAttribute(device, Constants.DEVICE_MULTIPROCESSOR_COUNT);
        computeCapability = driver.computeCapability(device);
        largestSharedMemory = driver.deviceAttribute(device, Constants.DEVICE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
        cacheBytes = driver.deviceAttribute(device, Constants.DEVICE_L2_CACHE_SIZE);
        try {
            check(driver.primaryCtxRetain(scratch, device), "taking " + name + " into use");
            context = scratch.get(JAVA_LONG, 0);
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
        try {
            use();
            check(driver.streamCreate(scratch, Constants.STREAM_NON_BLOCKING), "making a stream");
        } catch (RuntimeException e) {
            driver.primaryCtxRelease(device);
            arena.close();
            throw e;
        }
        stream = new Stream(this, scratch.get(JAVA_LONG, 0));
        staging = new Staging(this);
    }

    /**
     * Memory of the device; its content is undefined.
     *
     * @param bytes more than 0
     * @throws DeviceException when there is not enough: asked and free bytes are in the message
     */
    public DeviceMemory allocate(long bytes) {
        if (bytes <= 0) {
            throw new IllegalArgumentException("device memory must have at least one byte, got " + bytes);
        }
        lock.lock();
        try {
            use();
            int status = driver.memAlloc(scratch, bytes);
            if (status == Status.OUT_OF_MEMORY) {
                throw new DeviceException(
                        name + " is out of memory: " + bytes + " bytes asked, " + freeMemory() + " of " + totalMemory()
                                + " free; use a smaller model or fewer bits, or end what else uses the device");
            }
            check(status, "allocating " + bytes + " bytes");
            return new DeviceMemory(this, scratch.get(JAVA_LONG, 0), bytes);
        } finally {
            lock.unlock();
        }
    }

    /** Page-locked memory of the host, from which and to which the device copies without the CPU. */
    public PinnedMemory allocatePinned(long bytes) {
        if (bytes <= 0) {
            throw new IllegalArgumentException("pinned memory must have at least one byte, got " + bytes);
        }
        lock.lock();
        try {
            use();
            int status = driver.memHostAlloc(scratch, bytes, Constants.MEMHOSTALLOC_PORTABLE);
            if (status == Status.OUT_OF_MEMORY) {
                throw new DeviceException(bytes + " bytes of page-locked host memory for copies to " + name
                        + " asked, and the system does not give them; free memory or raise the limit of locked memory");
            }
            check(status, "allocating " + bytes + " bytes of page-locked memory");
            return new PinnedMemory(this, scratch.get(JAVA_LONG, 0), bytes);
        } finally {
            lock.unlock();
        }
    }

    /** The device's one stream of work: what is given to it runs in that order. */
    public Stream stream() {
        return stream;
    }

    /** A point in the stream's work whose time can be measured. */
    public Event event() {
        lock.lock();
        try {
            use();
            check(driver.eventCreate(scratch, Constants.EVENT_DEFAULT), "making an event");
            return new Event(this, scratch.get(JAVA_LONG, 0));
        } finally {
            lock.unlock();
        }
    }

    /**
     * Loads compiled kernels.
     *
     * @param image a cubin, or PTX with a terminating zero, which the driver compiles; not modified
     * @throws DeviceException when the device cannot run it; what the driver's compiler wrote is in the message
     */
    public CudaModule load(MemorySegment image) {
        lock.lock();
        try (Arena call = Arena.ofConfined()) {
            use();
            MemorySegment data = image.isNative()
                    ? image
                    : call.allocateFrom(ValueLayout.JAVA_BYTE, image, ValueLayout.JAVA_BYTE, 0, image.byteSize());
            JitLog log = new JitLog(call);
            int status = driver.moduleLoadDataEx(scratch, data, JitLog.OPTIONS, log.keys(), log.values());
            check(
                    status,
                    "loading kernels for compute capability " + computeCapability / 10 + "." + computeCapability % 10
                            + log.text());
            return new CudaModule(this, scratch.get(JAVA_LONG, 0));
        } finally {
            lock.unlock();
        }
    }

    public int multiprocessors() {
        return multiprocessors;
    }

    /** 90 for 9.0. */
    public int computeCapability() {
        return computeCapability;
    }

    /** Bytes of shared memory that one block can have, dynamic and static together. */
    public int largestSharedMemory() {
        return largestSharedMemory;
    }

    /** Bytes of the cache in front of the device's memory. */
    public int cacheBytes() {
        return cacheBytes;
    }

    /** Bytes. */
    public long totalMemory() {
        return memoryInfo(JAVA_LONG.byteSize());
    }

    /** Bytes that no program uses. */
    public long freeMemory() {
        return memoryInfo(0);
    }

    private long memoryInfo(long offset) {
        lock.lock();
        try {
            use();
            check(driver.memGetInfo(scratch, scratch.asSlice(JAVA_LONG.byteSize())), "asking for free memory");
            return scratch.get(JAVA_LONG, offset);
        } finally {
            lock.unlock();
        }
    }

    /** As the driver calls the device. */
    public String name() {
        return name;
    }

    public Driver driver() {
        return driver;
    }

    /** Held by every operation of this device; reentrant. */
    public ReentrantLock lock() {
        return lock;
    }

    /** Frees all that is left of this device and gives its context back; a second call does nothing. */
    @Override
    public void close() {
        lock.lock();
        try {
            if (closed) {
                return;
            }
            List<DeviceResource> left = new ArrayList<>(live);
            left.forEach(DeviceResource::close);
            driver.ctxSetCurrent(context);
            driver.streamDestroy(stream.handle());
            driver.primaryCtxRelease(device);
            closed = true;
            arena.close();
        } finally {
            lock.unlock();
        }
    }

    // For the classes of this package; all with the lock held.

    MemorySegment scratch() {
        return scratch;
    }

    Staging staging() {
        return staging;
    }

    void register(DeviceResource resource) {
        live.add(resource);
    }

    void unregister(DeviceResource resource) {
        live.remove(resource);
    }

    /**
     * Makes the context that of the calling thread, as the driver wants it before other calls. A virtual thread cannot change its carrier between this and the call that follows: there is nothing
     * to wait for in between.
     */
    void use() {
        if (closed) {
            throw new IllegalStateException(name + " is closed");
        }
        if (lost != null) {
            throw new DeviceException(lost);
        }
        check(driver.ctxSetCurrent(context), "using " + name);
    }

    /** @param doing what failed if it did: "launching x" */
    void check(int status, String doing) {
        if (status == Status.SUCCESS) {
            return;
        }
        String message = doing + " failed on " + name + ": " + driver.describe(status);
        if (Status.lost(status)) {
            lost = name + " is lost, and with it all that was in its memory: " + message + "; start again";
            throw new DeviceException(lost);
        }
        throw new DeviceException(message);
    }

    /** For closing: the context made current, whether or not it still works. */
    boolean useForClosing() {
        return !closed && driver.ctxSetCurrent(context) == Status.SUCCESS;
    }
}
