package dev.lowbit.jobs.compress;

import dev.lowbit.budget.Candidate;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.OneLine;
import dev.lowbit.checkpoint.Temporaries;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.MethodOptions;
import dev.lowbit.jobs.OutputFile;
import dev.lowbit.jobs.PeakMemory;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.Quantity;
import dev.lowbit.jobs.calibrate.CalibrationJob;
import dev.lowbit.jobs.calibrate.CalibrationText;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.method.Compressor;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.CompressionJob;
import dev.lowbit.store.FloatModel;
import dev.lowbit.store.MatrixChoice;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.store.ModelLayout;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Transformers;
import dev.lowbit.transformer.calibration.CalibrationFile;
import dev.lowbit.transformer.calibration.CalibrationTokens;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/**
 * Everything up to the point where a job starts writing: opens the input, selects matrices, prices them, and plans the budget.
 * {@code lowbit plan} ends here, {@code lowbit compress} goes on; so both always agree.
 */
public final class PlanJob implements AutoCloseable {
    /** Where a job keeps the calibration that it made. */
    static final String CALIBRATION = "calibration.safetensors";

    /** Of the squared norm; no weight of a trained matrix comes near it. */
    private static final double OUTLIER_SHARE = 0.99;

    private final JobRequest request;
    private final Workers workers;
    private final ProgressListener progress;
    private final long startNanos = System.nanoTime();
    private final Checkpoint checkpoint;
    private final List<Target> targets;
    private final List<String> warnings = new ArrayList<>();
    private final MemoryCap cap;

    /** Of every identifier that was asked for: there are thousands of questions about some hundred. */
    private final Map<String, MatrixFormat> formats = new HashMap<>();

    private TargetReader reader;
    private Compressor method;

    private PlanJob(JobRequest request, Checkpoint checkpoint, Workers workers, ProgressListener progress) {
        this.request = request;
        this.workers = workers;
        this.progress = progress;
        FloatModel.require(checkpoint);
        this.checkpoint = checkpoint;
        this.targets = request.selection().of(checkpoint);
        this.cap = new MemoryCap(request.memoryBytes());
        checkpoint.warnings().forEach(this::warn);
    }

    /**
     * Opens the input and checks what can be checked without reading weights; a calibration file is read whole. A text to calibrate
     * with is left for {@link #calibrate}.
     *
     * @throws InvalidRequestException when there is nothing to compress, a pattern matches nothing, or the memory cap is too
     *     small
     * @throws MalformedFileException when the checkpoint or the calibration is malformed
     * @throws UnsupportedModelException when another program quantized the weights
     * @throws UncheckedIOException when the cost table cannot be written where it is wanted
     */
    public static PlanJob open(JobRequest request, Workers workers, ProgressListener progress) {
        requireWritten(request);
        request.costs().ifPresent(costs -> OutputFile.requireFolder(costs, "--costs"));
        PlanJob job = open(request, Checkpoint.open(request.input()), workers, progress);
        try {
            job.requireRank();
            job.warnOfLowRanks();
            job.weighAndRequireMemory();
            return job;
        } catch (RuntimeException | Error e) {
            job.close();
            throw e;
        }
    }

    private static PlanJob open(JobRequest request, Checkpoint checkpoint, Workers workers, ProgressListener progress) {
        try {
            return new PlanJob(request, checkpoint, workers, progress);
        } catch (RuntimeException | Error e) {
            checkpoint.close();
            throw e;
        }
    }

    private static void requireWritten(JobRequest request) {
        if (request.budget() instanceof MethodOptions.Budget.OneFormat one
                && !request.method().writes(one.format())) {
            throw InvalidRequestException.usage(request.method().name() + " does not write the format "
                    + one.format().id() + "; lowbit plan with a budget shows some that it writes");
        }
    }

    private void requireRank() {
        if (request.budget() instanceof MethodOptions.Budget.OneFormat one) {
            for (Target target : targets) {
                if (one.format().rank() > Math.min(target.rows(), target.columns())) {
                    throw InvalidRequestException.impossible(one.format().id() + " has rank "
                            + one.format().rank() + ", but " + target.name() + " is " + target.rows() + " x "
                            + target.columns() + "; give a lower rank, or leave it out with --skip");
                }
            }
        }
    }

    private void warnOfLowRanks() {
        int least = request.limits().minRank();
        List<String> small = targets.stream()
                .filter(target -> least > Math.min(target.rows(), target.columns()))
                .map(Target::name)
                .toList();
        if (!small.isEmpty()) {
            warn("--min-rank " + least + " is more than " + small.size() + " matrices have rows or columns, "
                    + small.getFirst() + " for one; their ranks are as high as they can be");
        }
    }

    /** The largest need is named first, so that a cap that meets it meets all. */
    private void weighAndRequireMemory() {
        Optional<Path> file = request.calibration().map(WithCalibration::file);
        boolean known = file.isEmpty() || isCalibration(file.get());
        if (known) {
            reader = reader(file);
            reader.tokens().ifPresent(tokens -> requireModel(tokens.ids().length, tokens.batchRows()));
        } else {
            CalibratedImportance.requireInBlocks(file.get(), targets);
            requireModel(CalibrationText.DEFAULT_TOKENS, CalibrationTokens.BATCH_TOKENS);
        }
        boolean weighted = file.isPresent();
        boolean pairs = weighted && objective().weighting().pairs();
        int parallel = workers.parallelism();
        MatrixMemory.require(cap, targets, request.method(), request.reachable(), weighted, parallel);
        MatrixMemory.requireArrays(targets, request.method(), weighted, pairs);
        MatrixMemory.requireHeap(targets, request.method(), request.reachable(), weighted, pairs, parallel);
        if (known) {
            reader.checkImportance(targets, progress);
        }
    }

    private void requireModel(int tokens, int rows) {
        long matrix = MatrixMemory.bytes(targets, request.method(), request.reachable(), true, workers.parallelism());
        ModelMemory.of(checkpoint).require(cap, isSequential(), matrix, tokens, rows);
    }

    private boolean isSequential() {
        return request.calibration().orElseThrow().isSequential(objective());
    }

    /** With a calibration, also one that is still to be made. */
    private Objective objective() {
        return reader == null
                ? request.calibration().orElseThrow().objective().orElse(CalibratedImportance.OWN)
                : reader.objective().orElseThrow();
    }

    private static boolean isCalibration(Path file) {
        return file.toString().endsWith(".safetensors");
    }

    private TargetReader reader(Optional<Path> file) {
        return new TargetReader(
                checkpoint,
                file.map(f -> CalibratedImportance.open(f, request.calibration().orElseThrow(), checkpoint, targets)),
                cap,
                workers);
    }

    /**
     * Where a text to calibrate with was given, calibrates, unless {@code file} holds the result of a run that was stopped later.
     *
     * @param file where the calibration is kept
     */
    void calibrate(Path file) {
        if (reader != null) {
            return;
        }
        CalibrationText text = CalibrationText.read(
                request.calibration().orElseThrow().file(),
                checkpoint,
                CalibrationText.DEFAULT_TOKENS,
                OptionalInt.empty(),
                cap);
        if (!isOf(text, file)) {
            CalibrationJob.run(
                    checkpoint,
                    text,
                    request.software(),
                    weight -> TargetSelection.isInputMajor(checkpoint, weight),
                    request.memoryBytes(),
                    file,
                    workers,
                    progress);
        }
        reader = reader(Optional.of(file));
        reader.checkImportance(targets, progress);
    }

    /** Whether a complete calibration of this text by this software stands there; its bytes are a function of both and the model. */
    private boolean isOf(CalibrationText text, Path file) {
        if (!Files.exists(file)) {
            return false;
        }
        try (CalibrationFile found = CalibrationFile.open(file)) {
            return found.header()
                    .filter(header -> header.text().equals(text.digest())
                            && header.model().equals(checkpoint.digest())
                            && header.software().equals(request.software()))
                    .isPresent();
        }
    }

    /** Plans; nothing is written but the cost table file, where one is asked for. */
    public JobResult run() {
        if (reader != null) {
            return result(plan(request.costs()));
        }
        try {
            Path folder = Temporaries.openDirectory("lowbit-calibration");
            try {
                calibrate(folder.resolve(CALIBRATION));
                return result(plan(request.costs()));
            } finally {
                Temporaries.discard(folder);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot calibrate in the temporary directory: " + e, e);
        }
    }

    /** @param costs where the cost table is kept */
    Plan plan(Optional<Path> costs) {
        CostTable.Key key = new CostTable.Key(
                request.software(), checkpoint.digest(), reader.importanceKey(), pricedMethod(), request.limits());
        CostTable table = costs.map(file -> CostTableFile.read(file, key)).orElseGet(() -> new CostTable(key));
        try (SavedCosts saved = new SavedCosts(costs, table)) {
            Pricing pricing = new Pricing(reader, method(), request.budget(), table, saved, workers, progress);
            pricing.price(targets);
            targets.forEach(
                    target -> oddity(target, table.prices(target.name())).ifPresent(this::warn));
            long weights = targets.stream().mapToLong(Target::weights).sum();
            SharedSets sets = SharedSets.of(method(), targets);
            SpendingLimit limit = new SpendingLimit(request.budget(), weights, sets, this::outputBytes);
            Optional<Planner.Judge> judge = judgeTokens()
                    .map(tokens -> new CalibrationJudge(
                            method(), checkpoint, reader, targets, tokens, table, saved, workers, progress));
            return new Planner(table, targets, sets, limit, this::ownBytes, pricing::confirm, judge).plan();
        }
    }

    private OptionalLong ownBytes(String format, int rows, int columns) {
        MatrixFormat parsed = formats.computeIfAbsent(format, MatrixFormats::parse);
        return parsed.suits(rows, columns)
                ? OptionalLong.of(method().bytes(parsed, rows, columns))
                : OptionalLong.empty();
    }

    /** The method, with what its matrices have in common in this model; known when {@link #calibrate} has returned. */
    Compressor method() {
        if (method == null) {
            method = request.method().forModel(new TargetWeights(reader, targets), request.limits(), workers);
        }
        return method;
    }

    /** What prices are of: those of a method that learns from a model depend on which of its matrices are compressed. */
    private String pricedMethod() {
        String name = request.method().name();
        if (method() == request.method()) {
            return name;
        }
        String selected = targets.stream().map(Target::name).collect(Collectors.joining("\n"));
        return name + " of the matrices " + Digest.sha256(selected.getBytes(StandardCharsets.UTF_8));
    }

    /** The calibration text, where the calibration has one and the model is not too large to be held whole. */
    private Optional<CalibrationTokens> judgeTokens() {
        Optional<CalibrationTokens> tokens = reader.tokens();
        if (tokens.isEmpty()) {
            return tokens;
        }
        ModelMemory model = ModelMemory.of(checkpoint);
        if (!model.isJudged()) {
            warn("the model has " + Quantity.bytes(model.floatBytes()) + " in floats, more than "
                    + Quantity.bytes(ModelMemory.MOST_JUDGED_BYTES)
                    + ": the mix is not compared with uniform formats on the calibration text");
            return Optional.empty();
        }
        return tokens;
    }

    /** What a relative error would hide. */
    private static Optional<String> oddity(Target target, CostTable.Prices prices) {
        if (prices.squaredNorm() == 0) {
            return Optional.of(target.name() + " is all zero");
        }
        double share = prices.largest() * prices.largest() / prices.squaredNorm();
        return target.weights() > 1 && share > OUTLIER_SHARE
                ? Optional.of(target.name() + " has a weight of magnitude " + prices.largest()
                        + " beside which all others vanish; its relative error says nothing about them")
                : Optional.empty();
    }

    private long outputBytes(List<Candidate> chosen, MethodOptions.Budget asked, long budgetBytes) {
        return layout(chosen, asked, budgetBytes, 0, 0).outputBytes();
    }

    /** What compress writes for a plan, to the byte. */
    ModelLayout layout(Plan plan) {
        List<Candidate> chosen =
                plan.matrices().stream().map(Plan.Choice::candidate).toList();
        return layout(chosen, request.budget(), plan.budgetBytes(), plan.objective(), plan.bound());
    }

    private ModelLayout layout(
            List<Candidate> chosen, MethodOptions.Budget asked, long budgetBytes, double objective, double bound) {
        CompressionJob job = new CompressionJob(
                request.software(),
                request.method().name(),
                request.limits().seed(),
                budgetBytes,
                objective,
                bound,
                request.options(
                        asked,
                        reader.importanceDigest(),
                        reader.objective().map(Objective::toString).orElse(""),
                        reader.sequential()));
        List<MatrixChoice> choices = new ArrayList<>();
        for (int i = 0; i < targets.size(); i++) {
            choices.add(new MatrixChoice(
                    targets.get(i).name(),
                    targets.get(i).transposed(),
                    request.method().name(),
                    chosen.get(i).format(),
                    chosen.get(i).rank(),
                    method().sharedAs(
                                    MatrixFormats.parse(chosen.get(i).format()),
                                    targets.get(i).rows(),
                                    targets.get(i).columns())));
        }
        return ModelLayout.of(checkpoint, job, choices);
    }

    private JobResult result(Plan plan) {
        List<MatrixEntry> stored = layout(plan).matrices();
        List<MatrixResult> matrices = new ArrayList<>();
        for (int i = 0; i < stored.size(); i++) {
            MatrixEntry matrix = stored.get(i);
            matrices.add(new MatrixResult(
                    matrix.name(),
                    matrix.rows(),
                    matrix.columns(),
                    matrix.method(),
                    matrix.format(),
                    matrix.rank(),
                    matrix.bytes(),
                    matrix.bitsPerWeight(),
                    plan.matrices().get(i).relativeError(),
                    OptionalDouble.empty()));
        }
        return result(plan, matrices, plan.relativeError(), OptionalDouble.empty(), plan.calibrationDivergence());
    }

    /** The result of a job with this plan and these matrices. */
    JobResult result(
            Plan plan,
            List<MatrixResult> matrices,
            OptionalDouble relativeError,
            OptionalDouble outputError,
            OptionalDouble divergence) {
        cap.broken().ifPresent(this::warn);
        double paperBits = plan.matrices().stream()
                .mapToDouble(choice -> choice.target().weights()
                        * request.method()
                                .paperBitsPerWeight(
                                        choice.candidate().format(),
                                        choice.target().rows(),
                                        choice.target().columns()))
                .sum();
        return new JobResult(
                request.method().name(),
                plan.weights(),
                8.0 * plan.bytes() / plan.weights(),
                paperBits / plan.weights(),
                plan.bytes(),
                plan.budgetBytes(),
                plan.note(),
                plan.outputBytes(),
                relativeError,
                outputError,
                divergence,
                reader.objective().map(Objective::toString),
                plan.objective(),
                plan.bound(),
                plan.gap(),
                (System.nanoTime() - startNanos) / 1e9,
                PeakMemory.bytes(),
                plan.uniform(),
                warnings,
                matrices);
    }

    /** Tells the user and the result. */
    void warn(String line) {
        warnings.add(line);
        progress.note("warning: " + OneLine.of(line));
    }

    JobRequest request() {
        return request;
    }

    /** The whole model in floats; the caller closes it. */
    Transformer model() {
        return Transformers.load(checkpoint);
    }

    /** The divergence on the calibration text of a model compressed layer behind layer; a warning when the plan's own is smaller. */
    double divergence(Plan plan, CalibrationTokens tokens, CompressedModel written) {
        Map<String, QuantizedMatrix> matrices = new HashMap<>();
        targets.forEach(target -> matrices.put(target.name(), written.matrix(target.name())));
        double measured = CalibrationJudge.divergence(checkpoint, tokens, matrices, workers);
        double parallel = plan.calibrationDivergence().getAsDouble();
        if (measured > parallel) {
            warn("compressed layer behind layer, the divergence on the calibration text is " + measured
                    + "; --no-sequential gives " + parallel);
        }
        return measured;
    }

    List<Target> targets() {
        return targets;
    }

    TargetReader reader() {
        return reader;
    }

    Workers workers() {
        return workers;
    }

    ProgressListener progress() {
        return progress;
    }

    @Override
    public void close() {
        if (reader != null) {
            reader.close();
        }
        checkpoint.close();
    }
}
