package dev.lowbit.checkpoint;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs a main class of the test class path in a JVM of its own, with flags of its own. */
final class ChildJvm {
    private static final long TIMEOUT_SECONDS = 120;

    private ChildJvm() {}

    /**
     * @param exitCode of the process
     * @param text everything it printed
     */
    record Result(int exitCode, String text) {
        List<String> lines() {
            return text.lines().toList();
        }
    }

    static Result run(List<String> flags, Class<?> main, String... args) throws IOException, InterruptedException {
        return run(List.of(), flags, main, args);
    }

    /** @param wrapper a command in front of java, for example one that sets a resource limit */
    static Result run(List<String> wrapper, List<String> flags, Class<?> main, String... args)
            throws IOException, InterruptedException {
        List<String> all = new ArrayList<>(List.of("--add-modules", "jdk.incubator.vector"));
        all.addAll(flags);
        return runWithoutVectors(wrapper, all, main, args);
    }

    /** Without the module of the Vector API. */
    static Result runWithoutVectors(List<String> wrapper, List<String> flags, Class<?> main, String... args)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(wrapper);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // its own "using incubator modules" warning would otherwise stand among the results
        command.addAll(List.of("-Xlog:disable", "-Xlog:all=off"));
        command.add("--enable-native-access=ALL-UNNAMED");
        command.addAll(flags);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        command.addAll(List.of(args));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError("child JVM did not end: " + text);
        }
        String results = String.join(
                "\n",
                text.lines()
                        .filter(l -> !l.startsWith("WARNING: Using incubator"))
                        .toList());
        return new Result(process.exitValue(), results);
    }
}
