package dev.lowbit.cuda.check;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.cuda.CudaDevice;
import dev.lowbit.cuda.FakeCuda;
import dev.lowbit.error.DeviceException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.core.JsonParser;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/** The program for machines with a GPU, from end to end on a device that is none; its figures mean nothing here. */
class GpuCheckTest {
    private static final BenchmarkSizes TINY = new BenchmarkSizes(
            1 << 16, List.of(new int[] {64, 96}), List.of("nf4-g32-f16", "bf16"), List.of(1, 2), 20, 10, 20, 0.1);

    private static final PrintStream NOWHERE = new PrintStream(OutputStream.nullOutputStream());

    private static Report run(List<ParityCase> cases) {
        try (FakeCuda fake = FakeCuda.open()) {
            return GpuCheck.run(new CudaDevice(fake.cuda(), FakeCuda.images(), "fake device"), cases, TINY, NOWHERE);
        }
    }

    private static ParityCase gives(String name, double error) {
        return new ParityCase() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public double run(CudaDevice device) {
                return error;
            }
        };
    }

    @Test
    void everyPartIsMeasuredAndTheReportIsJson() {
        List<ParityCase> some = List.of(new MatrixCase("nf4-g32-f16", 5, 64, false), gives("half", 0.5));
        Report report = run(some);
        assertThat(report.failures()).isEmpty();
        assertThat(report.compared()).isEqualTo(2);
        for (String part : List.of("copy", "launch", "launchFromC", "products", "cublas", "quantize", "gram")) {
            assertThat(report.measured(part)).as(part).isNotEmpty();
        }
        assertThat(report.measured("products"))
                .hasSize(4)
                .allSatisfy(row ->
                        assertThat((Double) row.get("GBperSecond")).isPositive().isFinite());
        parse(report.json());
    }

    @Test
    void whatIsWrongIsNamed() {
        Report report = run(List.of(
                gives("good", 1),
                gives("bad", 1.5),
                gives("worse", Double.POSITIVE_INFINITY),
                gives("none", Double.NaN)));
        assertThat(report.failures())
                .isEqualTo(Map.of("bad", 1.5, "worse", Double.POSITIVE_INFINITY, "none", Double.NaN));
        parse(report.json());
        assertThat(report.json()).contains("\"largestErrorOf\":\"good\"").contains("\"worse\":\"Infinity\"");
    }

    @Test
    void aLostDeviceLeavesWhatWasFound() {
        ParityCase loses = new ParityCase() {
            @Override
            public String name() {
                return "loses";
            }

            @Override
            public double run(CudaDevice device) {
                throw new DeviceException("gone");
            }
        };
        Report report = run(List.of(gives("good", 0), loses, gives("never", 0)));
        assertThat(report.endedEarly()).isTrue();
        assertThat(report.compared()).isEqualTo(1);
        assertThat(report.json()).contains("\"deviceFailure\":\"gone\"");
        parse(report.json());
    }

    /** The loader or a sanitizer may say something beside the number. */
    @Test
    void aLaunchProgramThatSaysMoreThanANumberEndsNothing(@TempDir Path folder) throws IOException {
        Path program = Files.writeString(folder.resolve("launch"), "#!/bin/sh\necho a warning\necho 1234.5\n");
        assertThat(program.toFile().setExecutable(true)).isTrue();
        System.setProperty(LaunchFromC.PROPERTY, program.toString());
        try {
            assertThat(LaunchFromC.measure())
                    .singleElement()
                    .satisfies(row -> assertThat(row.get("absent")).asString().contains("a warning"));
            Files.writeString(program, "#!/bin/sh\necho 1234.5\n");
            assertThat(LaunchFromC.measure()).isEqualTo(List.of(Map.of("nanoseconds", 1234.5)));
        } finally {
            System.clearProperty(LaunchFromC.PROPERTY);
        }
    }

    private static void parse(String json) {
        try (JsonParser parser = new JsonFactory().createParser(ObjectReadContext.empty(), json)) {
            while (parser.nextToken() != null) {
                // well-formed to its end
            }
        }
    }
}
