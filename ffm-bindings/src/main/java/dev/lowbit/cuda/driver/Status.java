package dev.lowbit.cuda.driver;

import java.util.Set;

/** The driver's status codes ({@code CUresult}) that mean more to us than failure. */
final class Status {
    static final int SUCCESS = 0;
    static final int OUT_OF_MEMORY = 2;
    static final int NO_DEVICE = 100;
    static final int NOT_FOUND = 500;

    static final int DEINITIALIZED = 4;
    static final int DEVICE_UNAVAILABLE = 46;
    static final int ECC_UNCORRECTABLE = 214;
    static final int NVLINK_UNCORRECTABLE = 220;
    static final int CONTAINED = 226;
    static final int ILLEGAL_ADDRESS = 700;
    static final int LAUNCH_TIMEOUT = 702;
    static final int CONTEXT_IS_DESTROYED = 709;
    static final int ASSERT = 710;
    static final int HARDWARE_STACK_ERROR = 714;
    static final int ILLEGAL_INSTRUCTION = 715;
    static final int MISALIGNED_ADDRESS = 716;
    static final int INVALID_ADDRESS_SPACE = 717;
    static final int INVALID_PC = 718;
    static final int LAUNCH_FAILED = 719;
    static final int TENSOR_MEMORY_LEAK = 721;
    static final int UNKNOWN = 999;

    /** After these the context is of no more use: every later call fails too, and what lies in device memory is lost. */
    private static final Set<Integer> LOST = Set.of(
            DEINITIALIZED,
            DEVICE_UNAVAILABLE,
            ECC_UNCORRECTABLE,
            NVLINK_UNCORRECTABLE,
            CONTAINED,
            ILLEGAL_ADDRESS,
            LAUNCH_TIMEOUT,
            CONTEXT_IS_DESTROYED,
            ASSERT,
            HARDWARE_STACK_ERROR,
            ILLEGAL_INSTRUCTION,
            MISALIGNED_ADDRESS,
            INVALID_ADDRESS_SPACE,
            INVALID_PC,
            LAUNCH_FAILED,
            TENSOR_MEMORY_LEAK,
            UNKNOWN);

    private Status() {}

    static boolean lost(int status) {
        return LOST.contains(status);
    }
}
