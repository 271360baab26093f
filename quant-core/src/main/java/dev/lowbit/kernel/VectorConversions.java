package dev.lowbit.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The formats in SIMD form, one int lane per element; tails go to the scalar form, which gives the same bits.
 *
 * <p>Small formats widen without a branch: the code's exponent and mantissa, shifted to the float's place, are a float that
 * is too small by a power of two (the difference of the biases), and one multiplication by that power is exact, for
 * subnormals too. Only infinities and NaN need a blend.
 */
final class VectorConversions implements Conversions {
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Integer> I = F.withLanes(int.class);
    private static final int LANES = F.length();
    private static final VectorSpecies<Short> S = shape(VectorWidth.bits() / 2).withLanes(short.class);
    private static final VectorSpecies<Double> D = F.withLanes(double.class);
    private static final int DOUBLES = D.length();
    private static final VectorSpecies<Float> HALF_F =
            shape(VectorWidth.bits() / 2).withLanes(float.class);

    /** Elements of one call: vector code is slow until it is compiled, and a method is compiled when it was called often. */
    private static final long BLOCK = 1024;

    private static final ThreadLocal<MemorySegment> SOURCE = nativeBlocks();
    private static final ThreadLocal<MemorySegment> TARGET = nativeBlocks();

    private static final float TO_HALF_BIAS = 0x1p112f;
    private static final float TO_E4M3_BIAS = 0x1p120f;
    private static final int EXPONENT = 0x7f800000;
    private static final int MAGNITUDE = 0x7fffffff;
    /** 2^-14, the smallest normal half, as float bits. */
    private static final int SMALLEST_NORMAL_HALF = 0x38800000;
    /** Rebiases the exponent of a float that is a normal half: (127 - 15) in the exponent's place. */
    private static final int HALF_REBIAS = 112 << 23;

    private final Conversions scalar = new ScalarConversions();

    /** One conversion of at most {@link #BLOCK} elements. */
    @FunctionalInterface
    private interface Block {
        void convert(MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count);
    }

    /** Block by block; what vectors must not load goes through native memory, and so does what lies on the heap and is written. */
    private static void inBlocks(
            Block block,
            int sourceBytes,
            int targetBytes,
            MemorySegment source,
            long sourceOffset,
            MemorySegment target,
            long targetOffset,
            long count) {
        for (long from = 0; from < count; from += BLOCK) {
            long some = Math.min(BLOCK, count - from);
            long read = sourceOffset + from * sourceBytes;
            long written = targetOffset + from * targetBytes;
            MemorySegment in = isLoadedAsCopy(source) ? SOURCE.get() : source;
            if (in != source) {
                MemorySegment.copy(source, read, in, 0, some * sourceBytes);
                read = 0;
            }
            if (!target.isNative()) {
                block.convert(in, read, TARGET.get(), 0, some);
                MemorySegment.copy(TARGET.get(), 0, target, written, some * targetBytes);
            } else {
                block.convert(in, read, target, written, some);
            }
        }
    }

    /**
     * Whether vectors are loaded from a copy: of heap memory, where they are slow ({@link FloatSpan}), and of a mapped file, because a vector load beyond the end of one
     * that was truncated ends the JVM, while a copy throws an InternalError, which readers translate.
     */
    private static boolean isLoadedAsCopy(MemorySegment segment) {
        return !segment.isNative() || segment.isMapped();
    }

    private static ThreadLocal<MemorySegment> nativeBlocks() {
        return ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(BLOCK * Double.BYTES, Double.BYTES));
    }

    private static VectorShape shape(int bits) {
        return VectorShape.forBitSize(Math.max(64, bits));
    }

    @Override
    public void widenF16(MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        inBlocks(this::widenF16Block, 2, 4, source, sourceOffset, target, targetOffset, count);
    }

    private void widenF16Block(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        long bound = count - count % LANES;
        for (long i = 0; i < bound; i += LANES) {
            IntVector code = (IntVector) ShortVector.fromMemorySegment(S, source, sourceOffset + 2 * i, LE)
                    .convertShape(VectorOperators.ZERO_EXTEND_S2I, I, 0);
            IntVector sign = code.and(0x8000).lanewise(VectorOperators.LSHL, 16);
            IntVector magnitude = code.and(0x7fff).lanewise(VectorOperators.LSHL, 13);
            IntVector finite = magnitude.reinterpretAsFloats().mul(TO_HALF_BIAS).reinterpretAsInts();
            VectorMask<Integer> special = magnitude.compare(VectorOperators.GE, 0x7c00 << 13);
            finite.blend(magnitude.or(EXPONENT), special).or(sign).intoMemorySegment(target, targetOffset + 4 * i, LE);
        }
        scalar.widenF16(source, sourceOffset + 2 * bound, target, targetOffset + 4 * bound, count - bound);
    }

    @Override
    public void widenBf16(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        inBlocks(this::widenBf16Block, 2, 4, source, sourceOffset, target, targetOffset, count);
    }

    private void widenBf16Block(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        long bound = count - count % LANES;
        for (long i = 0; i < bound; i += LANES) {
            IntVector code = (IntVector) ShortVector.fromMemorySegment(S, source, sourceOffset + 2 * i, LE)
                    .convertShape(VectorOperators.ZERO_EXTEND_S2I, I, 0);
            code.lanewise(VectorOperators.LSHL, 16).intoMemorySegment(target, targetOffset + 4 * i, LE);
        }
        scalar.widenBf16(source, sourceOffset + 2 * bound, target, targetOffset + 4 * bound, count - bound);
    }

    @Override
    public void widenF8E4m3(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        inBlocks(this::widenF8E4m3Block, 1, 4, source, sourceOffset, target, targetOffset, count);
    }

    private void widenF8E4m3Block(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        long at = 0;
        // a whole byte vector is the smallest there is: its lanes beyond the ints converted here are loaded and not
        // used
        for (; at + ByteVector.SPECIES_128.length() <= count; at += LANES) {
            IntVector code =
                    (IntVector) ByteVector.fromMemorySegment(ByteVector.SPECIES_128, source, sourceOffset + at, LE)
                            .convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
            IntVector sign = code.and(0x80).lanewise(VectorOperators.LSHL, 24);
            IntVector magnitude = code.and(0x7f).lanewise(VectorOperators.LSHL, 20);
            IntVector finite = magnitude.reinterpretAsFloats().mul(TO_E4M3_BIAS).reinterpretAsInts();
            VectorMask<Integer> nan = magnitude.compare(VectorOperators.EQ, 0x7f << 20);
            finite.blend(magnitude.or(EXPONENT), nan).or(sign).intoMemorySegment(target, targetOffset + 4 * at, LE);
        }
        scalar.widenF8E4m3(source, sourceOffset + at, target, targetOffset + 4 * at, count - at);
    }

    @Override
    public void widenF8E5m2(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        inBlocks(this::widenF8E5m2Block, 1, 4, source, sourceOffset, target, targetOffset, count);
    }

    private void widenF8E5m2Block(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        long at = 0;
        for (; at + ByteVector.SPECIES_128.length() <= count; at += LANES) {
            IntVector code =
                    (IntVector) ByteVector.fromMemorySegment(ByteVector.SPECIES_128, source, sourceOffset + at, LE)
                            .convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
            IntVector sign = code.and(0x80).lanewise(VectorOperators.LSHL, 24);
            IntVector magnitude = code.and(0x7f).lanewise(VectorOperators.LSHL, 21);
            IntVector finite = magnitude.reinterpretAsFloats().mul(TO_HALF_BIAS).reinterpretAsInts();
            VectorMask<Integer> special = magnitude.compare(VectorOperators.GE, 0x7c << 21);
            finite.blend(magnitude.or(EXPONENT), special).or(sign).intoMemorySegment(target, targetOffset + 4 * at, LE);
        }
        scalar.widenF8E5m2(source, sourceOffset + at, target, targetOffset + 4 * at, count - at);
    }

    @Override
    public void narrowF64(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        inBlocks(this::narrowF64Block, 8, 4, source, sourceOffset, target, targetOffset, count);
    }

    private void narrowF64Block(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        long bound = count - count % DOUBLES;
        for (long i = 0; i < bound; i += DOUBLES) {
            FloatVector rounded = (FloatVector) DoubleVector.fromMemorySegment(D, source, sourceOffset + 8 * i, LE)
                    .convertShape(VectorOperators.D2F, HALF_F, 0);
            rounded.intoMemorySegment(target, targetOffset + 4 * i, LE);
        }
        scalar.narrowF64(source, sourceOffset + 8 * bound, target, targetOffset + 4 * bound, count - bound);
    }

    @Override
    public void narrowF16(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        inBlocks(this::narrowF16Block, 4, 2, source, sourceOffset, target, targetOffset, count);
    }

    private void narrowF16Block(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        long bound = count - count % LANES;
        for (long i = 0; i < bound; i += LANES) {
            IntVector bits = IntVector.fromMemorySegment(I, source, sourceOffset + 4 * i, LE);
            IntVector magnitude = bits.and(MAGNITUDE);
            IntVector odd = magnitude.lanewise(VectorOperators.LSHR, 13).and(1);
            // half a unit of the last place kept, one less when even: ties go to even, a carry runs into the exponent
            IntVector normal = magnitude
                    .add(odd)
                    .add(0xfff - HALF_REBIAS)
                    .lanewise(VectorOperators.LSHR, 13)
                    .min(0x7c00);
            // the last place of 0.5f is that of a subnormal half, so the addition itself rounds
            IntVector subnormal = magnitude
                    .reinterpretAsFloats()
                    .add(0.5f)
                    .reinterpretAsInts()
                    .sub(Float.floatToRawIntBits(0.5f));
            IntVector nan =
                    magnitude.lanewise(VectorOperators.LSHR, 13).and(0x1ff).or(0x7e00);
            IntVector half = normal.blend(subnormal, magnitude.compare(VectorOperators.LT, SMALLEST_NORMAL_HALF))
                    .blend(nan, magnitude.compare(VectorOperators.GT, EXPONENT))
                    .or(bits.lanewise(VectorOperators.LSHR, 16).and(0x8000));
            half.convertShape(VectorOperators.I2S, S, 0)
                    .reinterpretAsShorts()
                    .intoMemorySegment(target, targetOffset + 2 * i, LE);
        }
        scalar.narrowF16(source, sourceOffset + 4 * bound, target, targetOffset + 2 * bound, count - bound);
    }

    @Override
    public void narrowBf16(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        inBlocks(this::narrowBf16Block, 4, 2, source, sourceOffset, target, targetOffset, count);
    }

    private void narrowBf16Block(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        long bound = count - count % LANES;
        for (long i = 0; i < bound; i += LANES) {
            IntVector bits = IntVector.fromMemorySegment(I, source, sourceOffset + 4 * i, LE);
            IntVector upper = bits.lanewise(VectorOperators.LSHR, 16);
            IntVector rounded = bits.add(upper.and(1)).add(0x7fff).lanewise(VectorOperators.LSHR, 16);
            VectorMask<Integer> nan = bits.and(MAGNITUDE).compare(VectorOperators.GT, EXPONENT);
            rounded.blend(upper.or(0x40), nan)
                    .convertShape(VectorOperators.I2S, S, 0)
                    .reinterpretAsShorts()
                    .intoMemorySegment(target, targetOffset + 2 * i, LE);
        }
        scalar.narrowBf16(source, sourceOffset + 4 * bound, target, targetOffset + 2 * bound, count - bound);
    }

    @Override
    public long firstNonFinite(MemorySegment floats, long offset, long count) {
        for (long from = 0; from < count; from += BLOCK) {
            long some = Math.min(BLOCK, count - from);
            MemorySegment in = isLoadedAsCopy(floats) ? SOURCE.get() : floats;
            if (in != floats) {
                MemorySegment.copy(floats, offset + 4 * from, in, 0, 4 * some);
            }
            long found = firstNonFiniteInBlock(in, in == floats ? offset + 4 * from : 0, some);
            if (found >= 0) {
                return from + found;
            }
        }
        return -1;
    }

    private long firstNonFiniteInBlock(MemorySegment floats, long offset, long count) {
        long bound = count - count % LANES;
        for (long i = 0; i < bound; i += LANES) {
            VectorMask<Integer> bad = IntVector.fromMemorySegment(I, floats, offset + 4 * i, LE)
                    .and(EXPONENT)
                    .compare(VectorOperators.EQ, EXPONENT);
            if (bad.anyTrue()) {
                return i + bad.firstTrue();
            }
        }
        long tail = scalar.firstNonFinite(floats, offset + 4 * bound, count - bound);
        return tail < 0 ? -1 : bound + tail;
    }
}
