package dev.lowbit.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Floats of a segment as the array that vector code works on: the {@code float[]} itself where the segment lies in one, else block by block a copy.
 * Vectors of a segment that lies on the heap are not compiled (JDK 25), so that they are a tenth as fast, and from the first one on those of native segments in the
 * same code are not either. Arrays have no such trap, and copying a block that stays in the first-level cache costs little.
 *
 * @param array what the segment lies in; null where blocks are copied
 * @param first index of the first float: in the array, or in the segment
 */
public record FloatSpan(float[] array, MemorySegment segment, long first) {
    /** Floats of a copied block; a multiple of every number of lanes. */
    static final int BLOCK = 1024;

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

    /**
     * Some floats of a segment.
     *
     * @throws IndexOutOfBoundsException when they do not lie in it
     */
    public static FloatSpan of(MemorySegment segment, long from, long length) {
        Objects.checkFromIndexSize(from * Float.BYTES, length * Float.BYTES, segment.byteSize());
        if (!segment.isNative()
                && segment.address() % Float.BYTES == 0
                && segment.heapBase().orElse(null) instanceof float[] array) {
            return new FloatSpan(array, segment, from + segment.address() / Float.BYTES);
        }
        return new FloatSpan(null, segment, from);
    }

    /** How many of {@code count} floats are at hand at once: all of an array. */
    int atOnce(long count) {
        return (int) (array != null ? count : Math.min(BLOCK, count));
    }

    /**
     * An array with floats {@code from} to {@code from + count - 1}, which starts at {@link #at}.
     *
     * @param count at most {@link #atOnce}
     * @param block {@link #BLOCK} floats; modified where floats are copied
     */
    float[] read(long from, int count, float[] block) {
        if (array != null) {
            return array;
        }
        MemorySegment.copy(segment, FLOAT, (first + from) * Float.BYTES, block, 0, count);
        return block;
    }

    /** What {@link #read} gives, for floats that are only written: with whatever values are there. */
    float[] room(float[] block) {
        return array != null ? array : block;
    }

    /** Where float {@code from} is in what {@link #read} and {@link #room} give. */
    int at(long from) {
        return array != null ? (int) (first + from) : 0;
    }

    /** Writes what has been changed in the copy; an array has it already. The memory is modified. */
    void write(long from, int count, float[] block) {
        if (array == null) {
            MemorySegment.copy(block, 0, segment, FLOAT, (first + from) * Float.BYTES, count);
        }
    }

    /**
     * A vector from where it lies, without a copy: for loops over one operand, because the compiler makes a loop of its own of each kind of each operand.
     *
     * @param at number of its first float
     */
    FloatVector load(VectorSpecies<Float> species, long at) {
        return array != null
                ? FloatVector.fromArray(species, array, (int) (first + at))
                : FloatVector.fromMemorySegment(species, segment, (first + at) * Float.BYTES, ByteOrder.nativeOrder());
    }

    /** Writes a vector where it belongs, likewise; the memory is modified. */
    public void store(long at, FloatVector vector) {
        if (array != null) {
            vector.intoArray(array, (int) (first + at));
        } else {
            vector.intoMemorySegment(segment, (first + at) * Float.BYTES, ByteOrder.nativeOrder());
        }
    }

    /** What becomes of some floats of one array in another; count floats from index at and outAt on. */
    @FunctionalInterface
    interface Unary {
        void apply(float[] x, int at, float[] out, int outAt, int count);
    }

    /** What becomes of some floats of two arrays in a third; count floats from index aAt, bAt and outAt on. */
    @FunctionalInterface
    interface Binary {
        void apply(float[] a, int aAt, float[] b, int bAt, float[] out, int outAt, int count);
    }

    /** Writes what a loop over arrays makes of x to out, which is modified and may be the same floats. */
    static void map(FloatSpan x, FloatSpan out, long length, Unary loop) {
        Blocks blocks = Blocks.ofThread();
        int step = Math.min(x.atOnce(length), out.atOnce(length));
        for (long from = 0; from < length; from += step) {
            int count = (int) Math.min(step, length - from);
            float[] results = out.room(blocks.b);
            loop.apply(x.read(from, count, blocks.a), x.at(from), results, out.at(from), count);
            out.write(from, count, results);
        }
    }

    /** Writes what a loop over arrays makes of a and b to out, which is modified and may be the same floats as either. */
    static void map(FloatSpan a, FloatSpan b, FloatSpan out, long length, Binary loop) {
        Blocks blocks = Blocks.ofThread();
        int step = Math.min(Math.min(a.atOnce(length), b.atOnce(length)), out.atOnce(length));
        for (long from = 0; from < length; from += step) {
            int count = (int) Math.min(step, length - from);
            float[] left = a.read(from, count, blocks.a);
            float[] right = b.read(from, count, blocks.b);
            float[] results = out.room(blocks.c);
            loop.apply(left, a.at(from), right, b.at(from), results, out.at(from), count);
            out.write(from, count, results);
        }
    }

    /** Blocks for copies, of this thread. */
    static final class Blocks {
        private static final ThreadLocal<Blocks> OF_THREAD = ThreadLocal.withInitial(Blocks::new);

        final float[] a = new float[BLOCK];
        final float[] b = new float[BLOCK];
        final float[] c = new float[BLOCK];

        static Blocks ofThread() {
            return OF_THREAD.get();
        }
    }
}
