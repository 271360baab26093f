package dev.lowbit.jobs.compress;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.store.MeasuredError;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.calibration.CalibrationFile;
import dev.lowbit.transformer.calibration.CalibrationHeader;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The importance of every matrix to compress by a calibration file and an {@link Objective}. A matrix without calibration is refused:
 * weighted and plain errors have no common unit, so one budget program cannot hold both. A file of other origin holds Fisher diagonals
 * and nothing else, and serves their objective alone.
 */
final class CalibratedImportance implements AutoCloseable {
    /** Objectives of files that {@code calibrate} wrote and of others, unless one is asked for. */
    static final Objective OWN = new Objective(Objective.Weighting.HESSIAN, true);

    private static final Objective FOREIGN = new Objective(Objective.Weighting.FISHER, false);

    /** Fraction of the mean diagonal added to that of E[x xᵀ]. */
    static final double DAMPING = 0.01;

    private final Path file;
    private final CalibrationFile calibration;
    private final Objective objective;
    private final boolean sequential;
    private final String digest;
    private final Map<String, Double> factors = new HashMap<>();

    private CalibratedImportance(Path file, CalibrationFile calibration, WithCalibration asked) {
        this.file = file;
        this.calibration = calibration;
        this.objective = asked.objective().orElse(calibration.header().isPresent() ? OWN : FOREIGN);
        this.sequential = asked.isSequential(objective);
        this.digest = Digest.sha256(file);
    }

    /**
     * Opens the file and compares its header with what is to be compressed.
     *
     * @throws InvalidRequestException (impossible) when it was made from another model; (usage) when it cannot serve the objective
     * @throws MalformedFileException BAD_CALIBRATION when a target has no calibration there, or one of another shape; what breaks
     *     the format of safetensors
     */
    static CalibratedImportance open(Path file, WithCalibration asked, Checkpoint checkpoint, List<Target> targets) {
        CalibrationFile calibration = CalibrationFile.open(file);
        try {
            CalibratedImportance importance = new CalibratedImportance(file, calibration, asked);
            importance.requireModel(checkpoint);
            importance.requireAll(targets);
            importance.requireObjective(targets);
            importance.requireSequential();
            targets.forEach(target -> calibration.requireFits(checkpoint.info(target.name()), target.transposed()));
            return importance;
        } catch (RuntimeException | Error e) {
            calibration.close();
            throw e;
        }
    }

    private void requireModel(Checkpoint checkpoint) {
        Optional<String> made = calibration.header().map(CalibrationHeader::model);
        if (made.isPresent() && !made.get().equals(checkpoint.digest())) {
            throw InvalidRequestException.impossible("calibration " + file + " was made from another model (sha256 "
                    + made.get() + ") than " + checkpoint.root() + " (" + checkpoint.digest()
                    + "); calibrate this one");
        }
    }

    private void requireAll(List<Target> targets) {
        List<Target> missing = targets.stream()
                .filter(target -> !calibration.has(target.name()))
                .toList();
        if (missing.isEmpty()) {
            return;
        }
        requireInBlocks(file, missing);
        throw new MalformedFileException(
                file,
                -1,
                Reason.BAD_CALIBRATION,
                "holds no Fisher diagonal of " + missing.size() + " of the " + targets.size()
                        + " matrices to compress, " + missing.getFirst().name()
                        + " for one; calibrate them too, or leave them out with --skip");
    }

    /**
     * Refuses embeddings and output heads, which a calibration of ours does not know.
     *
     * @param file text or calibration, for the message
     */
    static void requireInBlocks(Path file, List<Target> targets) {
        Optional<String> outside = targets.stream()
                .map(Target::name)
                .filter(name -> TargetSelection.isEmbedding(name) || TargetSelection.isHead(name))
                .findFirst();
        if (outside.isPresent()) {
            throw InvalidRequestException.impossible("--embeddings: " + outside.get() + " has no calibration in " + file
                    + ", which covers the layers of the blocks; leave out --embeddings or --calibration");
        }
    }

    private void requireObjective(List<Target> targets) {
        if (objective.equals(FOREIGN)) {
            return;
        }
        for (Target target : targets) {
            if (!calibration.isComplete(target.name())) {
                throw InvalidRequestException.usage("--objective " + objective + ": " + file
                        + " holds only a Fisher diagonal of " + target.name()
                        + "; give what lowbit calibrate writes, or --objective " + FOREIGN);
            }
        }
    }

    private void requireSequential() {
        if (sequential && !objective.weighting().pairs()) {
            throw InvalidRequestException.usage("--sequential needs an objective that sees pairs of inputs"
                    + " (outputs or hessian), got " + objective + "; leave out one of the two");
        }
    }

    /** SHA-256 of the file. */
    String digest() {
        return digest;
    }

    Objective objective() {
        return objective;
    }

    /** Whether layers are compressed in the order of the forward pass, each for the inputs that those before it give. */
    boolean sequential() {
        return sequential;
    }

    /** The file. */
    CalibrationFile calibration() {
        return calibration;
    }

    /**
     * An importance and its memory.
     *
     * @param memory closed when the importance is no longer needed
     */
    record Loaded(Importance importance, List<AutoCloseable> memory) implements AutoCloseable {
        static Loaded uniform() {
            return new Loaded(Importance.uniform(), List.of());
        }

        @Override
        public void close() {
            memory.forEach(Loaded::close);
        }

        private static void close(AutoCloseable one) {
            try {
                one.close();
            } catch (RuntimeException e) {
                throw e;
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /**
     * The importance of a target's weights, outputs x inputs.
     *
     * @param weights of the target; not modified
     * @throws MalformedFileException BAD_CALIBRATION or NON_FINITE naming tensor and place
     */
    Loaded read(Target target, FloatMatrix weights, Workers workers) {
        double factor = objective.sensitivity() ? factor(target, weights, workers) : 1;
        return read(target, (float) factor);
    }

    private Loaded read(Target target, float factor) {
        return switch (objective.weighting()) {
            case FROBENIUS ->
                factor == 1
                        ? Loaded.uniform()
                        : product(constant(target.rows(), factor), constant(target.columns(), 1));
            case FISHER -> fisher(target, factor);
            case FACTORED -> product(scaled(calibration.outputs(target.name()), factor), inputs(target));
            case INPUTS -> product(constant(target.rows(), factor), inputs(target));
            case OUTPUTS -> hessian(target, constant(target.rows(), factor));
            case HESSIAN -> hessian(target, scaled(calibration.outputs(target.name()), factor));
        };
    }

    /** Measured divergence over the probe's error by the objective without it; computed once for each matrix. */
    private double factor(Target target, FloatMatrix weights, Workers workers) {
        return factors.computeIfAbsent(target.name(), name -> {
            BlockFormat format =
                    BlockFormat.parse(calibration.header().orElseThrow().probe());
            QuantizedMatrix probe = BlockQuantizer.quantize(weights, Importance.uniform(), format, workers);
            try (Loaded plain = read(target, 1)) {
                double error = MeasuredError.of(weights, probe, plain.importance(), workers)
                        .weightedError();
                double divergence = Math.max(calibration.divergence(name), LEAST_DIVERGENCE);
                return error > 0 ? divergence / error : 1;
            }
        });
    }

    /** Below this a measured divergence is the rounding of its own sum. */
    private static final double LEAST_DIVERGENCE = 1e-9;

    private Loaded fisher(Target target, float factor) {
        FloatMatrix diagonal = calibration.fisher(target.name(), target.transposed());
        if (factor != 1) {
            for (int i = 0; i < diagonal.rows(); i++) {
                for (int j = 0; j < diagonal.columns(); j++) {
                    diagonal.set(i, j, diagonal.get(i, j) * factor);
                }
            }
        }
        return new Loaded(Importance.diagonal(diagonal), List.of(diagonal));
    }

    private Loaded hessian(Target target, float[] outputs) {
        try (FloatMatrix moment = calibration.secondMoment(target.name())) {
            return hessian(moment, outputs);
        }
    }

    private static Loaded hessian(FloatMatrix moment, float[] outputs) {
        FloatMatrix factor = Hessian.factor(moment, DAMPING);
        Hessian hessian = new Hessian(factor, outputs);
        return new Loaded(hessian, List.of(hessian, factor));
    }

    /**
     * The importance of a target's weights where its inputs are others than those of the calibration. For an objective that sees pairs
     * of weights.
     *
     * @param moment E[x xᵀ] of these inputs; not modified
     */
    Loaded read(Target target, FloatMatrix moment) {
        return hessian(
                moment,
                objective.weighting() == Objective.Weighting.OUTPUTS
                        ? constant(target.rows(), 1)
                        : calibration.outputs(target.name()));
    }

    private float[] inputs(Target target) {
        try (FloatMatrix moment = calibration.secondMoment(target.name())) {
            float[] diagonal = new float[moment.columns()];
            for (int j = 0; j < diagonal.length; j++) {
                diagonal[j] = moment.get(j, j);
            }
            return diagonal;
        }
    }

    private static Loaded product(float[] rows, float[] columns) {
        FloatMatrix all = FloatMatrix.allocate(rows.length, columns.length);
        for (int i = 0; i < rows.length; i++) {
            for (int j = 0; j < columns.length; j++) {
                all.set(i, j, rows[i] * columns[j]);
            }
        }
        return new Loaded(Importance.diagonal(all), List.of(all));
    }

    private static float[] constant(int length, float value) {
        float[] values = new float[length];
        Arrays.fill(values, value);
        return values;
    }

    private static float[] scaled(float[] values, float factor) {
        for (int i = 0; i < values.length; i++) {
            values[i] *= factor;
        }
        return values;
    }

    @Override
    public void close() {
        calibration.close();
    }
}
