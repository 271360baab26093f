package dev.lowbit.jobs.calibrate;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.PeakMemory;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.Linear;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Transformers;
import dev.lowbit.transformer.calibration.CalibrationHeader;
import dev.lowbit.transformer.calibration.CalibrationTokens;
import dev.lowbit.transformer.calibration.CalibrationWriter;
import dev.lowbit.transformer.calibration.Divergence;
import dev.lowbit.transformer.calibration.Statistics;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CancellationException;
import java.util.function.LongConsumer;
import java.util.function.Predicate;

/**
 * Makes a calibration file of a model and a text. The same model, text and options give the same bytes for any workers and any memory
 * cap.
 */
public final class CalibrationJob {
    /** The format whose divergence is measured for every matrix: few enough bits to be seen above the noise, near what is asked for. */
    private static final BlockFormat PROBE = BlockFormat.parse("nf3-g64-s8x256-bf16");

    /** Tokens that divergences are measured on: each matrix costs half a forward pass over them. */
    private static final int PROBE_TOKENS = 4096;

    private CalibrationJob() {}

    /**
     * What was done.
     *
     * @param tokens of the text that were read
     * @param windows samples
     * @param context tokens of a window, the beginning included
     * @param distinctTokens different ids among them
     * @param vocabulary how many there are
     * @param layers linear layers
     * @param inputs inputs of layers, shared ones counted once
     * @param deadInputs of these, those that were zero for every token
     * @param passes how often the text was read to keep within the memory cap
     * @param peakMemoryBytes the process's peak resident memory, where the system tells
     */
    public record Result(
            int tokens,
            int windows,
            int context,
            int distinctTokens,
            int vocabulary,
            int layers,
            long inputs,
            long deadInputs,
            int passes,
            OptionalLong peakMemoryBytes) {}

    /**
     * Runs the job.
     *
     * @param checkpoint stays open
     * @param text its digest stands in the file
     * @param inputMajor whether the checkpoint stores the weight of that name inputs x outputs
     * @param memoryBytes cap of the process's resident memory
     * @throws InvalidRequestException when the model cannot read the text or the cap is too small
     * @throws CancellationException when the thread is interrupted
     */
    public static Result run(
            Checkpoint checkpoint,
            CalibrationText text,
            String software,
            Predicate<String> inputMajor,
            OptionalLong memoryBytes,
            Path out,
            Workers workers,
            ProgressListener progress) {
        try (Transformer model = Transformers.load(checkpoint)) {
            CalibrationTokens tokens = text.tokens();
            Statistics statistics = new Statistics(model, tokens, workers);
            MemoryCap cap = new MemoryCap(memoryBytes);
            long sums = sumBytes(statistics, cap);
            CalibrationHeader header = new CalibrationHeader(
                    software,
                    checkpoint.digest(),
                    text.digest(),
                    tokens.ids().length,
                    tokens.windows(),
                    tokens.context(),
                    tokens.beginning(),
                    tokens.distinct(),
                    model.shape().vocabulary(),
                    PROBE.id());
            Map<String, Double> divergences = divergences(model, tokens, workers, progress);
            long[] inputs = new long[2];
            try (CalibrationWriter writer = CalibrationWriter.create(
                            out, header, statistics.groups(), inputMajor, divergences, tokens);
                    ProgressListener.Stage stage = progress.stage(
                            "calibrating", (long) statistics.passes(sums) * tokens.ids().length, "tokens")) {
                statistics.collect(
                        sums,
                        layer -> {
                            writer.add(layer);
                            if (layer.inputs().owner().equals(layer.name())) {
                                inputs[0] += layer.inputs().norm().length;
                                inputs[1] += layer.inputs().dead();
                            }
                        },
                        advance(stage),
                        workers);
                writer.finish();
            }
            cap.broken().ifPresent(progress::note);
            return new Result(
                    header.tokens(),
                    header.windows(),
                    header.context(),
                    header.distinct(),
                    header.vocabulary(),
                    divergences.size(),
                    inputs[0],
                    inputs[1],
                    statistics.passes(sums),
                    PeakMemory.bytes());
        }
    }

    /** What is left of the cap for the sums. */
    private static long sumBytes(Statistics statistics, MemoryCap cap) {
        cap.require(
                statistics.scratchBytes() + statistics.leastBytes(),
                "calibration with the whole model in floats",
                "calibrate on a larger machine");
        return Math.min(statistics.bytes(), cap.room() - statistics.scratchBytes());
    }

    private static Map<String, Double> divergences(
            Transformer model, CalibrationTokens tokens, Workers workers, ProgressListener progress) {
        List<Linear> layers = model.linears();
        CalibrationTokens some = tokens.spread(PROBE_TOKENS);
        try (ProgressListener.Stage stage =
                progress.stage("probing", (long) layers.size() * Divergence.batches(some), "forward passes")) {
            double[] measured = Divergence.of(
                    model,
                    some,
                    layers.size(),
                    i -> Map.of(layers.get(i).name(), probe(layers.get(i), workers)),
                    advance(stage),
                    workers);
            Map<String, Double> all = new HashMap<>();
            for (int i = 0; i < measured.length; i++) {
                all.put(layers.get(i).name(), measured[i]);
            }
            return all;
        }
    }

    private static QuantizedMatrix probe(Linear layer, Workers workers) {
        try (FloatMatrix weights =
                FloatMatrix.allocate(layer.weight().rows(), layer.weight().columns())) {
            layer.weight().dequantize(0, weights, workers);
            return BlockQuantizer.quantize(weights, Importance.uniform(), PROBE, workers);
        }
    }

    private static LongConsumer advance(ProgressListener.Stage stage) {
        long[] before = {0};
        return done -> {
            if (Thread.currentThread().isInterrupted()) {
                throw new CancellationException("interrupted");
            }
            stage.advance(done - before[0]);
            before[0] = done;
        };
    }
}
