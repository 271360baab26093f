package dev.lowbit.jobs.compress;

import dev.lowbit.error.BeyondFormat;
import dev.lowbit.importance.CorrectedTarget;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.store.ModelWriter;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.Linear;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.calibration.CalibrationTokens;
import dev.lowbit.transformer.calibration.SequentialCalibration;
import dev.lowbit.transformer.calibration.ShiftedInputs;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * Compresses the layers of a model in the order of its forward pass, each for the inputs that the compressed layers before it give and
 * towards the outputs that the model itself has. Formats and bytes are those of the plan.
 */
final class SequentialCompression {
    private final PlanJob job;
    private final ModelWriter writer;
    private final Map<String, Plan.Choice> choices;
    private final ProgressListener.Stage stage;

    private SequentialCompression(PlanJob job, Plan plan, ModelWriter writer, ProgressListener.Stage stage) {
        this.job = job;
        this.writer = writer;
        this.choices = plan.matrices().stream()
                .collect(Collectors.toMap(choice -> choice.target().name(), Function.identity()));
        this.stage = stage;
    }

    /**
     * Compresses every target that the forward pass of the blocks meets and that is not finished.
     *
     * @param writer modified
     * @param stage told of the weights done
     */
    static void run(
            PlanJob job,
            Plan plan,
            ModelWriter writer,
            Transformer model,
            CalibrationTokens tokens,
            ProgressListener.Stage stage) {
        SequentialCompression compression = new SequentialCompression(job, plan, writer, stage);
        SequentialCalibration.run(model, tokens, compression::compressed, done -> Cancellation.check(), job.workers());
    }

    private Optional<FloatMatrix> compressed(Linear layer, Supplier<ShiftedInputs> inputs) {
        Plan.Choice choice = choices.get(layer.name());
        if (choice == null) {
            return Optional.empty();
        }
        Cancellation.check();
        if (!writer.has(layer.name())) {
            compress(choice, inputs.get());
        }
        stage.advance(choice.target().weights());
        return Optional.of(writer.stored(layer.name(), this::floats));
    }

    private void compress(Plan.Choice choice, ShiftedInputs inputs) {
        Target target = choice.target();
        try (TargetReader.Loaded loaded = job.reader().read(target);
                FloatMatrix aim = CorrectedTarget.of(
                        loaded.weights(),
                        inputs.secondMoment(),
                        inputs.shift(),
                        CalibratedImportance.DAMPING,
                        job.workers());
                CalibratedImportance.Loaded importance = job.reader().importance(target, inputs.secondMoment())) {
            QuantizedMatrix matrix = BeyondFormat.named(
                    target.name(),
                    () -> job.method()
                            .compress(
                                    target.name(),
                                    aim,
                                    importance.importance(),
                                    choice.candidate(),
                                    job.request().limits(),
                                    job.workers()));
            writer.add(target.name(), matrix, loaded.weights(), loaded.importance(), job.workers());
        }
    }

    private FloatMatrix floats(QuantizedMatrix matrix) {
        FloatMatrix floats = FloatMatrix.allocate(matrix.rows(), matrix.columns());
        matrix.dequantize(0, floats, job.workers());
        return floats;
    }
}
