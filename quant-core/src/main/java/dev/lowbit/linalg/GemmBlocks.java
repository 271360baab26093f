package dev.lowbit.linalg;

import static dev.lowbit.kernel.GemmKernel.DEPTH;
import static dev.lowbit.kernel.GemmKernel.LANE_STRIDE;
import static dev.lowbit.kernel.GemmKernel.MAX_ROWS;

import dev.lowbit.kernel.BlockCopy;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * The packing buffers of one running product, about 0.9 MiB. They are kept for reuse, so as many stay allocated as ever ran
 * at once.
 */
final class GemmBlocks {
    private static final ConcurrentLinkedQueue<GemmBlocks> IDLE = new ConcurrentLinkedQueue<>();

    final float[] rows = new float[MAX_ROWS * DEPTH];
    final float[] lanes = new float[DEPTH * LANE_STRIDE];
    final float[] result = new float[MAX_ROWS * LANE_STRIDE];
    final float[] strip = new float[BlockCopy.STRIP_FLOATS];

    private GemmBlocks() {}

    static GemmBlocks acquire() {
        GemmBlocks idle = IDLE.poll();
        return idle == null ? new GemmBlocks() : idle;
    }

    void release() {
        IDLE.add(this);
    }
}
