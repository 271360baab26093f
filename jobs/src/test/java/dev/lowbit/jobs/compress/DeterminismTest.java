package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.jobs.MethodOptions.Budget;
import dev.lowbit.method.Compressor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The same bytes of every method, whatever runs the job: hashes of whole output directories. */
@ParameterizedClass
@CsvSource({"lq-lora, 2.6, 0, true", "int2-lrec, 3.5, 1, true", "pv-tuning, 2.6, 0, false", "sketchtune, 3.5, 0, false"
})
class DeterminismTest {
    @TempDir
    private Path folder;

    @Parameter(0)
    private String method;

    @Parameter(1)
    private double bits;

    /** So that there is one: low-rank terms seldom pay on matrices this small. */
    @Parameter(2)
    private int minRank;

    @Parameter(3)
    private boolean lowRank;

    private Path model;
    private Map<String, String> expected;

    @BeforeEach
    void compressOnce() {
        model = SmallModel.llama().layer(1).write(folder.resolve("model"));
        JobResult result = Jobs.compress(request(Optional.empty()), folder.resolve("expected"), false, 1);
        assertThat(result.matrices().stream().anyMatch(matrix -> matrix.rank() > 0))
                .isEqualTo(lowRank);
        expected = Jobs.digests(folder.resolve("expected"));
        assertThat(expected).containsKeys("model.safetensors", "lowbit.json", "lowbit.json.sha256");
    }

    @Test
    void threadsAndACostTableDoNotMatter() {
        Optional<Path> costs = Optional.of(folder.resolve("costs.json"));
        JobRequest request = request(costs);
        for (int threads = 1; threads <= 3; threads++) {
            Path output = folder.resolve("run-" + threads);
            Jobs.compress(request, output, false, threads);
            assertThat(Jobs.digests(output)).as(threads + " threads").isEqualTo(expected);
        }
    }

    /** In processes of their own: what this one holds after other tests would count against a cap. */
    @ParameterizedTest
    @CsvSource({"128, 1, 1GiB", "512, 3, 2GiB"})
    void vectorWidthsAndMemoryCapsDoNotMatter(int vectorBits, int threads, String memory) throws Exception {
        ChildJvm.assumeRegisters(vectorBits);
        Path output = folder.resolve("child");
        List<String> args = new ArrayList<>(Jobs.arguments(model, bits, output));
        args.addAll(List.of(
                "--method",
                method,
                "--min-rank",
                Integer.toString(minRank),
                "--threads",
                Integer.toString(threads),
                "--memory",
                memory,
                "--quiet"));
        Path log = folder.resolve("log");
        int code = ChildJvm.run(log, List.of("-Dlowbit.vector.bits=" + vectorBits), args);
        assertThat(code).as(Files.readString(log)).isZero();
        assertThat(Jobs.digests(output)).isEqualTo(expected);
    }

    private JobRequest request(Optional<Path> costs) {
        Compressor.Limits limits = new Compressor.Limits(minRank, Jobs.RANK, 0, 0);
        return Jobs.request(method, limits, model, new Budget.BitsPerWeight(bits), costs, OptionalLong.empty());
    }
}
