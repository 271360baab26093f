package dev.lowbit.jobs.update;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.kernel.Kernels;
import dev.lowbit.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** Stored tensors as 32-bit floats and back; what is not finite is refused on both ways. */
final class StoredFloats {
    private StoredFloats() {}

    /** Whether values of this type are exact as floats and can be written again. */
    static boolean isSupported(DType type) {
        return switch (type) {
            case F32, F16, BF16 -> true;
            default -> false;
        };
    }

    /** @throws UnsupportedModelException when values of the type cannot be changed here */
    static void requireSupported(String name, DType type) {
        if (!isSupported(type)) {
            throw new UnsupportedModelException(
                    "tensor " + name + " is " + type + "; updates are taken from and added to F32, F16 and BF16");
        }
    }

    /**
     * The values as floats, exactly but for F64, which is rounded.
     *
     * @param file for messages
     * @param bytes little-endian; not modified
     * @throws MalformedFileException NON_FINITE
     */
    static MemorySegment widened(Path file, String name, DType type, MemorySegment bytes, Arena arena) {
        long count = bytes.byteSize() / type.bytes();
        MemorySegment floats = arena.allocate(count * Float.BYTES, Float.BYTES);
        Conversions conversions = Conversions.get();
        conversions.widen(type, bytes, 0, floats, 0, count);
        long bad = conversions.firstNonFinite(floats, 0, count);
        if (bad >= 0) {
            throw new MalformedFileException(
                    file,
                    -1,
                    Reason.NON_FINITE,
                    "tensor " + name + " holds a NaN, an infinity or a number beyond 32-bit range at element " + bad
                            + "; weights must be finite");
        }
        return floats;
    }

    /**
     * Floats in a stored type, rounded to nearest even.
     *
     * @param type F32, F16 or BF16
     * @param floats not modified
     * @throws InvalidRequestException (impossible) when a value is beyond the range of the type
     */
    static MemorySegment narrowed(String name, DType type, MemorySegment floats, Arena arena) {
        long count = floats.byteSize() / Float.BYTES;
        MemorySegment bytes = arena.allocate(count * type.bytes(), Float.BYTES);
        Conversions conversions = Conversions.get();
        conversions.narrow(type, floats, 0, bytes, 0, count);
        MemorySegment stored = arena.allocate(floats.byteSize(), Float.BYTES);
        conversions.widen(type, bytes, 0, stored, 0, count);
        long bad = conversions.firstNonFinite(stored, 0, count);
        if (bad >= 0) {
            throw InvalidRequestException.impossible("tensor " + name + " would hold "
                    + floats.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, bad) + " at element " + bad
                    + ", beyond the range of " + type
                    + "; the update does not belong to this base, or its scale is wrong");
        }
        return bytes;
    }

    /**
     * target += values, in floats.
     *
     * @param target modified
     * @param values as many; not modified
     */
    static void add(MemorySegment target, MemorySegment values) {
        Kernels.get().axpy(1, values, 0, target, 0, target.byteSize() / Float.BYTES);
    }

    /**
     * target -= values, in floats.
     *
     * @param target modified
     * @param values as many; not modified
     */
    static void subtract(MemorySegment target, MemorySegment values) {
        Kernels.get().subtract(target, 0, values, 0, target, 0, target.byteSize() / Float.BYTES);
    }
}
