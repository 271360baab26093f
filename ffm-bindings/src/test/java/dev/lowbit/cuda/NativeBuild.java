package dev.lowbit.cuda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/** Shared libraries that tests make from C++ with the machine's g++. Each is compiled once until one of the sources changes. */
final class NativeBuild {
    private static final Path MODULE = Path.of(System.getProperty("lowbit.root"), "ffm-bindings");
    static final Path KERNELS = MODULE.resolve("src/main/cuda");
    static final Path TEST_KERNELS = MODULE.resolve("src/test/cuda");
    private static final Path OUTPUT = MODULE.resolve("target/shim");
    /** No contraction: a fused multiply-add is where the source says so, as in the kernels' contract. */
    private static final List<String> COMPILER = List.of(
            "g++",
            "-std=c++20",
            "-O2",
            "-fPIC",
            "-ffp-contract=off",
            "-fno-gnu-unique",
            "-w",
            "-I" + TEST_KERNELS,
            "-I" + KERNELS);
    /** As the preprocessor leaves a kernel, whatever {@code __launch_bounds__} became. */
    private static final Pattern KERNEL = Pattern.compile("extern\\s+\"C\"[^;{}()]*\\bvoid\\s+(?!shim_)(\\w+)\\s*\\(");

    private NativeBuild() {}

    static boolean hasCompiler() {
        try {
            return new ProcessBuilder("g++", "--version")
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Skips the calling test, in words, where there is no C++ compiler. */
    static void assumeCompiler() {
        Assumptions.assumeTrue(
                hasCompiler(),
                "skipped: no g++ on this machine, which compiles the fake driver and the kernels for the CPU");
    }

    /** The library of a source in {@code src/test/cuda} as it stands. */
    static Path library(String source, String name) {
        String text = "#include \"" + source + "\"\n";
        Path cached = cached(name, text);
        return Files.exists(cached) ? cached : build(cached, text);
    }

    /** A file of kernels for the CPU, with the entries that the fake driver looks for. */
    static Path kernels(String file) {
        String source = "#include \"shim.h\"\n#include \"" + file + "\"\n";
        String name = file.replace(".cu", "");
        Path cached = cached(name, source);
        if (Files.exists(cached)) {
            return cached;
        }
        StringBuilder entries = new StringBuilder(source)
                .append("template <class... A> constexpr int countOf(void (*)(A...)) { return sizeof...(A); }\n");
        for (String kernel : kernelNames(source)) {
            entries.append("SHIM_ENTRY(%s)\nextern \"C\" const int shim_parameters_%s = countOf(%s);\n"
                    .formatted(kernel, kernel, kernel));
        }
        return build(cached, entries.toString());
    }

    private static List<String> kernelNames(String source) {
        List<String> command = new ArrayList<>(COMPILER);
        command.addAll(List.of("-E", "-P", "-x", "c++", "-"));
        return KERNEL.matcher(run(command, source))
                .results()
                .map(found -> found.group(1))
                .toList();
    }

    private static Path build(Path library, String source) {
        try {
            Files.createDirectories(OUTPUT);
            Path made = Files.createTempFile(OUTPUT, "build", ".so");
            List<String> command = new ArrayList<>(COMPILER);
            command.addAll(List.of("-shared", "-x", "c++", "-", "-o", made.toString(), "-ldl"));
            run(command, source);
            return Files.move(made, library, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Named by everything that it is made of. */
    private static Path cached(String name, String source) {
        try (Stream<Path> kernels = Files.walk(KERNELS);
                Stream<Path> tests = Files.walk(TEST_KERNELS)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update((COMPILER + source).getBytes(StandardCharsets.UTF_8));
            for (Path file : Stream.concat(kernels, tests)
                    .filter(Files::isRegularFile)
                    .sorted()
                    .toList()) {
                digest.update(Files.readAllBytes(file));
            }
            return OUTPUT.resolve(name + "-" + HexFormat.of().formatHex(digest.digest(), 0, 8) + ".so");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** What the command wrote; its failure is the test's. */
    private static String run(List<String> command, String input) {
        try {
            Path in = Files.createTempFile("lowbit-shim", ".cpp");
            Path out = Files.createTempFile("lowbit-shim", ".txt");
            try {
                Files.writeString(in, input);
                Process process = new ProcessBuilder(command)
                        .redirectInput(in.toFile())
                        .redirectOutput(out.toFile())
                        .redirectErrorStream(true)
                        .start();
                if (!process.waitFor(5, TimeUnit.MINUTES)) {
                    process.destroyForcibly();
                    throw new AssertionError("g++ took more than five minutes");
                }
                String said = Files.readString(out);
                if (process.exitValue() != 0) {
                    throw new AssertionError(String.join(" ", command) + "\n" + said);
                }
                return said;
            } finally {
                Files.delete(in);
                Files.delete(out);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
