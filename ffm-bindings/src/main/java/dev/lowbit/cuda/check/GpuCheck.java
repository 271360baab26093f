package dev.lowbit.cuda.check;

import dev.lowbit.cuda.CudaDevice;
import dev.lowbit.cuda.CudaProvider;
import dev.lowbit.error.DeviceException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What a machine with a GPU has to say: every kernel against the scalar reference, then how fast it all is, as one JSON file. Needs no data and asks nothing.
 *
 * <pre>gpu-check [FILE]</pre>
 *
 * Exit code 0 when all comparisons hold, 1 when one does not, 7 when there is no device to use or it was lost on the way; the file says what was found until then.
 */
public final class GpuCheck {
    private static final int FAILED = 1;
    private static final int NO_DEVICE = 7;

    private static final int SAY_EVERY = 100;

    private GpuCheck() {}

    /** @param arguments where the JSON goes; gpu-check.json without */
    public static void main(String[] arguments) throws IOException {
        Path file = Path.of(arguments.length > 0 ? arguments[0] : "gpu-check.json");
        CudaDevice device;
        try {
            device = new CudaProvider().open();
        } catch (DeviceException e) {
            System.err.println("gpu-check: " + e.getMessage());
            System.exit(NO_DEVICE);
            return;
        }
        Report report;
        try (device) {
            report = run(device, ParityCases.all(), BenchmarkSizes.FULL, System.out);
        }
        Files.writeString(file, report.json());
        System.out.println("written: " + file.toAbsolutePath());
        System.exit(report.endedEarly() ? NO_DEVICE : report.failures().isEmpty() ? 0 : FAILED);
    }

    /**
     * Compares, then measures; a device that is lost ends both, and the report has what there was until then.
     *
     * @param progress a line now and then
     */
    static Report run(CudaDevice device, List<ParityCase> cases, BenchmarkSizes sizes, PrintStream progress) {
        progress.println(device.description());
        Report report = new Report(device.description(), Instant.now().toString());
        try {
            compare(device, cases, report, progress);
            Benchmarks benchmarks = new Benchmarks(device, sizes, progress);
            for (Map.Entry<String, Benchmarks.Part> part : benchmarks.parts().entrySet()) {
                progress.println("measuring: " + part.getKey());
                report.add(part.getKey(), part.getValue().measure());
            }
        } catch (DeviceException e) {
            report.deviceFailed(e.getMessage());
            progress.println(e.getMessage());
        }
        return report;
    }

    private static void compare(CudaDevice device, List<ParityCase> cases, Report report, PrintStream progress) {
        List<String> failures = new ArrayList<>();
        for (ParityCase parity : cases) {
            double error = parity.run(device);
            report.compared(parity.name(), error);
            if (!(error <= 1)) {
                failures.add(parity.name());
                progress.println("WRONG: " + parity.name() + ": " + error + " times its bound");
            }
            if (report.compared() % SAY_EVERY == 0) {
                progress.println(
                        report.compared() + " of " + cases.size() + " comparisons, " + failures.size() + " wrong");
            }
        }
    }
}
