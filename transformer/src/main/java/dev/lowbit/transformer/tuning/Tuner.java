package dev.lowbit.transformer.tuning;

import dev.lowbit.error.BeyondFormat;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.method.Tunable;
import dev.lowbit.method.Tunable.TrainablePart;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.Adam;
import dev.lowbit.transformer.CosineSchedule;
import dev.lowbit.transformer.CrossEntropy;
import dev.lowbit.transformer.Evaluation;
import dev.lowbit.transformer.GradientClipping;
import dev.lowbit.transformer.Linear;
import dev.lowbit.transformer.LossSum;
import dev.lowbit.transformer.TeacherDivergence;
import dev.lowbit.transformer.TokenBatch;
import dev.lowbit.transformer.TokenLoss;
import dev.lowbit.transformer.TrainingState;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.TunableGradients;
import dev.lowbit.transformer.Workspace;
import dev.lowbit.transformer.tuning.TuningSettings.TargetSteps;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntConsumer;

/**
 * Trains the trainable parts of compressed linear layers with Adam, everything else frozen: towards the predictions of a
 * reference model (KL, on request with cross entropy beside it), or without one towards the text (cross entropy). The
 * learning rate of a part is relative to its size ({@link TrainablePart#unit}).
 *
 * <p>A few times per epoch the parts are rounded into their stored formats and the model that a file would hold is judged on
 * the held-out part of the text; the best of these, the start among them, is the result. So rounding is part of the choice,
 * and the result is never worse than the start. When the judgements rise, the run takes the best up again, with a third of the rate from there
 * on ({@link TuningProgress}), and so it does when a gradient is no number or a part beyond its stored type: too high a rate costs steps and not the result. Where codes are trained, a single rise is let pass: exchanged codes cost
 * before codewords and scales have followed them.
 *
 * <p>Where codes are trained, each follows a dense target that is stepped like any part, by a {@link dev.lowbit.method.DiscreteStep} behind every step.
 * Parts that matrices have in common are stepped once, by the sum of their gradients.
 *
 * <p>The same numbers for any {@link Workers}. A run that was stopped goes on from its last saved state with the same numbers.
 */
public final class Tuner implements AutoCloseable {
    private static final int CHECKS_PER_EPOCH = 4;
    private static final double GRADIENT_NORM = 1;
    private static final int WARM_UP_SHARE = 20;
    private static final double LAST_RATE = 0.05;
    /** Rises in a row that exchanged codes are allowed. */
    private static final int PATIENCE_WITH_CODES = 1;

    private static final String BEST = "best:";
    private static final String CODES = ".codes";

    private final Transformer model;
    private final Transformer reference;
    private final int beginning;
    private final TuningText text;
    private final TuningSettings settings;
    private final Path state;
    private final Workers workers;
    private final Map<String, Linear> layers = new LinkedHashMap<>();
    private final Map<String, QuantizedMatrix> originals = new HashMap<>();
    private final Map<String, Tunable> tunables = new LinkedHashMap<>();
    private final Map<String, TrainablePart> trained = new LinkedHashMap<>();
    private final Set<String> targets = new HashSet<>();
    private final Map<String, FloatMatrix> values = new LinkedHashMap<>();
    private final Map<String, FloatMatrix> best = new LinkedHashMap<>();
    private final double before;
    private final Workspace space = new Workspace();
    private final Workspace referenceSpace = new Workspace();

    /**
     * Prepares a run and judges the model as it came.
     *
     * @param model its layers hold other matrices until {@link #close()} puts the first ones back
     * @param compressed tensor names of the matrices that may be tuned, those outside the blocks are left alone; with the id of the set of parts
     *     that a matrix has in common with others, which is trained where all that use it are tuned
     * @param reference not modified; null without one
     * @param beginning id of the beginning-of-sequence token
     * @param tokens the text
     * @param state where the state of the run is kept; a file that is there is continued
     * @throws InvalidRequestException impossible when nothing can be trained, the text is too short or the context too long; usage for more
     *     than 2^31 - 1 steps
     */
    public Tuner(
            Transformer model,
            Map<String, Optional<String>> compressed,
            Transformer reference,
            int beginning,
            int[] tokens,
            TuningSettings settings,
            Path state,
            Workers workers) {
        this.model = model;
        this.reference = reference;
        this.beginning = beginning;
        this.settings = settings;
        this.state = state;
        this.workers = workers;
        this.text = new TuningText(beginning, tokens, settings.context());
        requireCountable();
        Map<String, Tunable> sharing = new HashMap<>();
        for (Linear layer : model.linears()) {
            if (compressed.containsKey(layer.name())) {
                Optional<String> set = compressed.get(layer.name());
                Tunable.of(layer.weight(), settings.extent(), set.map(sharing::get), workers)
                        .ifPresent(tunable -> {
                            set.ifPresent(id -> sharing.putIfAbsent(id, tunable));
                            add(layer, tunable);
                        });
            }
        }
        freezeIncomplete(compressed);
        if (tunables.isEmpty()) {
            throw InvalidRequestException.impossible("no trainable part: every compressed matrix has rank 0;"
                    + " compress with --min-rank 1 to have one, or tune with --rank, --parts all or --parts codes");
        }
        try {
            keep();
            this.before = heldOutLoss();
            if (!Double.isFinite(before)) {
                throw InvalidRequestException.impossible("the loss on the held-out text is " + before
                        + " before the first step; the activations of the model or of the reference overflow,"
                        + " check them with lowbit evaluate");
            }
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private void requireCountable() {
        long steps = (long) settings.epochs() * stepsPerEpoch();
        if (steps > Integer.MAX_VALUE) {
            throw InvalidRequestException.usage(settings.epochs() + " epochs of " + stepsPerEpoch() + " steps are "
                    + steps + " steps, at most " + Integer.MAX_VALUE
                    + " are counted; give fewer --epochs or a larger --batch");
        }
    }

    private void add(Linear layer, Tunable tunable) {
        layers.put(layer.name(), layer);
        tunables.put(layer.name(), tunable);
        originals.put(layer.name(), layer.weight());
        for (TrainablePart part : tunable.parts()) {
            if (trained.values().stream().noneMatch(other -> other.values() == part.values())) {
                trained.put(layer.name() + "." + part.name(), part);
            }
        }
        tunable.discrete()
                .ifPresent(
                        part -> targets.add(layer.name() + "." + part.target().name()));
    }

    /** Parts in common stay as they are where something uses them that is not tuned. */
    private void freezeIncomplete(Map<String, Optional<String>> compressed) {
        Set<String> incomplete = new HashSet<>();
        compressed.forEach((name, set) -> {
            if (!tunables.containsKey(name)) {
                set.ifPresent(incomplete::add);
            }
        });
        tunables.forEach((name, tunable) -> {
            if (compressed.get(name).filter(incomplete::contains).isPresent()) {
                List<String> common =
                        MatrixFormats.parse(tunable.matrix().format()).shareable();
                common.forEach(part -> trained.remove(name + "." + part));
            }
        });
    }

    /** Everything that a step may change, by name, and a copy of it. */
    private void keep() {
        trained.forEach((name, part) -> values.put(name, part.values()));
        tunables.forEach((name, tunable) -> tunable.discrete()
                .ifPresent(part -> values.put(
                        name + CODES, FloatMatrix.allocate(1, part.codes().codeCount()))));
        readCodes();
        values.forEach((name, part) -> {
            FloatMatrix start = FloatMatrix.allocate(part.rows(), part.columns());
            start.copyFrom(part);
            best.put(BEST + name, start);
        });
    }

    private void readCodes() {
        tunables.forEach((name, tunable) ->
                tunable.discrete().ifPresent(part -> part.codes().readCodes(values.get(name + CODES))));
    }

    private void writeCodes() {
        tunables.forEach((name, tunable) ->
                tunable.discrete().ifPresent(part -> part.codes().writeCodes(values.get(name + CODES))));
    }

    /** Steps of a whole run. */
    public int steps() {
        return settings.epochs() * stepsPerEpoch();
    }

    /** Whether the state of an earlier run is there to be continued. */
    public boolean isStarted() {
        return Files.exists(state);
    }

    private int stepsPerEpoch() {
        return Math.ceilDiv(text.windows(), settings.windows());
    }

    /**
     * Trains.
     *
     * @param progress is told how many steps are done; when it throws, the run can be continued from its last saved state
     */
    public TuningResult run(IntConsumer progress) {
        TuningProgress judged = new TuningProgress(settings.codes().isPresent() ? PATIENCE_WITH_CODES : 0, before);
        int step = 0;
        try (Adam adam = new Adam(Adam.Settings.standard())) {
            if (isStarted()) {
                Map<String, FloatMatrix> all = new LinkedHashMap<>(values);
                all.putAll(best);
                judged.restore(TrainingState.read(state, all, adam));
                step = judged.step();
                writeCodes();
            }
            layers.forEach((name, layer) -> layer.replace(tunables.get(name).matrix()));
            int interval = Math.ceilDiv(stepsPerEpoch(), CHECKS_PER_EPOCH);
            while (step < steps()) {
                progress.accept(step);
                boolean taken = step(step, judged.share(), adam);
                step++;
                if (!taken) {
                    judge(judged, step, Double.NaN, adam);
                } else {
                    judged.move();
                    if (step % interval == 0 || step == steps()) {
                        judge(judged, step, storedLoss(), adam);
                    }
                }
            }
            if (!judged.isMoved()) {
                throw InvalidRequestException.impossible(
                        "none of " + steps() + " steps had a finite gradient;"
                                + " the activations of the model or of the reference overflow, check them with lowbit evaluate");
            }
        }
        progress.accept(steps());
        return result(judged);
    }

    /** @param loss on the held-out part; no finite number where the model is lost */
    private void judge(TuningProgress judged, int step, double loss, Adam adam) {
        readCodes();
        switch (judged.judge(step, loss)) {
            case BEST -> values.forEach((name, part) -> best.get(BEST + name).copyFrom(part));
            case BACK -> {
                takeBest();
                adam.forget();
            }
            case ON -> {}
        }
        Map<String, FloatMatrix> all = new LinkedHashMap<>(values);
        all.putAll(best);
        TrainingState.write(state, all, adam, judged.notes());
    }

    private void takeBest() {
        values.forEach((name, part) -> part.copyFrom(best.get(BEST + name)));
        writeCodes();
    }

    /** The rate of a step as a share of the size of what is trained. */
    private double rate(int step, double highest) {
        return highest == 0 ? 0 : new CosineSchedule(steps(), steps() / WARM_UP_SHARE, highest, LAST_RATE).rate(step);
    }

    /** Takes a step; false, and nothing is changed, where the gradient is not finite: the rate was too high before. */
    private boolean step(int step, double share, Adam adam) {
        int epoch = step / stepsPerEpoch();
        int from = step % stepsPerEpoch() * settings.windows();
        int[] order = text.order(settings.seed(), epoch);
        int[] windows = Arrays.copyOfRange(order, from, Math.min(order.length, from + settings.windows()));
        TokenBatch batch = text.batch(windows);
        List<FloatMatrix> gradients =
                trained.values().stream().map(TrainablePart::gradient).toList();
        gradients.forEach(gradient -> gradient.segment().fill((byte) 0));
        model.backward(batch, loss(batch, windows), new TunableGradients(tunables), space, workers);
        if (!Double.isFinite(GradientClipping.clip(gradients, GRADIENT_NORM))) {
            return false;
        }
        double valueRate = share * rate(step, settings.learningRate());
        double codeRate =
                share * settings.codes().map(codes -> rate(step, codes.rate())).orElse(0.0);
        boolean natural = settings.codes()
                .filter(codes -> codes.targets() == TargetSteps.NATURAL)
                .isPresent();
        trained.forEach((name, part) -> {
            boolean target = targets.contains(name);
            double rate = (target ? codeRate : valueRate) * part.unit();
            if (target && natural) {
                adam.naturalStep(name, part.values(), part.gradient(), rate);
            } else if (rate > 0) {
                adam.step(name, part.values(), part.gradient(), rate);
            }
        });
        settings.codes()
                .ifPresent(codes -> tunables.forEach((name, tunable) -> tunable.discrete()
                        .ifPresent(part -> codes.step()
                                .apply(
                                        part,
                                        RandomStream.of(settings.seed(), "codes of step " + step, name),
                                        workers))));
        return true;
    }

    private TokenLoss loss(TokenBatch batch, int[] windows) {
        double weight = 1.0 / batch.tokens();
        if (reference == null) {
            return new CrossEntropy(text.targets(windows), weight);
        }
        TokenLoss divergence = divergence(batch, weight);
        return settings.crossEntropy() == 0
                ? divergence
                : new LossSum(divergence, new CrossEntropy(text.targets(windows), settings.crossEntropy() * weight));
    }

    private TokenLoss divergence(TokenBatch batch, double weight) {
        FloatMatrix normed = reference.hidden(batch, referenceSpace, workers);
        int vocabulary = reference.shape().vocabulary();
        return new TeacherDivergence(
                (first, rows, on) -> {
                    FloatMatrix logits = referenceSpace.matrix("logits", rows, vocabulary);
                    reference.logits(normed.rows(first, rows), logits, on);
                    return logits;
                },
                weight);
    }

    /** The loss on the held-out part with the matrices as they are in the model now. */
    private double heldOutLoss() {
        Evaluation.Result result =
                Evaluation.evaluate(model, reference, beginning, text.heldOut(), settings.context(), workers);
        return reference == null
                ? result.negativeLogLikelihood()
                : result.comparison().divergence() + settings.crossEntropy() * result.negativeLogLikelihood();
    }

    /** The loss on the held-out part with the parts as a file would hold them; infinite where it cannot hold them. */
    private double storedLoss() {
        try {
            return BeyondFormat.orInfinite(() -> {
                layers.forEach((name, layer) -> layer.replace(tunables.get(name).stored(workers)));
                return heldOutLoss();
            });
        } finally {
            layers.forEach((name, layer) -> layer.replace(tunables.get(name).matrix()));
        }
    }

    private TuningResult result(TuningProgress judged) {
        Map<String, QuantizedMatrix> matrices = new LinkedHashMap<>();
        if (judged.bestStep() > 0) {
            takeBest();
            tunables.forEach((name, tunable) -> matrices.put(name, tunable.stored(workers)));
        }
        return new TuningResult(
                before,
                judged.bestLoss(),
                judged.bestStep(),
                steps(),
                text.trainingTokens(),
                text.heldOut().length,
                parameters(),
                matrices);
    }

    private long parameters() {
        return trained.entrySet().stream()
                .filter(part -> !targets.contains(part.getKey()))
                .mapToLong(part -> part.getValue().values().size())
                .sum();
    }

    /** Puts the model's own matrices back and frees the memory of the run; the state stays where it is. */
    @Override
    public void close() {
        layers.forEach((name, layer) -> layer.replace(originals.get(name)));
        // what others share is closed after them
        new ArrayList<>(tunables.values()).reversed().forEach(Tunable::close);
        values.forEach((name, part) -> {
            if (name.endsWith(CODES)) {
                part.close();
            }
        });
        best.values().forEach(FloatMatrix::close);
        space.close();
        referenceSpace.close();
    }
}
