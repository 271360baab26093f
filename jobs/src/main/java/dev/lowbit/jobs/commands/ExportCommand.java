package dev.lowbit.jobs.commands;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.DirectorySize;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.PeakMemory;
import dev.lowbit.jobs.Quantity;
import dev.lowbit.jobs.ResourceOptions;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.jobs.export.AqlmExport;
import dev.lowbit.jobs.export.Exporter;
import dev.lowbit.jobs.export.TaskExport;
import dev.lowbit.jobs.update.ComPeftOptions;
import dev.lowbit.jobs.update.UpdateExport;
import dev.lowbit.jobs.update.UpdateExportResult;
import dev.lowbit.matrix.gptq.GptqVersion;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.tensor.DType;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lowbit export}: a compressed model for programs that do not know Lowbit, or an update of fine-tuning in little space. */
@Command(
        name = "export",
        description = {
            "Write a compressed model in a format that others read, or what fine-tuning changed as signs and scales.",
            "safetensors: every matrix dequantized, in the source's names and orientation.",
            "peft: base/, the model without its low-rank parts, and adapter/, those parts as a LoRA adapter.",
            "gptq, gptq-v2: matrices of one affine format in the layout of GPTQ, low-rank parts in adapter/.",
            "aqlm: matrices of one additive format in the layout of AQLM and PV-Tuning, low-rank parts in adapter/.",
            "task: one file with what tune changed in the model of --base, for evaluate and generate --task.",
            "compeft: PATH is a LoRA adapter, or a model with --base: its change as signs and one scale, see import."
        })
public final class ExportCommand implements Callable<Integer> {
    /** Formats of {@code --to}. */
    enum Format {
        safetensors,
        peft,
        gptq,
        gptq_v2,
        aqlm,
        task,
        compeft;

        @Override
        public String toString() {
            return name().replace('_', '-');
        }
    }

    /** Element types of {@code --dtype}. */
    enum ElementType {
        f32(DType.F32),
        f16(DType.F16),
        bf16(DType.BF16);

        private final DType type;

        ElementType(DType type) {
            this.type = type;
        }
    }

    /** The document of {@code --json}. */
    record Result(
            String format,
            Optional<ElementType> dtype,
            int matrices,
            OptionalInt adapterMatrices,
            OptionalDouble roundingError,
            long outputBytes,
            double seconds,
            OptionalLong peakMemoryBytes) {}

    private final Console console;

    @Parameters(
            paramLabel = "PATH",
            description =
                    "A directory that compress wrote; for compeft also an adapter as PEFT writes it, or a checkpoint.")
    private Path path;

    @Option(names = "--to", paramLabel = "FORMAT", required = true, description = "${COMPLETION-CANDIDATES}.")
    private Format format;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            required = true,
            description = "Directory to create; with task a file.")
    private Path out;

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            description =
                    "Element type of dequantized matrices: ${COMPLETION-CANDIDATES} (default: f32, which rounds nothing).")
    private Optional<ElementType> type;

    @Option(
            names = "--base",
            paramLabel = "BASE",
            description = "With task and compeft: the model that was tuned. Not for compeft of an adapter.")
    private Optional<Path> base;

    @Mixin
    private ComPeftOptions update;

    @Mixin
    private ResourceOptions options;

    public ExportCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        boolean dequantizes = format == Format.safetensors || format == Format.peft;
        if (!dequantizes && type.isPresent()) {
            throw InvalidRequestException.usage(
                    "--dtype is the type of dequantized matrices; --to " + format + " writes none, leave it out");
        }
        boolean changes = format == Format.task || format == Format.compeft;
        if (!changes && base.isPresent()) {
            throw InvalidRequestException.usage("--base is what a change is made for; --to " + format
                    + " writes no change, leave it out, or take task or compeft");
        }
        if (format != Format.compeft) {
            update.requireNone(format.toString());
        }
        switch (format) {
            case task -> exportTask();
            case compeft -> exportUpdate();
            default -> exportModel(dequantizes);
        }
        return ExitCodes.OK;
    }

    private void exportUpdate() {
        UpdateExportResult result;
        MemoryCap cap = new MemoryCap(options.memoryBytes());
        try (WorkerPool pool = options.openWorkers()) {
            result = UpdateExport.run(path, base, update.settings(), out, cap, pool.workers());
        }
        result.warnings().forEach(console.progress(options)::note);
        if (options.json()) {
            JsonOutput.write(console.out(), result);
            return;
        }
        console.out()
                .println(String.format(
                        Locale.ROOT,
                        "kept %d of %d entries of %d tensors (density %s): relative error %.4f",
                        result.nonZeros(),
                        result.entries(),
                        result.tensors(),
                        result.density(),
                        result.relativeError()));
        console.out()
                .println(String.format(
                        Locale.ROOT,
                        "wrote %s: %s in place of %s, %.1f times smaller (%.1f times below 16 bits), %.4f bits per entry, in %s",
                        out,
                        Quantity.bytes(result.bytes()),
                        Quantity.bytes(result.originalBytes()),
                        result.ratio(),
                        result.ratio16(),
                        result.bitsPerEntry(),
                        Quantity.duration(result.seconds())));
    }

    private void exportModel(boolean dequantizes) {
        long start = System.nanoTime();
        ElementType written = type.orElse(ElementType.f32);
        int matrices;
        OptionalInt adapter = OptionalInt.empty();
        OptionalDouble rounding = OptionalDouble.empty();
        try (CompressedModel model = CompressedModel.open(path);
                WorkerPool pool = options.openWorkers()) {
            Exporter exporter = new Exporter(model, written.type, console.progress(options), pool.workers());
            matrices = model.names().size();
            switch (format) {
                case safetensors -> exporter.toSafetensors(out);
                case peft -> adapter = OptionalInt.of(exporter.toPeft(out));
                case gptq -> adapter = some(exporter.toGptq(out, GptqVersion.V1));
                case gptq_v2 -> adapter = some(exporter.toGptq(out, GptqVersion.V2));
                case aqlm -> {
                    AqlmExport export = exporter.toAqlm(out);
                    adapter = some(export.adapterMatrices());
                    rounding = OptionalDouble.of(export.roundingError());
                }
                case task, compeft -> throw new IllegalStateException("a change is no model");
            }
        }
        Result result = new Result(
                format.toString(),
                dequantizes ? Optional.of(written) : Optional.empty(),
                matrices,
                adapter,
                rounding,
                DirectorySize.bytes(out),
                (System.nanoTime() - start) / 1e9,
                PeakMemory.bytes());
        if (options.json()) {
            JsonOutput.write(console.out(), result);
        } else {
            adapter.ifPresent(count -> console.out()
                    .println("adapter for " + count + " of " + result.matrices()
                            + " matrices, alpha = rank, so base + B A is" + " the compressed weight"));
            rounding.ifPresent(error -> console.out().println(rounded(error)));
            console.out()
                    .println("wrote " + out + ": " + result.matrices() + " matrices as "
                            + (dequantizes ? written : format) + ", " + Quantity.bytes(result.outputBytes()) + " in "
                            + Quantity.duration(result.seconds()));
        }
    }

    private void exportTask() {
        Path tunedFrom = base.orElseThrow(() -> InvalidRequestException.usage(
                "--to task writes what tune changed; give the model that was tuned with --base"));
        TaskExport result = TaskExport.write(tunedFrom, path, out);
        if (options.json()) {
            JsonOutput.write(console.out(), result);
        } else {
            console.out()
                    .println(String.format(
                            Locale.ROOT,
                            "wrote %s: %s in %d parts of %d matrices, %.2f %% of the model's %s",
                            out,
                            Quantity.bytes(result.taskBytes()),
                            result.tensors(),
                            result.matrices(),
                            100.0 * result.taskBytes() / result.bytes(),
                            Quantity.bytes(result.bytes())));
        }
    }

    private static String rounded(double error) {
        return error == 0
                ? "scales are f16, nothing was rounded"
                : String.format(
                        Locale.ROOT, "scales rounded to f16, which changed the weights by %.2e of their norm", error);
    }

    private static OptionalInt some(int count) {
        return count == 0 ? OptionalInt.empty() : OptionalInt.of(count);
    }
}
