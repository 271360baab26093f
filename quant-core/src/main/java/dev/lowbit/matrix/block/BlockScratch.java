package dev.lowbit.matrix.block;

/** Arrays that one thread reuses from chunk to chunk, because clearing new ones would cost as much as the work. */
final class BlockScratch {
    private static final ThreadLocal<BlockScratch> OF_THREAD = ThreadLocal.withInitial(BlockScratch::new);

    private float[] weights = {};
    private float[] importance = {};
    private float[] results = {};
    private byte[] codes = {};
    private byte[] packed = {};

    private BlockScratch() {}

    static BlockScratch ofThread() {
        return OF_THREAD.get();
    }

    float[] weights(int length) {
        return weights = atLeast(weights, length);
    }

    float[] importance(int length) {
        return importance = atLeast(importance, length);
    }

    float[] results(int length) {
        return results = atLeast(results, length);
    }

    byte[] codes(int length) {
        return codes = atLeast(codes, length);
    }

    byte[] packed(int length) {
        return packed = atLeast(packed, length);
    }

    private static float[] atLeast(float[] array, int length) {
        return array.length >= length ? array : new float[length];
    }

    private static byte[] atLeast(byte[] array, int length) {
        return array.length >= length ? array : new byte[length];
    }
}
