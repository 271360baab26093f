package dev.lowbit.cuda.kernels;

import dev.lowbit.cuda.driver.KernelArguments;

/** The first arguments of a kernel, counted. */
final class Arguments {
    private final KernelArguments.Builder builder = KernelArguments.builder();
    private int count;

    Arguments pointer(long address) {
        builder.ofPointer(address);
        count++;
        return this;
    }

    Arguments integer(int value) {
        builder.ofInt(value);
        count++;
        return this;
    }

    Arguments number(float value) {
        builder.ofFloat(value);
        count++;
        return this;
    }

    /** The six of {@code struct Scales}. */
    Arguments scales(ScalesOnDevice scales) {
        return pointer(scales.values())
                .pointer(scales.factors())
                .number(scales.offset())
                .integer(scales.stored())
                .integer(scales.bits())
                .integer(scales.superGroup());
    }

    int count() {
        return count;
    }

    /** Where the rest is added. */
    KernelArguments.Builder builder() {
        return builder;
    }
}
