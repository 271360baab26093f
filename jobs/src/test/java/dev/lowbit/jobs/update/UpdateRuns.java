package dev.lowbit.jobs.update;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Limits;
import dev.lowbit.compeft.CompressedUpdate;
import dev.lowbit.compeft.TernaryTensor;
import dev.lowbit.compeft.UpdateFile;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;

/** Exports and imports of updates in a folder of the test. */
abstract class UpdateRuns {
    @TempDir
    Path folder;

    final Lowbit lowbit(Object... command) {
        List<Object> quiet = new ArrayList<>(List.of(command));
        quiet.add("--quiet");
        return Lowbit.run(quiet.toArray());
    }

    /** Runs a command that writes {@code --out folder/out}; fails the test when that fails. */
    final Path done(String out, Object... command) {
        List<Object> whole = new ArrayList<>(List.of(command));
        whole.addAll(List.of("--out", folder.resolve(out)));
        Lowbit run = lowbit(whole.toArray());
        assertThat(run.code()).as(run.err()).isZero();
        return folder.resolve(out);
    }

    /** A command is refused with one line that holds these words, and leaves nothing behind. */
    final void refused(int code, String words, Object... command) throws IOException {
        List<Object> whole = new ArrayList<>(List.of(command));
        whole.addAll(List.of("--out", folder.resolve("refused")));
        List<String> before = listing();
        Lowbit run = lowbit(whole.toArray());
        assertThat(run.err()).contains(words);
        assertThat(run.err().lines()).hasSize(1);
        assertThat(run.code()).isEqualTo(code);
        assertThat(listing()).isEqualTo(before);
    }

    private List<String> listing() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(Path::toString).sorted().toList();
        }
    }

    static CompressedUpdate update(Path directory) {
        return UpdateFile.read(directory.resolve(UpdateFolder.FILE), Limits.defaults(), Workers.serial());
    }

    static float[] decoded(CompressedUpdate update, String name) {
        TernaryTensor tensor = update.tensor(name);
        MemorySegment floats = MemorySegment.ofArray(new float[Math.toIntExact(tensor.elements())]);
        tensor.decode(DType.F32, floats);
        return floats.toArray(ValueLayout.JAVA_FLOAT);
    }
}
