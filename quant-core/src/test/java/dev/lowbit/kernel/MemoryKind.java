package dev.lowbit.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The kinds of memory that floats may lie in. */
enum MemoryKind {
    NATIVE,
    ARRAY,
    SLICE_OF_ARRAY,
    UNALIGNED_NATIVE,
    BYTES;

    private static final MemoryKind[] ALL = values();

    /** The kind that comes {@code step} after this one. */
    MemoryKind next(int step) {
        return ALL[(ordinal() + step) % ALL.length];
    }

    /** Memory for floats, zeros. */
    MemorySegment floats(int count, Arena arena) {
        return switch (this) {
            case NATIVE -> arena.allocate((long) count * Float.BYTES, Float.BYTES);
            case ARRAY -> MemorySegment.ofArray(new float[count]);
            case SLICE_OF_ARRAY ->
                MemorySegment.ofArray(new float[count + 5]).asSlice(3L * Float.BYTES, (long) count * Float.BYTES);
            case UNALIGNED_NATIVE ->
                arena.allocate((long) count * Float.BYTES + 1).asSlice(1);
            case BYTES -> MemorySegment.ofArray(new byte[count * Float.BYTES]);
        };
    }

    /** The same floats in memory of this kind. */
    MemorySegment copy(MemorySegment floats, Arena arena) {
        return floats((int) (floats.byteSize() / Float.BYTES), arena).copyFrom(floats);
    }
}
