package dev.lowbit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.lowbit.checkpoint.CalibrationLines.Sample;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Case C16: calibration data that cannot be used is refused with its line. */
@Timeout(value = 10, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CalibrationLinesTest {
    private static final int VOCABULARY = 100;

    @TempDir
    Path path;

    private List<Sample> read(byte[] content) {
        new Folder(path).bytes("c.jsonl", content);
        List<Sample> samples = new ArrayList<>();
        CalibrationLines.forEach(path.resolve("c.jsonl"), Limits.defaults(), VOCABULARY, samples::add);
        return samples;
    }

    private void refused(String content, String message) {
        refused(content.getBytes(StandardCharsets.UTF_8), message);
    }

    private void refused(byte[] content, String message) {
        MalformedFileException e = catchThrowableOfType(MalformedFileException.class, () -> read(content));
        assertThat(e).isNotNull();
        assertThat(e.reason()).isEqualTo(Reason.BAD_CALIBRATION);
        assertThat(e).hasMessageContaining(message);
        assertThat(e.getMessage().lines()).hasSize(1);
    }

    @Test
    void textAndTokensAreRead() {
        List<Sample> samples =
                read("{\"text\":\"é\",\"id\":7}\r\n\n{\"input_ids\":[0,99]}".getBytes(StandardCharsets.UTF_8));
        assertThat(samples).hasSize(2);
        assertThat(samples.get(0)).isEqualTo(new Sample.Text("é"));
        assertThat(((Sample.Tokens) samples.get(1)).ids()).containsExactly(0, 99);
    }

    /** A whole corpus can stand in a line. */
    @Test
    void aLineMayHoldMoreThanAMillionTokens() {
        byte[] line = ("{\"input_ids\":[" + "7,".repeat(1_200_000) + "8]}").getBytes(StandardCharsets.UTF_8);
        assertThat(((Sample.Tokens) read(line).getFirst()).ids()).hasSize(1_200_001);
    }

    @Test
    void c16WhatCannotBeUsedIsNamedByLine() {
        refused("", "holds no sample");
        refused("\n \r\n", "holds no sample");
        refused("{\"text\":\"a\"}\n{\"text\":1}\n", "line 2: ");
        refused("{\"text\":\"a\"}\nplain text\n", "line 2: ");
        refused("{\"text\":\"a\"}\n\n{\"input_ids\":[1,100]}\n", "line 3: token id \"100\"");
        refused("{\"input_ids\":[-1]}", "line 1: token id \"-1\"");
        refused("{\"input_ids\":[1.0]}", "line 1: token id");
        refused("{\"input_ids\":[18446744073709551616]}", "line 1: token id");
        byte[] bad = "{\"text\":\"x\"}".getBytes(StandardCharsets.UTF_8);
        bad[9] = (byte) 0xff;
        refused(bad, "line 1: the text is not valid UTF-8");
    }

    @Test
    void c16ALineOfAGigabyteIsNotRead() throws IOException {
        Path file = path.resolve("large.jsonl");
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(1L << 30);
        }
        MalformedFileException e = catchThrowableOfType(
                MalformedFileException.class,
                () -> CalibrationLines.forEach(file, Limits.defaults(), VOCABULARY, s -> {}));
        assertThat(e.reason()).isEqualTo(Reason.BAD_CALIBRATION);
        assertThat(e).hasMessageContaining("line 1: is longer");
    }
}
