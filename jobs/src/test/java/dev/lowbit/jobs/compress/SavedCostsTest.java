package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.budget.Candidate;
import dev.lowbit.method.Compressor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** However rarely the file is written on the way, it holds everything in the end; and nothing is written for nothing. */
class SavedCostsTest {
    private static final CostTable.Key KEY =
            new CostTable.Key("lowbit", "in", "", "lq-lora", new Compressor.Limits(0, 0, 0, 0));

    @TempDir
    private Path folder;

    private final CostTable table = new CostTable(KEY);

    private void price(String name) {
        List<Candidate> candidates = List.of(new Candidate("nf2", 0, 9, 0.5, true));
        table.put(name, new CostTable.Prices(1, 1, 1, 1, candidates));
    }

    @Test
    void theFirstIsWrittenAtOnceAndTheLastInTheEnd() {
        Path file = folder.resolve("costs.json");
        try (SavedCosts saved = new SavedCosts(Optional.of(file), table)) {
            price("first");
            saved.keep();
            assertThat(CostTableFile.read(file, KEY).all()).containsOnlyKeys("first");
            for (int i = 0; i < 100; i++) {
                price("next " + i);
                saved.keep();
            }
        }
        assertThat(CostTableFile.read(file, KEY).all()).isEqualTo(table.all()).hasSize(101);
    }

    @Test
    void nothingNewIsNotWritten() throws IOException {
        Path file = folder.resolve("costs.json");
        try (SavedCosts saved = new SavedCosts(Optional.of(file), table)) {
            price("first");
            saved.keep();
            Files.delete(file);
        }
        assertThat(file).doesNotExist();
    }

    @Test
    void withoutAFileNothingHappens() {
        try (SavedCosts saved = new SavedCosts(Optional.empty(), table)) {
            price("first");
            saved.keep();
        }
        assertThat(folder).isEmptyDirectory();
    }
}
