package dev.lowbit.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The formats written down: sign, exponent and mantissa taken apart, the value computed in double. */
final class ScalarConversions implements Conversions {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    @Override
    public void widenF16(MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        for (long i = 0; i < count; i++) {
            target.set(INT, targetOffset + 4 * i, half(source.get(SHORT, sourceOffset + 2 * i) & 0xffff));
        }
    }

    @Override
    public void widenBf16(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        for (long i = 0; i < count; i++) {
            target.set(INT, targetOffset + 4 * i, source.get(SHORT, sourceOffset + 2 * i) << 16);
        }
    }

    @Override
    public void widenF8E4m3(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        for (long i = 0; i < count; i++) {
            int code = source.get(ValueLayout.JAVA_BYTE, sourceOffset + i) & 0xff;
            int bits = (code & 0x7f) == 0x7f
                    ? (code & 0x80) << 24 | 0x7ff00000
                    : value(code >> 7, code >> 3 & 15, code & 7, 3, 7);
            target.set(INT, targetOffset + 4 * i, bits);
        }
    }

    @Override
    public void widenF8E5m2(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        for (long i = 0; i < count; i++) {
            int code = source.get(ValueLayout.JAVA_BYTE, sourceOffset + i) & 0xff;
            target.set(INT, targetOffset + 4 * i, half(code << 8));
        }
    }

    private static int half(int code) {
        int exponent = code >> 10 & 31;
        int mantissa = code & 1023;
        if (exponent == 31) {
            return (code & 0x8000) << 16 | 0x7f800000 | mantissa << 13;
        }
        return value(code >> 15, exponent, mantissa, 10, 15);
    }

    /** Bits of (-1)^sign * 1.mantissa * 2^(exponent - bias), or 0.mantissa * 2^(1 - bias) when the exponent is 0. */
    private static int value(int sign, int exponent, int mantissa, int mantissaBits, int bias) {
        double fraction = mantissa / (double) (1 << mantissaBits);
        double magnitude = exponent == 0
                ? fraction * StrictMath.pow(2, 1 - bias)
                : (1 + fraction) * StrictMath.pow(2, exponent - bias);
        return Float.floatToRawIntBits((float) (sign == 0 ? magnitude : -magnitude));
    }

    @Override
    public void narrowF64(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        for (long i = 0; i < count; i++) {
            double value = source.get(DOUBLE, sourceOffset + 8 * i);
            target.set(INT, targetOffset + 4 * i, Float.floatToRawIntBits((float) value));
        }
    }

    @Override
    public void narrowF16(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        for (long i = 0; i < count; i++) {
            int bits = source.get(INT, sourceOffset + 4 * i);
            target.set(SHORT, targetOffset + 2 * i, (short) toHalf(bits));
        }
    }

    private static int toHalf(int bits) {
        int sign = bits >>> 16 & 0x8000;
        int magnitudeBits = bits & 0x7fffffff;
        if (magnitudeBits > 0x7f800000) {
            return sign | 0x7e00 | magnitudeBits >> 13 & 0x1ff;
        }
        double magnitude = Float.intBitsToFloat(magnitudeBits);
        // from halfway between the largest half and its successor upwards the result is infinite
        if (magnitude >= 65520) {
            return sign | 0x7c00;
        }
        int exponent = Math.max(-14, Math.getExponent(magnitude));
        // in units of the last place of a half; rint rounds to nearest even, and a carry runs into the exponent
        long units = (long) StrictMath.rint(magnitude * StrictMath.pow(2, 10 - exponent));
        return sign | (int) (units + ((long) (exponent + 14) << 10));
    }

    @Override
    public void narrowBf16(
            MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        for (long i = 0; i < count; i++) {
            int bits = source.get(INT, sourceOffset + 4 * i);
            target.set(SHORT, targetOffset + 2 * i, (short) toBf16(bits));
        }
    }

    private static int toBf16(int bits) {
        if ((bits & 0x7fffffff) > 0x7f800000) {
            return bits >>> 16 | 0x40;
        }
        int below = bits & 0xffff;
        int truncated = bits >>> 16;
        boolean up = below > 0x8000 || below == 0x8000 && (truncated & 1) == 1;
        return up ? truncated + 1 : truncated;
    }

    @Override
    public long firstNonFinite(MemorySegment floats, long offset, long count) {
        for (long i = 0; i < count; i++) {
            if ((floats.get(INT, offset + 4 * i) & 0x7f800000) == 0x7f800000) {
                return i;
            }
        }
        return -1;
    }
}
