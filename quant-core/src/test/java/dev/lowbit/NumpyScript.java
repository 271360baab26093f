package dev.lowbit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs a script of docs/formats, which stands for every other reader of a format. */
public final class NumpyScript {
    private NumpyScript() {}

    /** What a script printed, stdout and stderr together. */
    public record Run(int exitCode, String output) {}

    /** Runs a script; the test is skipped, and says so, where there is no python3 with NumPy. */
    public static Run run(String script, String... arguments) throws IOException, InterruptedException {
        boolean found;
        try {
            found = python(List.of("-c", "import numpy")).exitCode() == 0;
        } catch (IOException e) {
            found = false;
        }
        if (!found) {
            System.out.println("skipped: python3 with numpy is not here, docs/formats/" + script + " was not run");
        }
        assumeTrue(found, "python3 with numpy");
        List<String> all = new ArrayList<>();
        all.add(Path.of(System.getProperty("lowbit.root", "."))
                .toAbsolutePath()
                .resolve("docs/formats")
                .resolve(script)
                .toString());
        all.addAll(List.of(arguments));
        return python(all);
    }

    private static Run python(List<String> arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("python3"));
        command.addAll(arguments);
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return new Run(process.exitValue(), output);
    }
}
