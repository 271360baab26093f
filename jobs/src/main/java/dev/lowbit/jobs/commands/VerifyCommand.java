package dev.lowbit.jobs.commands;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.OutputOptions;
import dev.lowbit.jobs.verify.PlainCheckpoint;
import dev.lowbit.store.Finding;
import dev.lowbit.store.FloatModel;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.TaskVerifier;
import dev.lowbit.store.Verifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lowbit verify}: every checksum and every invariant; all faults in one run. */
@Command(
        name = "verify",
        description = {
            "Check every file, checksum and invariant of a compressed model; exit code 8 when one fails.",
            "A checkpoint that Lowbit did not write has no checksums: its headers are checked, with --all its weights too."
        })
public final class VerifyCommand implements Callable<Integer> {
    /** What is checked; of the first two everything has a digest. */
    enum Kind {
        compressed,
        task,
        checkpoint
    }

    /** The document of {@code --json}. */
    record Result(Kind kind, boolean good, List<Finding> findings) {}

    private final Console console;

    @Parameters(paramLabel = "PATH", description = "A compressed model, a task of one, or a checkpoint.")
    private Path path;

    @Option(names = "--all", description = "Read every weight of a plain checkpoint and refuse NaN and infinity.")
    private boolean all;

    @Mixin
    private OutputOptions options;

    public VerifyCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        Kind kind = isOutput(path) ? Kind.compressed : TaskVerifier.isTask(path) ? Kind.task : Kind.checkpoint;
        List<Finding> findings = switch (kind) {
            case compressed -> Verifier.verify(path);
            case task -> TaskVerifier.verify(path);
            case checkpoint -> PlainCheckpoint.verify(path, all, console.progress(options));
        };
        boolean signed = kind != Kind.checkpoint;
        boolean good = findings.isEmpty();
        if (options.json()) {
            JsonOutput.write(console.out(), new Result(kind, good, findings));
        } else {
            findings.forEach(finding -> console.out().println(finding));
            console.out().println(path + ": " + (good ? "good" : verdict(signed, findings.size())));
        }
        if (good) {
            return ExitCodes.OK;
        }
        return signed ? ExitCodes.DAMAGED : ExitCodes.MALFORMED;
    }

    private static String verdict(boolean signed, int findings) {
        return (signed ? "damaged: " : "malformed: ") + findings + (findings == 1 ? " finding" : " findings");
    }

    /** Also when the manifest itself is what was lost. */
    private static boolean isOutput(Path path) {
        return Manifest.isIn(path) || Files.exists(path.resolve(Manifest.DIGEST_FILE)) || claimsToBeCompressed(path);
    }

    private static boolean claimsToBeCompressed(Path path) {
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            return checkpoint.config().filter(FloatModel::isOwn).isPresent();
        } catch (MalformedFileException e) {
            // then the check of a plain checkpoint says what is wrong
            return false;
        }
    }
}
