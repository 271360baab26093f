package dev.lowbit.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProgressTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    private final AtomicLong clock = new AtomicLong(-5_000_000_000L);

    private String printed() {
        return bytes.toString(StandardCharsets.UTF_8);
    }

    /** One line at the start, one for each ten seconds, one at the end; rate and time left by hand. */
    @Test
    void linesGiveRateAndTimeLeft() {
        ProgressListener progress = new LineProgress(err, clock::get);
        try (ProgressListener.Stage stage = progress.stage("pricing", 4_000_000, "weights")) {
            stage.advance(500_000);
            clock.addAndGet(5_000_000_000L);
            stage.advance(250_000);
            clock.addAndGet(15_000_000_000L);
            stage.advance(250_000);
            stage.advance(3_000_000);
        }
        assertThat(printed().lines())
                .containsExactly(
                        "pricing: 4.00M weights",
                        "pricing: 25 %, 1.00M of 4.00M weights, 50.00k weights/s, 1 min 00 s left",
                        "pricing: done in 20.0 s");
    }

    @Test
    void aStoppedStageSaysHowFarItCame() {
        try (ProgressListener.Stage stage = new LineProgress(err, clock::get).stage("x", 10, "steps")) {
            stage.advance(3);
        }
        assertThat(printed()).contains("x: stopped at 3 of 10 in 0.0 s");
    }

    @Test
    void barReachesItsEnd() {
        try (ProgressListener.Stage stage = new BarProgress(err).stage("x", 10, "steps")) {
            stage.advance(10);
        }
        assertThat(printed()).contains("100%", "10/10 steps");
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0 B",
        "1023, 1023 B",
        "1024, 1.00 KiB",
        "1048575, 1.00 MiB",
        "1048576, 1.00 MiB",
        "1610612736, 1.50 GiB",
        "9223372036854775807, 8388608.00 TiB"
    })
    void bytesAreBinary(long bytes, String text) {
        assertThat(Quantity.bytes(bytes)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"59.94, 59.9 s", "60, 1 min 00 s", "3599.6, 1 h 00 min", "90061, 25 h 01 min", "NaN, unknown"})
    void durations(double seconds, String text) {
        assertThat(Quantity.duration(seconds)).isEqualTo(text);
    }

    @Test
    void peakMemoryIsReadFromTheKernelsText() {
        String status = "Name:\tjava\nVmPeak:\t 999 kB\nVmHWM:\t  123456 kB\nVmRSS:\t 5 kB\n";
        assertThat(PeakMemory.parse(status, "VmHWM:")).isEqualTo(OptionalLong.of(123456L * 1024));
        assertThat(PeakMemory.parse("Name:\tjava\n", "VmHWM:")).isEmpty();
    }
}
