package dev.lowbit.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.jobs.commands.ImportCommand;
import dev.lowbit.jobs.compress.ChildJvm;
import dev.lowbit.jobs.demo.TinyModel;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** A job that nothing goes on with leaves nothing when it is asked to stop. Pipes that nobody writes to hold it at a known place. */
class InterruptTest {
    private static final List<String> FLAGS = List.of("-Dlowbit.vector.bits=0", "-XX:TieredStopAtLevel=1");

    @TempDir
    private Path folder;

    private static void pipe(Path path) throws Exception {
        Files.deleteIfExists(path);
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/mkfifo")), "needs named pipes");
        assertThat(new ProcessBuilder("/usr/bin/mkfifo", path.toString())
                        .start()
                        .waitFor())
                .isZero();
    }

    private List<Path> tree(Path root) {
        try (Stream<Path> paths = Files.walk(root)) {
            return paths.sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Starts the command, stops it at the first sight of a file, and gives what it said of that. */
    private String stopped(Predicate<Path> sight, List<String> flags, Object... args) throws Exception {
        Path log = folder.resolve("log");
        Process child =
                ChildJvm.start(log, flags, Stream.of(args).map(Object::toString).toList());
        // what vanishes while it is listed is looked at again
        while (child.isAlive() && !seen(sight)) {
            Thread.sleep(5);
        }
        child.destroy();
        assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
        String said = Files.readString(log);
        assertThat(child.exitValue()).as(said).isEqualTo(ExitCodes.INTERRUPTED);
        Files.delete(log);
        List<String> lines =
                said.lines().filter(line -> line.startsWith("lowbit: ")).toList();
        assertThat(lines).hasSize(1);
        return lines.getFirst();
    }

    private boolean seen(Predicate<Path> sight) {
        try {
            return tree(folder).stream().anyMatch(sight);
        } catch (UncheckedIOException e) {
            return false;
        }
    }

    @Test
    void anExportThatIsStoppedLeavesNothing() throws Exception {
        Path source = SampleModels.llama(folder.resolve("source"));
        Files.writeString(source.resolve("merges.txt"), "a b");
        Path model = SampleModels.compressed(source, folder.resolve("model"), 0);
        pipe(model.resolve("merges.txt"));
        List<Path> before = tree(folder);
        // by then all weights are in the hidden directory
        String said = stopped(
                path -> path.getFileName().toString().startsWith(".merges.txt"),
                FLAGS,
                "export",
                model,
                "--to",
                "safetensors",
                "--out",
                folder.resolve("export"));
        assertThat(said).isEqualTo("lowbit: interrupted");
        assertThat(tree(folder)).isEqualTo(before);
    }

    @Test
    void aPlanThatIsStoppedLeavesNoCalibration() throws Exception {
        Path model = TinyModel.write(folder.resolve("model"));
        Path text = folder.resolve("text");
        pipe(text);
        Path temporary = Files.createDirectory(folder.resolve("tmp"));
        List<String> flags = Stream.concat(FLAGS.stream(), Stream.of("-Djava.io.tmpdir=" + temporary))
                .toList();
        stopped(
                path -> path.getFileName().toString().startsWith("lowbit-calibration"),
                flags,
                "plan",
                model,
                "--bits",
                4,
                "--calibration",
                text);
        assertThat(tree(temporary)).containsExactly(temporary);
    }

    private static String hint(Object... args) {
        PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream());
        Console console = new Console(nowhere, nowhere, false);
        CommandLine command = new CommandLine(new ImportCommand(console));
        command.setErr(new java.io.PrintWriter(OutputStream.nullOutputStream()))
                .execute(Stream.of(args).map(Object::toString).toArray(String[]::new));
        return console.interruptHint();
    }

    /** Empty files tell the commands what they are given; that they are empty is found later. */
    @Test
    void onlyAnImportThatCanGoOnSaysSo() throws IOException {
        Path update = Files.createDirectory(folder.resolve("update"));
        Files.createFile(update.resolve("update.compeft"));
        Path plain = Files.createDirectory(folder.resolve("plain"));
        Path compressed = Files.createDirectory(folder.resolve("compressed"));
        Files.createFile(compressed.resolve("lowbit.json"));
        Path out = folder.resolve("out");
        assertThat(hint(update, "--out", out)).isEmpty();
        assertThat(hint(update, "--base", plain, "--out", out)).isEmpty();
        assertThat(hint(update, "--base", compressed, "--out", out)).contains("continue");
        assertThat(hint(plain, "--out", out)).contains("continue");
    }
}
