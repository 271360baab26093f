package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.budget.Candidate;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.method.Compressor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CostTableFileTest {
    private static final CostTable.Key KEY = key("in", "", "lq-lora", new Compressor.Limits(1, 8, 64, Long.MIN_VALUE));

    @TempDir
    private Path folder;

    private Path file;

    private static CostTable.Key key(String input, String importance, String method, Compressor.Limits limits) {
        return new CostTable.Key("lowbit 1.0", input, importance, method, limits);
    }

    @BeforeEach
    void write() {
        file = folder.resolve("costs.json");
        CostTable table = new CostTable(KEY);
        table.put(
                "layer \"1\"\u00e9",
                new CostTable.Prices(3, 5, 0.1 + 0.2, 0.7, List.of(new Candidate("nf2", 0, 12, 1e-300, true))));
        table.put(
                "b",
                new CostTable.Prices(
                        7,
                        9,
                        1e30,
                        1e15,
                        List.of(
                                new Candidate("nf2", 0, 99, 0, true),
                                new Candidate("nf2+r1-nf8", 1, 120, 0.5, false))));
        table.confirm("b", "nf2+r1-nf8", 0.625);
        CostTableFile.write(file, table);
    }

    @Test
    void whatIsWrittenIsRead() {
        CostTable read = CostTableFile.read(file, KEY);
        assertThat(read.all()).hasSize(2);
        assertThat(read.prices("layer \"1\"\u00e9"))
                .isEqualTo(
                        new CostTable.Prices(3, 5, 0.1 + 0.2, 0.7, List.of(new Candidate("nf2", 0, 12, 1e-300, true))));
        assertThat(read.prices("b").candidates()).hasSize(2);
        assertThat(read.confirmedError("b", "nf2+r1-nf8")).hasValue(0.625);
        assertThat(read.confirmedError("b", "nf2")).isEmpty();
    }

    @Test
    void anAbsentFileIsAnEmptyTable() {
        assertThat(CostTableFile.read(folder.resolve("none"), KEY).all()).isEmpty();
    }

    @Test
    void aTableOfAnotherJobIsRefusedInOneLine() {
        Compressor.Limits limits = KEY.limits();
        refused(
                new CostTable.Key("lowbit 1.1", "in", "", "lq-lora", limits),
                "was made by lowbit 1.0, this is lowbit 1.1");
        refused(key("other", "", "lq-lora", limits), "another input");
        refused(key("in", "f", "lq-lora", limits), "another calibration");
        refused(key("in", "", "other", limits), "method lq-lora, not other");
        refused(
                key("in", "", "lq-lora", new Compressor.Limits(1, 16, 64, Long.MIN_VALUE)),
                "--rank 8 --min-rank 1 --group 64 --seed -9223372036854775808, not --rank 16");
    }

    private void refused(CostTable.Key key, String why) {
        assertThatThrownBy(() -> CostTableFile.read(file, key))
                .isInstanceOfSatisfying(
                        InvalidRequestException.class,
                        e -> assertThat(e.kind()).isEqualTo(InvalidRequestException.Kind.IMPOSSIBLE))
                .hasMessageContaining(why)
                .hasMessageNotContaining("\n");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "lowbit-costs | other | is no cost table",
                "\"version\":2 | \"version\":1 | has version 1",
                "\"bytes\":99 | \"bytes\":-1 | \"bytes\" is -1",
                "\"bytes\":99 | \"bytes\":1.5 | \"bytes\" is 1.5",
                "\"error\":0.5 | \"error\":-0.5 | \"error\" is -0.5",
                "\"error\":0.5 | \"error\":1e999 | ",
                "\"exact\":false | \"exact\":0 | true or false is needed",
                "\"minRank\":1 | \"minRank\":9 | minRank 9 is above maxRank 8",
                "\"candidates\":[ | \"candidates\":[1, | an object is needed",
                "-nf8\":0.625 | -nf8\":\"x\" | \"nf2+r1-nf8\" is x",
            })
    void aBrokenTableIsTheFilesFault(String from, String to, String message) throws IOException {
        String text = Files.readString(file);
        assertThat(text).contains(from);
        Files.writeString(file, text.replace(from, to));
        assertThatThrownBy(() -> CostTableFile.read(file, KEY))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining(message == null ? "" : message);
    }
}
