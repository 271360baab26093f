package dev.lowbit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.SafetensorsWriter.Entry;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that somebody truncates, rewrites, replaces or removes between and during reads; threads that are interrupted. */
class ChangingFileTest {
    private static final long ROWS = 1 << 10;

    @TempDir
    Path path;

    private Path file;

    @BeforeEach
    void makeModel() {
        file = path.resolve("model.safetensors");
        new Folder(path).tensors("model.safetensors", List.of(new Entry("t", DType.F32, List.of(ROWS, 1L << 8))));
    }

    private void truncate() {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.truncate(channel.size() / 2);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void requireChanged(Runnable access) {
        MalformedFileException e = catchThrowableOfType(MalformedFileException.class, access::run);
        assertThat(e).as("must be noticed").isNotNull();
        assertThat(e.reason()).isEqualTo(Reason.FILE_CHANGED);
    }

    private static void everyAccessNotices(Checkpoint checkpoint) {
        requireChanged(() -> checkpoint.matrix("t"));
        requireChanged(() -> checkpoint.matrix("t", true));
        requireChanged(() -> checkpoint.copyTo("t", Channels.newChannel(new ByteArrayOutputStream())));
        requireChanged(() -> checkpoint.map("t", Arena.ofAuto()));
        requireChanged(checkpoint::digest);
    }

    @Test
    void i17ATruncatedShardIsNoticed() {
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            truncate();
            everyAccessNotices(checkpoint);
        }
    }

    @Test
    void aRewrittenFileIsNoticed() throws IOException {
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            Files.setLastModifiedTime(file, FileTime.fromMillis(1_000_000));
            everyAccessNotices(checkpoint);
        }
    }

    @Test
    void aReplacedFileIsNoticed() throws IOException {
        Path copy = path.resolve("copy");
        Files.copy(file, copy, StandardCopyOption.COPY_ATTRIBUTES);
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            Files.move(copy, file, StandardCopyOption.ATOMIC_MOVE);
            everyAccessNotices(checkpoint);
        }
    }

    @Test
    void aRemovedFileIsNoticed() throws IOException {
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            Files.delete(file);
            everyAccessNotices(checkpoint);
        }
    }

    @Test
    void aFaultOfTheMappingIsTheFilesFault() {
        try (SafetensorsFile opened = SafetensorsFile.open(file, Limits.defaults());
                Arena arena = Arena.ofConfined()) {
            MemorySegment mapped = opened.map("t", arena);
            requireChanged(() -> opened.guard(() -> {
                truncate();
                mapped.get(ValueLayout.JAVA_BYTE, mapped.byteSize() - 1);
            }));
        }
    }

    @Test
    void aFaultInALoopOfCompiledCodeIsTheFilesFault() {
        try (SafetensorsFile opened = SafetensorsFile.open(file, Limits.defaults());
                Arena arena = Arena.ofConfined()) {
            MemorySegment mapped = opened.map("t", arena);
            long[] sum = new long[1];
            for (int i = 0; i < 20; i++) {
                sum[0] += sum(mapped);
            }
            requireChanged(() -> opened.guard(() -> {
                truncate();
                sum[0] += sum(mapped);
            }));
        }
    }

    private static long sum(MemorySegment mapped) {
        long sum = 0;
        for (long i = 0; i < mapped.byteSize(); i++) {
            sum += mapped.get(ValueLayout.JAVA_BYTE, i);
        }
        return sum;
    }

    @Test
    void r5AnInterruptedThreadHarmsOnlyItself() {
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            Thread.currentThread().interrupt();
            assertThatThrownBy(() -> checkpoint.matrix("t")).isInstanceOf(UncheckedIOException.class);
            assertThat(Thread.interrupted())
                    .as("the interrupt is not swallowed")
                    .isTrue();
            try (FloatMatrix matrix = checkpoint.matrix("t")) {
                assertThat(matrix.rows()).isEqualTo((int) ROWS);
            }
        }
    }

    @Test
    void aTargetThatIsMappedKeepsItsOldContent() {
        try (SafetensorsFile opened = SafetensorsFile.open(file, Limits.defaults());
                Arena arena = Arena.ofConfined()) {
            MemorySegment mapped = opened.map("t", arena);
            new Folder(path).shard("model.safetensors", "u");
            assertThat(mapped.get(ValueLayout.JAVA_BYTE, mapped.byteSize() - 1)).isEqualTo((byte) 0x3f);
        }
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            assertThat(checkpoint.names()).containsExactly("u");
        }
    }

    @Test
    void aClosedCheckpointReadsNoMore() {
        Checkpoint checkpoint = Checkpoint.open(path);
        checkpoint.close();
        assertThatThrownBy(() -> checkpoint.matrix("t")).isInstanceOf(IllegalStateException.class);
    }
}
