package dev.lowbit.matrix;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** {@link LiveCodes} of representations whose tiles are single weights, each with a code of up to 8 bits in row-major order. */
public abstract class LiveScalars implements LiveCodes {
    private static final int TILES_PER_TASK = 1 << 14;

    private final QuantizedMatrix original;
    private final int codeBits;
    private final byte[] codes;

    /**
     * A live copy of a matrix.
     *
     * @param original its first part is the bit stream of all codes
     */
    protected LiveScalars(QuantizedMatrix original, int codeBits) {
        this.original = original;
        this.codeBits = codeBits;
        int size = Math.multiplyExact(original.rows(), original.columns());
        this.codes = PackedCodes.unpack(original.parts().getFirst().bytes(), size, codeBits);
    }

    /** The code that a weight shall have. */
    @FunctionalInterface
    protected interface Choice {
        /** @param at place of the weight, row-major */
        byte code(int at);
    }

    /**
     * What {@link #choose} asks for each weight; called from many threads.
     *
     * @param target rows x columns, finite; not modified
     */
    protected abstract Choice choice(FloatMatrix target, Workers workers);

    /** The weight that a code stands for at a place. */
    @FunctionalInterface
    protected interface Levels {
        /**
         * The weight.
         *
         * @param at place of the weight, row-major
         * @param code unsigned
         */
        float weight(int at, int code);
    }

    /** What all codes stand for now; called from many threads. */
    protected abstract Levels levels(Workers workers);

    /** The matrix with its codes, its other parts rounded as they are stored. */
    public abstract QuantizedMatrix stored();

    /** All codes, unsigned, rows x columns; live. */
    protected final byte[] codes() {
        return codes;
    }

    @Override
    public final int rows() {
        return original.rows();
    }

    @Override
    public final int columns() {
        return original.columns();
    }

    @Override
    public final String format() {
        return original.format();
    }

    /** The parts as rounding would store them now. */
    @Override
    public final List<Part> parts() {
        return stored().parts();
    }

    @Override
    public final int outGroup() {
        return 1;
    }

    @Override
    public final int inGroup() {
        return 1;
    }

    @Override
    public final int codeCount() {
        return codes.length;
    }

    @Override
    public final double codeBitsPerWeight() {
        return codeBits;
    }

    @Override
    public final int choose(int[] tiles, FloatMatrix target, CodeRounding rounding, Workers workers) {
        Choice nearest = choice(target, workers);
        Choice choice = rounding == CodeRounding.NEAREST
                ? nearest
                : rounded(nearest, levels(workers), target.segment(), rounding);
        AtomicInteger changed = new AtomicInteger();
        workers.forEach(Math.ceilDiv(tiles.length, TILES_PER_TASK), task -> {
            int end = Math.min(tiles.length, (task + 1) * TILES_PER_TASK);
            int exchanged = 0;
            for (int i = task * TILES_PER_TASK; i < end; i++) {
                byte code = choice.code(tiles[i]);
                if (code != codes[tiles[i]]) {
                    codes[tiles[i]] = code;
                    exchanged++;
                }
            }
            changed.addAndGet(exchanged);
        });
        return changed.get();
    }

    private Choice rounded(Choice choice, Levels levels, MemorySegment target, CodeRounding rounding) {
        return at -> {
            byte code = choice.code(at);
            float wanted = target.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at);
            float nearest = levels.weight(at, code & 0xff);
            int second = -1;
            double distance = Double.POSITIVE_INFINITY;
            for (int other = 0; other < 1 << codeBits; other++) {
                float weight = levels.weight(at, other);
                double away = Math.abs((double) weight - wanted);
                if (weight != nearest && away < distance) {
                    second = other;
                    distance = away;
                }
            }
            boolean takes = second >= 0 && rounding.takesSecond(at, Math.abs((double) nearest - wanted), distance);
            return takes ? (byte) second : code;
        };
    }

    @Override
    public final void readCodes(FloatMatrix out) {
        for (int i = 0; i < codes.length; i++) {
            out.set(0, i, codes[i] & 0xff);
        }
    }

    @Override
    public final void writeCodes(FloatMatrix from) {
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (byte) (int) from.get(0, i);
        }
    }
}
