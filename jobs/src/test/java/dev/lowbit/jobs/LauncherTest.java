package dev.lowbit.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The launcher as a distribution ships it: bin/lowbit beside lib with the classes under test, in a process of its own. */
class LauncherTest {
    private static final Path ROOT = Path.of(System.getProperty("lowbit.root", ".."));

    @TempDir
    private static Path distribution;

    private record Result(int code, String out, String err) {}

    @BeforeAll
    static void unpack() throws IOException {
        assumeTrue(Files.isExecutable(Path.of("/bin/bash")) || Files.isExecutable(Path.of("/usr/bin/bash")), "no bash");
        Path lib = Files.createDirectories(distribution.resolve("lib"));
        Path bin = Files.createDirectories(distribution.resolve("bin"));
        Files.copy(ROOT.resolve("lowbit"), bin.resolve("lowbit"));
        assertThat(bin.resolve("lowbit").toFile().setExecutable(true)).isTrue();
        Files.createSymbolicLink(distribution.resolve("link"), bin.resolve("lowbit"));
        String[] classPath = System.getProperty("java.class.path").split(File.pathSeparator);
        List<String> entries = new ArrayList<>();
        for (String entry : classPath) {
            if (entry.endsWith("*")) {
                try (Stream<Path> jars = Files.list(Path.of(entry).getParent())) {
                    jars.map(Path::toString).forEach(entries::add);
                }
            } else {
                entries.add(entry);
            }
        }
        for (int i = 0; i < entries.size(); i++) {
            Path entry = Path.of(entries.get(i));
            if (Files.isDirectory(entry)) {
                jar(entry, lib.resolve("classes-" + i + ".jar"));
            } else if (entry.toString().endsWith(".jar")) {
                Files.createSymbolicLink(lib.resolve(i + "-" + entry.getFileName()), entry.toAbsolutePath());
            }
        }
    }

    private static void jar(Path classes, Path jar) throws IOException {
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar));
                Stream<Path> files = Files.walk(classes)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                out.putNextEntry(
                        new JarEntry(classes.relativize(file).toString().replace(File.separatorChar, '/')));
                Files.copy(file, out);
            }
        }
    }

    private static Result run(Map<String, String> environment, String... arguments) throws Exception {
        Path out = Files.createTempFile(distribution, "out", "");
        Path err = Files.createTempFile(distribution, "err", "");
        List<String> command =
                new ArrayList<>(List.of(distribution.resolve("link").toString()));
        command.addAll(Arrays.asList(arguments));
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .directory(distribution.toFile());
        builder.environment().remove("JAVA_OPTS");
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().putAll(environment);
        Process process = builder.start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("ends in a minute").isTrue();
        return new Result(
                process.exitValue(),
                Files.readString(out, StandardCharsets.UTF_8),
                Files.readString(err, StandardCharsets.UTF_8));
    }

    @Test
    void isWellFormedBash() throws Exception {
        Process process = new ProcessBuilder(
                        "bash", "-n", ROOT.resolve("lowbit").toString())
                .inheritIO()
                .start();
        assertThat(process.waitFor()).isZero();
    }

    /** Also through a link, with the warning about the incubator module gone and nothing else on stderr. */
    @Test
    void runsTheCommandAndKeepsStderrClean() throws Exception {
        Result result = run(Map.of(), "--version");
        assertThat(result.err()).isEmpty();
        assertThat(result.code()).isZero();
        assertThat(result.out()).contains("lowbit ", "JDK " + Runtime.version().feature());
    }

    @Test
    void passesExitCodeAndErrorsOn() throws Exception {
        Result result = run(Map.of(), "inspect", "no such model");
        assertThat(result.code()).isEqualTo(ExitCodes.IO);
        assertThat(result.err()).startsWith("lowbit: ").contains("no such model");
        assertThat(result.err().lines()).hasSize(1);
        assertThat(result.out()).isEmpty();
    }

    /** A quarter of the cap, two thirds where Hessians lie in the heap, a half where codes do, and the user's own options win over ours. */
    @Test
    void memoryCapBoundsTheHeap() throws Exception {
        Map<String, String> log = Map.of("JAVA_OPTS", "-Xlog:gc+init");
        for (String[] cap : List.of(new String[] {"--memory", "1GiB"}, new String[] {"--memory=1024mib"})) {
            assertThat(run(log, cap).out()).contains("Heap Max Capacity: 256M");
        }
        for (String[] arrays : List.of(
                new String[] {"compare"},
                new String[] {"compress", "--calibration", "x"},
                new String[] {"plan", "--method=gptq"},
                new String[] {"plan", "--method", "sketchtune"})) {
            String[] args = Arrays.copyOf(arrays, arrays.length + 1);
            args[arrays.length] = "--memory=960MiB";
            assertThat(run(log, args).out()).as(String.join(" ", args)).contains("Heap Max Capacity: 640M");
        }
        assertThat(run(log, "tune", "--memory=9600MiB").out()).contains("Heap Max Capacity: 4800M");
        assertThat(run(log, "plan", "--method", "lq-lora", "--memory=960MiB").out())
                .contains("Heap Max Capacity: 240M");
        Map<String, String> own = Map.of("JAVA_OPTS", "-Xlog:gc+init", "LOWBIT_JAVA_OPTS", "-Xmx100m");
        assertThat(run(own, "--memory", "1GiB").out()).contains("Heap Max Capacity: 100M");
    }

    /** A source tree below a folder whose name has a space, built once more: the three newest builds stay, and nothing else goes. */
    @Test
    void oldBuildsAreRemovedAndNothingBesideThem() throws Exception {
        Path tree = distribution.resolve("my work").resolve("tree");
        Path lib = Files.createDirectories(tree.resolve("jobs/target/lib"));
        Files.writeString(tree.resolve("pom.xml"), "");
        Files.writeString(lib.resolve("any.jar"), "");
        Files.writeString(tree.resolve("jobs/target/lowbit-jobs-any.jar"), "");
        Files.copy(ROOT.resolve("lowbit"), tree.resolve("lowbit"));
        assertThat(tree.resolve("lowbit").toFile().setExecutable(true)).isTrue();
        Path state = Files.createDirectories(tree.resolve("target/launcher"));
        for (int build = 1; build <= 4; build++) {
            Path run = Files.createDirectory(state.resolve("run-" + build));
            Files.setLastModifiedTime(run, FileTime.fromMillis(1000L * build));
        }
        Path bystander = Files.createDirectories(distribution.resolve("my")).resolve("file");
        Files.writeString(bystander, "of somebody else");
        Path maven = Files.createDirectories(distribution.resolve("maven")).resolve("mvn");
        Files.writeString(maven, "#!/bin/sh\nexit 0\n");
        assertThat(maven.toFile().setExecutable(true)).isTrue();

        ProcessBuilder builder = new ProcessBuilder(tree.resolve("lowbit").toString(), "--version")
                .directory(distribution.toFile())
                .redirectErrorStream(true)
                .redirectOutput(distribution.resolve("build-log").toFile());
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().merge("PATH", maven.getParent().toString(), (path, fake) -> fake + ":" + path);
        assertThat(builder.start().waitFor(60, TimeUnit.SECONDS)).isTrue();

        assertThat(bystander).exists();
        try (Stream<Path> left = Files.list(state)) {
            List<String> builds = left.map(path -> path.getFileName().toString())
                    .filter(name -> name.startsWith("run-"))
                    .toList();
            assertThat(builds).hasSize(3).contains("run-4", "run-3").doesNotContain("run-2", "run-1");
        }
    }

    /** What the JVM says before any class of ours runs must not get lost in the filter. */
    @Test
    void jvmErrorsAreVisible() throws Exception {
        Path log = distribution.resolve("jvm-errors");
        // cat ends when the last writer does, the filter, which outlives the JVM for a moment; a Process's own pipe is
        // closed when the shell exits
        Process process = new ProcessBuilder(
                        "bash", "-c", "{ LOWBIT_JAVA_OPTS=-XX:+NoSuchFlag ./link --version 2>&1; echo code $?; } | cat")
                .directory(distribution.toFile())
                .redirectOutput(log.toFile())
                .start();
        assertThat(process.waitFor()).isZero();
        assertThat(Files.readString(log)).contains("NoSuchFlag").contains("code 1");
    }

    /** The name is made by the shell, because this JVM may itself run in a locale that cannot spell it. */
    @Test
    void fileNamesOutsideAsciiWorkInTheCLocale() throws Exception {
        SampleModels.llama(distribution.resolve("ascii"));
        Process process = new ProcessBuilder(
                        "bash",
                        "-c",
                        "name=$(printf 'mod\\303\\250le'); mv ascii \"$name\"; LC_ALL=C exec ./link inspect \"$name\"")
                .directory(distribution.toFile())
                .redirectErrorStream(true)
                .redirectOutput(distribution.resolve("log").toFile())
                .start();
        assertThat(process.waitFor()).isZero();
        assertThat(Files.readString(distribution.resolve("log"))).contains("model.norm.weight");
    }
}
