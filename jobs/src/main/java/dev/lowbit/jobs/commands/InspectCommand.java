package dev.lowbit.jobs.commands;

import dev.lowbit.checkpoint.OneLine;
import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.OutputOptions;
import dev.lowbit.jobs.Quantity;
import dev.lowbit.jobs.TextTable;
import dev.lowbit.jobs.inspect.Inspection;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code lowbit inspect}: what is in a model's files, without reading a weight. */
@Command(
        name = "inspect",
        description = "Show tensors, formats, bits and errors of a checkpoint or a compressed model.")
public final class InspectCommand implements Callable<Integer> {
    private final Console console;

    @Parameters(paramLabel = "PATH", description = "A checkpoint or a directory that compress wrote.")
    private Path path;

    @Mixin
    private OutputOptions options;

    public InspectCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        Inspection inspection = Inspection.of(path);
        if (options.json()) {
            JsonOutput.write(console.out(), inspection);
            return ExitCodes.OK;
        }
        printMatrices(inspection);
        printTensors(inspection.tensors());
        printTotals(inspection);
        if (!options.quiet()) {
            inspection.warnings().forEach(console.err()::println);
        }
        return ExitCodes.OK;
    }

    private void printMatrices(Inspection inspection) {
        if (inspection.matrices().isEmpty()) {
            return;
        }
        TextTable table = new TextTable("matrix", "shape", "format", ">rank", ">bytes", ">bits", ">rel. error");
        for (Inspection.Matrix matrix : inspection.matrices()) {
            table.row(
                    matrix.name(),
                    matrix.rows() + " x " + matrix.columns() + (matrix.transposed() ? " (stored transposed)" : ""),
                    matrix.format(),
                    Integer.toString(matrix.rank()),
                    Long.toString(matrix.bytes()),
                    fixed(matrix.bitsPerWeight(), 4),
                    matrix.relativeError().isPresent()
                            ? fixed(matrix.relativeError().getAsDouble(), 6)
                            : "unknown");
        }
        table.print(console.out());
        console.out().println();
    }

    private void printTensors(List<Inspection.Tensor> tensors) {
        if (tensors.isEmpty()) {
            return;
        }
        TextTable table = new TextTable("tensor", "type", "shape", ">bytes", "file");
        for (Inspection.Tensor tensor : tensors) {
            String shape = tensor.shape().stream().map(Object::toString).collect(Collectors.joining(" x "));
            table.row(
                    tensor.name(),
                    tensor.type(),
                    shape.isEmpty() ? "scalar" : shape,
                    Long.toString(tensor.bytes()),
                    tensor.file());
        }
        table.print(console.out());
        console.out().println();
    }

    private void printTotals(Inspection inspection) {
        String kind = inspection.matrices().isEmpty() ? inspection.kind() : inspection.kind() + " model";
        String architectures =
                inspection.architectures().isEmpty() ? "" : ", " + String.join(", ", inspection.architectures());
        line("kind", kind + architectures);
        line("weights", inspection.weights() + " in " + inspection.bytes() + " bytes");
        inspection
                .paperBitsPerWeight()
                .ifPresentOrElse(
                        paper -> line(
                                "bits",
                                fixed(inspection.bitsPerWeight(), 4) + " per weight, everything counted; "
                                        + fixed(paper, 4) + " by the method's paper"),
                        () -> line("bits", fixed(inspection.bitsPerWeight(), 4) + " per weight"));
        inspection.relativeError().ifPresent(error -> line("error", fixed(error, 6) + " relative"));
        inspection
                .method()
                .ifPresent(method ->
                        line("method", method + ", seed " + inspection.seed().orElse(0)));
        inspection.sourceDigest().ifPresent(digest -> line("source", "sha256 " + digest));
        line("files", Quantity.bytes(inspection.outputBytes()) + " (" + inspection.outputBytes() + " bytes)");
    }

    private void line(String name, String value) {
        console.out().println(String.format(Locale.ROOT, "%-9s%s", name, OneLine.of(value)));
    }

    private static String fixed(double value, int digits) {
        return String.format(Locale.ROOT, "%." + digits + "f", value);
    }
}
