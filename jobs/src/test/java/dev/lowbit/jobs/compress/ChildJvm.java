package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assumptions.assumeThat;

import dev.lowbit.jobs.Main;
import dev.lowbit.kernel.VectorWidth;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Starts the command in a process of its own, on the class path of the tests. */
public final class ChildJvm {
    private ChildJvm() {}

    /** Skips a test of a process with registers of so many bits where this machine's are narrower: a minute of emulation; the kernels' own tests have it. */
    static void assumeRegisters(int bits) {
        assumeThat(bits).as("bits of registers").isLessThanOrEqualTo(VectorWidth.bits());
    }

    /** Starts {@code lowbit args}; stdout and stderr go to {@code log}. */
    public static Process start(Path log, List<String> jvmFlags, List<String> args) {
        return start(List.of(), log, jvmFlags, args);
    }

    /** The same behind another command, such as a shell that sets a limit and becomes the JVM. */
    static Process start(List<String> prefix, Path log, List<String> jvmFlags, List<String> args) {
        List<String> command = new ArrayList<>(prefix);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(
                "--add-modules",
                "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"))));
        command.addAll(jvmFlags);
        command.add(Main.class.getName());
        command.addAll(args);
        try {
            return new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * The flags that the launcher gives under {@code --memory}.
     *
     * @param arrays whether Hessians or the method's numbers are arrays of the heap
     */
    static List<String> heapUnder(long capMib, boolean arrays) {
        long heap = arrays ? Math.max(48, 2 * capMib / 3) : Math.clamp(capMib / 4, 48, 1024);
        return List.of("-Xmx" + heap + "m", "-Xms16m", "-Xss512k");
    }

    /** Runs {@code lowbit args} to its end and returns the exit code. */
    static int run(Path log, List<String> jvmFlags, List<String> args) {
        try {
            return start(log, jvmFlags, args).waitFor();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
