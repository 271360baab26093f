package dev.lowbit.cuda.driver;

/** The numbers of {@code cuda.h} that we use, under the header's names less their prefix. A test compares them with another binding's. */
public final class Constants {
    public static final int DEVICE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 97;
    public static final int DEVICE_MULTIPROCESSOR_COUNT = 16;
    public static final int DEVICE_L2_CACHE_SIZE = 38;
    public static final int DEVICE_COMPUTE_CAPABILITY_MAJOR = 75;
    public static final int DEVICE_COMPUTE_CAPABILITY_MINOR = 76;

    static final int FUNC_SHARED_SIZE_BYTES = 1;
    static final int FUNC_LOCAL_SIZE_BYTES = 3;
    static final int FUNC_NUM_REGS = 4;
    static final int FUNC_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8;

    static final int JIT_INFO_LOG_BUFFER = 3;
    static final int JIT_INFO_LOG_BUFFER_SIZE_BYTES = 4;
    static final int JIT_ERROR_LOG_BUFFER = 5;
    static final int JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6;

    static final int MEMHOSTALLOC_PORTABLE = 1;
    static final int STREAM_NON_BLOCKING = 1;
    static final int STREAM_CAPTURE_MODE_THREAD_LOCAL = 1;
    static final int EVENT_DEFAULT = 0;

    private Constants() {}
}
