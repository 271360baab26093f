package dev.lowbit.jobs;

import java.lang.foreign.Arena;

/** Makes memory caps that the process has broken already, though there is room under them for a small job. */
public final class BrokenCap {
    private static final long ROOM = 256L << 20;

    private BrokenCap() {}

    /** Has the process hold twice the room for a moment; a cap of the room beside what it holds afterwards. Linux only. */
    public static long bytes() {
        try (Arena arena = Arena.ofConfined()) {
            arena.allocate(2 * ROOM).fill((byte) 1);
        }
        return PeakMemory.residentBytes().orElseThrow() + ROOM;
    }
}
