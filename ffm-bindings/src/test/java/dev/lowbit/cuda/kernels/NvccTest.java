package dev.lowbit.cuda.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every file of kernels compiled by nvcc, where that is installed, for the generation of GPUs in the middle of those that {@code prebuilt.sh} compiles for: no register is
 * spilled, no kernel needs more shared memory than it may have without asking. The report stands in {@code target/ptxas.txt}.
 */
class NvccTest {
    private static final Path MODULE = Path.of(System.getProperty("lowbit.root"), "ffm-bindings");
    private static final String TARGET = "sm_90";
    private static final int PROCESSES = 2;
    private static final int STATIC_SHARED = 48 << 10;

    private static final Pattern KERNEL = Pattern.compile("Compiling entry function '(\\w+)' for '(\\w+)'[^']*?"
            + "(\\d+) bytes stack frame, (\\d+) bytes spill stores, (\\d+) bytes spill loads[^']*?"
            + "Used (\\d+) registers([^\\n]*)");
    private static final Pattern SHARED = Pattern.compile("(\\d+) bytes smem");

    @TempDir
    private Path folder;

    @Test
    void noKernelSpillsRegisters() throws Exception {
        assumeTrue(hasNvcc(), "skipped: no nvcc on this machine, which reports the registers of kernels");
        List<Path> files;
        try (Stream<Path> all = Files.list(MODULE.resolve("src/main/cuda"))) {
            files = all.filter(file -> file.toString().endsWith(".cu")).sorted().toList();
        }
        assertThat(files).isNotEmpty();
        List<Future<String>> reports = new ArrayList<>();
        try (ExecutorService executor = Executors.newFixedThreadPool(PROCESSES)) {
            files.forEach(file -> reports.add(executor.submit(() -> compile(file))));
        }
        TreeMap<String, String> lines = new TreeMap<>();
        for (Future<String> report : reports) {
            check(report.get(), lines);
        }
        Files.write(MODULE.resolve("target/ptxas.txt"), lines.values());
        assertThat(lines).hasSizeGreaterThan(30);
    }

    private static void check(String report, TreeMap<String, String> lines) {
        Matcher kernel = KERNEL.matcher(report);
        int found = 0;
        for (; kernel.find(); found++) {
            String name = kernel.group(1) + " " + kernel.group(2);
            lines.put(name, name + ": " + kernel.group(6) + " registers" + kernel.group(7));
            assertThat(kernel.group(3) + " " + kernel.group(4) + " " + kernel.group(5))
                    .as("stack, spilled bytes of %s", name)
                    .isEqualTo("0 0 0");
            Matcher shared = SHARED.matcher(kernel.group(7));
            if (shared.find()) {
                assertThat(Integer.parseInt(shared.group(1)))
                        .as("shared memory of %s", name)
                        .isLessThanOrEqualTo(STATIC_SHARED);
            }
        }
        assertThat(found).as(report).isEqualTo(report.split("Compiling entry function", -1).length - 1);
    }

    private String compile(Path file) throws IOException, InterruptedException {
        List<String> command =
                new ArrayList<>(List.of("nvcc", "-std=c++17", "--fmad=false", "-fatbin", "-Xptxas", "-v"));
        command.add("-gencode=arch=compute_80,code=" + TARGET);
        command.addAll(List.of(file.toString(), "-o", folder.resolve(file.getFileName()) + ".fatbin"));
        Path log = folder.resolve(file.getFileName() + ".txt");
        Process nvcc = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        int status = nvcc.waitFor();
        String said = Files.readString(log);
        assertThat(status).as(said).isZero();
        return said;
    }

    private static boolean hasNvcc() throws InterruptedException {
        try {
            return new ProcessBuilder("nvcc", "--version")
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException e) {
            return false;
        }
    }
}
