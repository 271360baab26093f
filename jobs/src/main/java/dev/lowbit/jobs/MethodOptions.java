package dev.lowbit.jobs;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.compress.Objective;
import dev.lowbit.jobs.compress.WithCalibration;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.method.Compressor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which method, how many bits, and for which matrices: the options that {@code compress} and {@code plan} share. */
public final class MethodOptions {
    private static final int DEFAULT_RANK = 64;

    @Mixin
    private CpuOnlyOption device;

    /** How much the result may take. */
    public sealed interface Budget {
        /** At most this many stored bits per weight of the compressed matrices. */
        record BitsPerWeight(double bits) implements Budget {}

        /** At most this many bytes for the whole output directory. */
        record OutputBytes(long bytes) implements Budget {}

        /** What this format takes for every matrix: nothing is left to choose. */
        record OneFormat(MatrixFormat format) implements Budget {}
    }

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--method",
            paramLabel = "NAME",
            defaultValue = Methods.DEFAULT,
            completionCandidates = Methods.Names.class,
            description = "Compression method: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private String method;

    private Double bits;
    private Long sizeBytes;

    @Option(
            names = "--format",
            paramLabel = "ID",
            description = "Instead of a budget: every matrix in this format, for example nf3-g64-s8x256-bf16+r8-nf8.")
    private String format;

    private Integer rank;
    private Integer minRank;
    private Integer group;

    @Option(
            names = "--skip",
            paramLabel = "REGEX",
            description = "Leave matrices alone in whose name this finds a match; may be repeated.")
    private List<Pattern> skip = List.of();

    @Option(
            names = "--only",
            paramLabel = "REGEX",
            description = "Compress only matrices in whose name this finds a match; may be repeated.")
    private List<Pattern> only = List.of();

    @Option(names = "--embeddings", description = "Compress embeddings and the output head too, and count them.")
    private boolean embeddings;

    @Option(
            names = "--costs",
            paramLabel = "FILE",
            description =
                    "Cost table of this input: read when it exists, else written, so that the next budget is cheap.")
    private Path costs;

    @Option(
            names = "--calibration",
            paramLabel = "FILE",
            description = "Data to weigh errors by: a file of lowbit calibrate, or a text to calibrate with first.")
    private Path calibration;

    @Option(
            names = "--sequential",
            negatable = true,
            description =
                    "With --calibration: compress layer behind layer, each for what the compressed ones before it give"
                            + " (default: where the objective looks at the inputs of layers).")
    private Boolean sequential;

    private Objective objective;

    @Option(
            names = "--objective",
            paramLabel = "NAME",
            description =
                    "With --calibration: what an error costs, see docs/methods/lq-lora.md (default: the best known).")
    private void objective(String name) {
        objective = Objective.parse(name)
                .orElseThrow(() -> new ParameterException(
                        command.commandLine(), "--objective " + name + ": choose one of " + Objective.names()));
    }

    @Option(names = "--bits", paramLabel = "B", description = "Budget in stored bits per weight, everything counted.")
    private void bits(double value) {
        if (!(value > 0) || Double.isInfinite(value)) {
            throw new ParameterException(
                    command.commandLine(), "--bits " + value + ": a positive number such as 2.75 is needed");
        }
        bits = value;
    }

    @Option(
            names = "--size",
            paramLabel = "SIZE",
            description = "Budget for the whole output directory, for example 3.2GiB.")
    private void size(String text) {
        sizeBytes = OptionValues.size(command, "--size", text);
    }

    @Option(
            names = "--rank",
            paramLabel = "R",
            description = "Largest rank of a low-rank term (default: 64); the budget decides for each matrix.")
    private void rank(int value) {
        rank = (int) OptionValues.atLeast(command, "--rank", value, 0);
    }

    @Option(names = "--min-rank", paramLabel = "R", description = "Smallest rank for every matrix (default: 0).")
    private void minRank(int value) {
        minRank = (int) OptionValues.atLeast(command, "--min-rank", value, 0);
    }

    @Option(
            names = "--group",
            paramLabel = "G",
            description = "Weights per block scale (default: all that the method knows).")
    private void group(int value) {
        group = (int) OptionValues.atLeast(command, "--group", value, 1);
    }

    /** Refuses a device: what decides bytes is computed on the CPU. */
    public void requireCpu() {
        device.requireCpu();
    }

    /** The method asked for. */
    public Compressor method() {
        return Methods.named(method);
    }

    /** The budget; exactly one of --bits, --size and --format must have been given. */
    public Budget budget() {
        List<String> given = new ArrayList<>();
        if (bits != null) {
            given.add("--bits");
        }
        if (sizeBytes != null) {
            given.add("--size");
        }
        if (format != null) {
            given.add("--format");
        }
        if (given.size() != 1) {
            throw InvalidRequestException.usage("got " + (given.isEmpty() ? "none" : String.join(" and ", given))
                    + " of --bits, --size and --format; give exactly one, for example --bits 2.75");
        }
        if (format != null) {
            requireNothingToChoose("there is no cost table", "--costs", costs);
            requireNothingToChoose("it says the rank", "--rank", rank);
            requireNothingToChoose("it says the rank", "--min-rank", minRank);
            requireNothingToChoose("it says the group", "--group", group);
            return new Budget.OneFormat(MatrixFormats.parse(format));
        }
        return bits != null ? new Budget.BitsPerWeight(bits) : new Budget.OutputBytes(sizeBytes);
    }

    private static void requireNothingToChoose(String why, String option, Object given) {
        if (given != null) {
            throw InvalidRequestException.usage(
                    "--format leaves nothing to choose, so " + why + "; leave out " + option + " " + given);
        }
    }

    /** What the method may choose among, with the run's seed. */
    public Compressor.Limits limits(long seed) {
        int least = minRank == null ? 0 : minRank;
        int most = rank == null ? DEFAULT_RANK : rank;
        if (least > most) {
            throw InvalidRequestException.usage(
                    "--min-rank " + least + " is above --rank " + most + "; lower one or raise the other");
        }
        return new Compressor.Limits(least, most, group == null ? 0 : group, seed);
    }

    /** A matrix in whose name one of these finds a match stays as it is. */
    public List<Pattern> skip() {
        return skip;
    }

    /** When not empty, only a matrix in whose name one of these finds a match is compressed. */
    public List<Pattern> only() {
        return only;
    }

    /** Whether embeddings and the output head are compressed and counted too. */
    public boolean embeddings() {
        return embeddings;
    }

    /** The cost table file. */
    public Optional<Path> costs() {
        return Optional.ofNullable(costs);
    }

    /** Data to weigh errors by. */
    public Optional<WithCalibration> calibration() {
        if (calibration != null) {
            return Optional.of(
                    new WithCalibration(calibration, Optional.ofNullable(objective), Optional.ofNullable(sequential)));
        }
        if (objective != null) {
            throw InvalidRequestException.usage(
                    "--objective " + objective + " weighs errors by calibration; give --calibration too");
        }
        if (sequential != null) {
            throw InvalidRequestException.usage("--sequential is about calibration; give --calibration too");
        }
        return Optional.empty();
    }
}
