package dev.lowbit.matrix.lookup;

import dev.lowbit.kernel.VectorWidth;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * From the sums of a domain to outputs, in registers as wide as there are. Sums come from memory, so that this may be compiled by itself: no register crosses its
 * border.
 */
final class DomainSums {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Byte> B = F.withLanes(byte.class);
    private static final VectorSpecies<Short> S = F.withLanes(short.class);
    private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

    private static final int BYTES = B.length();
    private static final int SHORTS = S.length();
    private static final int LOW_HALF = 0xffff;
    private static final int HIGH_HALF = 0xffff0000;

    /** 16-bit values that belong to 64 rows in a row, the lower half of the rows in even places. */
    private static final int GROUP = LookupShape.BLOCK_ROWS / 2;

    private DomainSums() {}

    /**
     * y += scale * (unit * sum + base), two fused multiply-adds.
     *
     * @param sums {@code count} numbers without sign from its start on, as {@link DomainKernels#shortOf} says; not modified
     * @param first place of the first of them among those of all blocks, a multiple of 32
     * @param count a multiple of 32
     * @param scales in BF16 for all blocks from byte {@code scalesAt} on, in the same places
     * @param y values for all blocks from {@code yFrom} on, rows in order; modified
     */
    static void add(
            short[] sums,
            int first,
            int count,
            MemorySegment scales,
            long scalesAt,
            float unit,
            float base,
            float[] y,
            int yFrom) {
        FloatVector units = FloatVector.broadcast(F, unit);
        FloatVector bases = FloatVector.broadcast(F, base);
        for (int i = 0; i < count; i += SHORTS) {
            int row = yFrom + rowOf(first + i);
            IntVector pair = ShortVector.fromArray(S, sums, i).reinterpretAsInts();
            IntVector scale = ByteVector.fromMemorySegment(
                            B, scales, scalesAt + (long) (first + i) * Short.BYTES, LITTLE)
                    .reinterpretAsInts();
            FloatVector lower = (FloatVector) pair.and(LOW_HALF).convert(VectorOperators.I2F, 0);
            lower.fma(units, bases)
                    .fma(
                            scale.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats(),
                            FloatVector.fromArray(F, y, row))
                    .intoArray(y, row);
            FloatVector higher = (FloatVector)
                    pair.lanewise(VectorOperators.LSHR, Short.SIZE).convert(VectorOperators.I2F, 0);
            higher.fma(units, bases)
                    .fma(scale.and(HIGH_HALF).reinterpretAsFloats(), FloatVector.fromArray(F, y, row + GROUP / 2))
                    .intoArray(y, row + GROUP / 2);
        }
    }

    /**
     * The same for bytes that were added four in a lane of 32 bits, as two numbers of 16: once as they are, and once shifted right by a byte over the whole lane. From the
     * sums A and B of such a lane, modulo 2^16, those of its bytes follow from the last to the first:
     *
     * <pre>
     *   b3 = upper half of B    b2 = upper half of A - 2^8 b3    b1 = lower half of B - 2^8 b2    b0 = lower half of A - 2^8 b1
     * </pre>
     *
     * @param sums A of 16 lanes, then B of these: rows l, 16 + l, 32 + l and 48 + l of lane l; not modified
     * @param half which 64 rows among those of all blocks
     */
    static void addBytes(
            short[] sums, int half, MemorySegment scales, long scalesAt, float unit, float base, float[] y, int yFrom) {
        FloatVector units = FloatVector.broadcast(F, unit);
        FloatVector bases = FloatVector.broadcast(F, base);
        for (int i = 0; i < GROUP / 2; i += SHORTS) {
            IntVector a = ShortVector.fromArray(S, sums, i).reinterpretAsInts();
            IntVector b = ShortVector.fromArray(S, sums, GROUP / 2 + i).reinterpretAsInts();
            IntVector b3 = b.lanewise(VectorOperators.LSHR, Short.SIZE);
            IntVector b2 = a.lanewise(VectorOperators.LSHR, Short.SIZE)
                    .sub(b3.lanewise(VectorOperators.LSHL, Byte.SIZE))
                    .and(LOW_HALF);
            IntVector b1 = b.sub(b2.lanewise(VectorOperators.LSHL, Byte.SIZE)).and(LOW_HALF);
            IntVector b0 = a.sub(b1.lanewise(VectorOperators.LSHL, Byte.SIZE)).and(LOW_HALF);
            long of = scalesAt + (long) (half * GROUP + i) * Short.BYTES;
            IntVector scale =
                    ByteVector.fromMemorySegment(B, scales, of, LITTLE).reinterpretAsInts();
            int row = yFrom + half * GROUP + i / 2;
            ((FloatVector) b0.convert(VectorOperators.I2F, 0))
                    .fma(units, bases)
                    .fma(
                            scale.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats(),
                            FloatVector.fromArray(F, y, row))
                    .intoArray(y, row);
            ((FloatVector) b2.convert(VectorOperators.I2F, 0))
                    .fma(units, bases)
                    .fma(scale.and(HIGH_HALF).reinterpretAsFloats(), FloatVector.fromArray(F, y, row + GROUP / 2))
                    .intoArray(y, row + GROUP / 2);
            scale = ByteVector.fromMemorySegment(B, scales, of + GROUP, LITTLE).reinterpretAsInts();
            ((FloatVector) b1.convert(VectorOperators.I2F, 0))
                    .fma(units, bases)
                    .fma(
                            scale.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats(),
                            FloatVector.fromArray(F, y, row + GROUP / 4))
                    .intoArray(y, row + GROUP / 4);
            ((FloatVector) b3.convert(VectorOperators.I2F, 0))
                    .fma(units, bases)
                    .fma(scale.and(HIGH_HALF).reinterpretAsFloats(), FloatVector.fromArray(F, y, row + GROUP * 3 / 4))
                    .intoArray(y, row + GROUP * 3 / 4);
        }
    }

    /** {@link DomainKernels#addOffsets} in registers. */
    static void addOffsets(MemorySegment offsets, long offsetsAt, float inputs, float[] y, int yFrom, int blocks) {
        FloatVector input = FloatVector.broadcast(F, inputs);
        for (int i = 0; i < blocks * LookupShape.BLOCK_ROWS; i += SHORTS) {
            int row = yFrom + rowOf(i);
            IntVector offset = ByteVector.fromMemorySegment(B, offsets, offsetsAt + (long) i * Short.BYTES, LITTLE)
                    .reinterpretAsInts();
            offset.lanewise(VectorOperators.LSHL, Short.SIZE)
                    .reinterpretAsFloats()
                    .fma(input, FloatVector.fromArray(F, y, row))
                    .intoArray(y, row);
            offset.and(HIGH_HALF)
                    .reinterpretAsFloats()
                    .fma(input, FloatVector.fromArray(F, y, row + GROUP / 2))
                    .intoArray(y, row + GROUP / 2);
        }
    }

    /** The row of an even place, the first of those in a register; places behind it have the next rows and those half a group further. */
    private static int rowOf(int place) {
        return (place & -GROUP) + (place & GROUP - 1) / 2;
    }
}
