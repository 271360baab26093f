package dev.lowbit.jobs.importing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.jobs.Lowbit;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;

/** Exports and imports in a folder of the test. */
abstract class ExchangeRuns {
    @TempDir
    Path folder;

    final Lowbit lowbit(Object... command) {
        List<Object> quiet = new ArrayList<>(List.of(command));
        quiet.add("--quiet");
        return Lowbit.run(quiet.toArray());
    }

    private Path done(Lowbit run, String out) {
        assertThat(run.code()).as(run.err()).isZero();
        return folder.resolve(out);
    }

    final Path exported(Path compressed, String to, String out) {
        return done(lowbit("export", compressed, "--to", to, "--out", folder.resolve(out)), out);
    }

    final Path imported(Path model, String out) {
        return done(lowbit("import", model, "--out", folder.resolve(out)), out);
    }
}
