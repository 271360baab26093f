package dev.lowbit.matrix;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.concurrent.atomic.AtomicInteger;

/** {@link LiveCodes} of representations whose tiles are single weights, each with a code of up to 8 bits in row-major order. */
public final class ScalarTiles {
    private static final int TILES_PER_TASK = 1 << 14;

    private ScalarTiles() {}

    /** The code that a weight shall have. */
    @FunctionalInterface
    public interface Choice {
        /** @param at place of the weight */
        byte code(int at);
    }

    /**
     * Exchanges codes.
     *
     * @param tiles places, each once; not modified
     * @param codes modified
     * @return how many are others than before
     */
    public static int choose(int[] tiles, byte[] codes, Workers workers, Choice choice) {
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

    /** @param out 1 x codes; modified (overwritten) */
    public static void read(byte[] codes, FloatMatrix out) {
        for (int i = 0; i < codes.length; i++) {
            out.set(0, i, codes[i] & 0xff);
        }
    }

    /** @param codes modified (overwritten) */
    public static void write(FloatMatrix from, byte[] codes) {
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (byte) (int) from.get(0, i);
        }
    }
}
