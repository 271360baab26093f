package dev.lowbit.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Checkpoint;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** Tensors byte by byte. */
public final class Tensors {
    private Tensors() {}

    /** The bytes of a tensor. */
    public static byte[] raw(Checkpoint checkpoint, String name) {
        try (Arena arena = Arena.ofConfined()) {
            return checkpoint.map(name, arena).toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /** Two models have the same tensors of the same bytes. */
    public static void requireSame(Path one, Path other) {
        try (Checkpoint first = Checkpoint.open(one);
                Checkpoint second = Checkpoint.open(other)) {
            assertThat(second.names()).isEqualTo(first.names());
            first.names().forEach(name -> assertThat(raw(second, name)).as(name).isEqualTo(raw(first, name)));
        }
    }
}
