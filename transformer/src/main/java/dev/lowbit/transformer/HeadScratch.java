package dev.lowbit.transformer;

import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;

/** Heap buffers of one running attention task, kept for reuse. */
final class HeadScratch {
    private static final ConcurrentLinkedQueue<HeadScratch> IDLE = new ConcurrentLinkedQueue<>();

    private final Map<String, float[]> slots = new HashMap<>();

    private HeadScratch() {}

    static HeadScratch acquire() {
        HeadScratch idle = IDLE.poll();
        return idle == null ? new HeadScratch() : idle;
    }

    void release() {
        IDLE.add(this);
    }

    /** A view of a slot's memory, whose content is undefined. */
    FloatMatrix matrix(String slot, int rows, int columns) {
        int size = Math.multiplyExact(rows, columns);
        float[] values = slots.get(slot);
        if (values == null || values.length < size) {
            values = new float[size];
            slots.put(slot, values);
        }
        return FloatMatrix.wrap(rows, columns, MemorySegment.ofArray(values).asSlice(0, (long) size * Float.BYTES));
    }

    /** Copies one head's columns of {@code count} rows into a dense matrix. */
    FloatMatrix gather(String slot, FloatMatrix from, int row, int count, int column, int width) {
        FloatMatrix out = matrix(slot, count, width);
        for (int t = 0; t < count; t++) {
            MemorySegment.copy(
                    from.segment(),
                    ((long) (row + t) * from.columns() + column) * Float.BYTES,
                    out.segment(),
                    (long) t * width * Float.BYTES,
                    (long) width * Float.BYTES);
        }
        return out;
    }

    /** The way back. */
    static void scatter(FloatMatrix from, FloatMatrix to, int row, int column) {
        for (int t = 0; t < from.rows(); t++) {
            MemorySegment.copy(
                    from.segment(),
                    (long) t * from.columns() * Float.BYTES,
                    to.segment(),
                    ((long) (row + t) * to.columns() + column) * Float.BYTES,
                    (long) from.columns() * Float.BYTES);
        }
    }
}
