package dev.lowbit.cuda.kernels;

import dev.lowbit.tensor.DType;

/** The numbers that kernels know the types of stored floats by, as in {@code common.cuh}. */
final class FloatStored {
    static final int F32 = 0;
    static final int F16 = 1;
    static final int BF16 = 2;
    static final int TWO_LEVELS = 3;

    private FloatStored() {}

    static int of(DType type) {
        return switch (type) {
            case F32 -> F32;
            case F16 -> F16;
            case BF16 -> BF16;
            default -> throw new IllegalArgumentException("no kernel reads floats from " + type);
        };
    }
}
