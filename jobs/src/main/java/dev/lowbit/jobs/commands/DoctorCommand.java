package dev.lowbit.jobs.commands;

import dev.lowbit.device.DeviceProvider;
import dev.lowbit.device.Devices;
import dev.lowbit.device.Finding;
import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.MemoryBandwidth;
import dev.lowbit.jobs.Methods;
import dev.lowbit.jobs.Quantity;
import dev.lowbit.jobs.Version;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.kernel.KernelLookup;
import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.VectorWidth;
import dev.lowbit.matrix.lookup.LookupMatrix;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code lowbit doctor}: what Lowbit found on this machine and what it will use. */
@Command(
        name = "doctor",
        description = "Show JDK, SIMD width, kernels chosen, CUDA and memory bandwidth of this machine.")
public final class DoctorCommand implements Callable<Integer> {
    private final Console console;

    @Option(names = "--json", description = "The result as one JSON document on stdout.")
    private boolean json;

    /**
     * The document of {@code --json}.
     *
     * @param simdBits width of the vectors in use, 0 when the scalar reference is forced
     * @param kernelClasses the implementation chosen for each family of verbs
     * @param fastProducts whether {@code --accuracy fast} makes a difference
     * @param maxHeapBytes most bytes of the Java heap; matrices live outside it
     * @param devices for each name of {@code --device} but cpu what was found, or what is missing and how to get it
     * @param memoryBandwidth bytes per second that all processors read together
     */
    record Findings(
            String lowbit,
            String jdk,
            String javaHome,
            String system,
            int processors,
            long maxHeapBytes,
            int simdBits,
            String kernels,
            List<String> kernelClasses,
            boolean fastProducts,
            List<String> methods,
            Map<String, String> devices,
            double memoryBandwidth) {}

    public DoctorCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        Findings findings = examine();
        if (json) {
            JsonOutput.write(console.out(), findings);
            return ExitCodes.OK;
        }
        line("lowbit", findings.lowbit());
        line("JDK", findings.jdk() + " in " + findings.javaHome());
        line("system", findings.system());
        line("processors", Integer.toString(findings.processors()));
        line("Java heap", "at most " + Quantity.bytes(findings.maxHeapBytes()) + " (matrices live outside it)");
        line("SIMD", findings.simdBits() == 0 ? "off" : findings.simdBits() + " bit");
        line(
                "kernels",
                findings.kernels() + ": " + String.join(", ", findings.kernelClasses())
                        + " (force with LOWBIT_JAVA_OPTS=-D" + VectorWidth.PROPERTY + "=0|128|256|512)");
        line(
                "fast",
                findings.fastProducts()
                        ? "products by lookup (--accuracy fast)"
                        : "no instructions for products by lookup");
        line("methods", findings.methods().isEmpty() ? "none installed" : String.join(", ", findings.methods()));
        findings.devices().forEach(this::line);
        line(
                "memory",
                String.format(
                        Locale.ROOT,
                        "%.1f GB/s read by %d threads",
                        findings.memoryBandwidth() / 1e9,
                        findings.processors()));
        return ExitCodes.OK;
    }

    private static Findings examine() {
        int processors = Runtime.getRuntime().availableProcessors();
        double bandwidth;
        try (WorkerPool pool = new WorkerPool(processors)) {
            bandwidth = MemoryBandwidth.readBytesPerSecond(pool.workers());
        }
        return new Findings(
                Version.lowbit(),
                Version.jdk(),
                System.getProperty("java.home"),
                System.getProperty("os.name") + " " + System.getProperty("os.version") + ", "
                        + System.getProperty("os.arch"),
                processors,
                Runtime.getRuntime().maxMemory(),
                VectorWidth.bits(),
                KernelLookup.description(),
                List.of(
                        Kernels.get().getClass().getSimpleName(),
                        Conversions.get().getClass().getSimpleName()),
                LookupMatrix.available(),
                Methods.names(),
                devices(),
                bandwidth);
    }

    private static Map<String, String> devices() {
        Map<String, String> devices = new TreeMap<>();
        for (DeviceProvider provider : Devices.providers()) {
            devices.put(
                    provider.name(),
                    switch (provider.find()) {
                        case Finding.Found<String> found -> found.value();
                        case Finding.Absent<String> absent -> "not usable: " + absent.reason();
                    });
        }
        return devices;
    }

    private void line(String name, String value) {
        console.out().println(String.format(Locale.ROOT, "%-12s%s", name, value));
    }
}
