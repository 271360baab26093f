package dev.lowbit.jobs.compare;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.InvalidRequestException.Kind;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.OutputDirectory;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.calibrate.CalibrationJob;
import dev.lowbit.jobs.calibrate.CalibrationText;
import dev.lowbit.jobs.compare.CompareResult.Row;
import dev.lowbit.jobs.compress.CompressJob;
import dev.lowbit.jobs.compress.TargetSelection;
import dev.lowbit.jobs.evaluate.EvaluationJob;
import dev.lowbit.jobs.tune.TuneJob;
import dev.lowbit.jobs.tune.TuneRequest;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.method.Compressor;
import dev.lowbit.store.FloatModel;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.WorkDirectory;
import dev.lowbit.transformer.Transformers;
import dev.lowbit.transformer.calibration.CalibrationFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The cells of one model. Its folder keeps the calibration, a cost table for each method, a folder for each cell and beside it a file of what is
 * known about it; whatever is there already is not done again.
 */
final class ModelComparison {
    private static final String FLOAT = "float";

    private final CompareRequest request;
    private final Path model;
    private final Path folder;
    private final String name;
    private final Workers workers;
    private final ProgressListener progress;
    private final SortedMap<String, String> source = new TreeMap<>();
    private final SortedMap<String, String> measured = new TreeMap<>();
    private final String calibrationDigest;
    private final int context;

    /**
     * Checks what can be checked before the work.
     *
     * @param folder of the model's cells
     * @throws InvalidRequestException (impossible) when the model is compressed, the folder lies in it, or results in the folder are of other
     *     inputs or options
     */
    ModelComparison(CompareRequest request, Path model, Path folder, Workers workers, ProgressListener progress) {
        this.request = request;
        this.model = model;
        this.folder = folder;
        this.name = folder.getFileName().toString();
        this.workers = workers;
        this.progress = progress;
        OutputDirectory.requireOutside(model, folder);
        calibrationDigest = Digest.sha256(request.calibration());
        measured.put("text", Digest.sha256(request.text()));
        measured.put("maxTokens", Integer.toString(request.maxTokens()));
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            FloatModel.require(checkpoint);
            context =
                    Transformers.shape(checkpoint.requireConfig("a comparison")).context();
            measured.put("context", Integer.toString(Math.min(context, EvaluationJob.USUAL_CONTEXT)));
            source.put("software", request.software());
            source.put("model", checkpoint.digest());
            source.put("tokenizer", settingsDigest(checkpoint.root()));
        }
        CellFile.read(file(FLOAT), source);
        cells().forEach(this::known);
    }

    /** Of all settings of the model, the tokenizer's among them, whose files it copies to its results. */
    private static String settingsDigest(Path root) {
        if (!Files.isDirectory(root)) {
            return "none";
        }
        MessageDigest all = Digest.sha256();
        try (Stream<Path> files = Files.list(root)) {
            for (Path file : files.filter(file -> file.toString().endsWith(".json"))
                    .sorted()
                    .toList()) {
                String line = file.getFileName() + " " + Digest.sha256(file) + "\n";
                all.update(line.getBytes(StandardCharsets.UTF_8));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + root + ": " + e, e);
        }
        return Digest.hex(all);
    }

    private List<Cell> cells() {
        List<Cell> cells = new ArrayList<>();
        for (Compressor method : request.methods()) {
            for (double bits : request.bits()) {
                cells.add(new Cell(method, bits, false));
                if (request.tune()) {
                    cells.add(new Cell(method, bits, true));
                }
            }
        }
        return cells;
    }

    private Path file(String cell) {
        return folder.resolve(cell + ".json");
    }

    private Optional<CellFile> known(Cell cell) {
        return CellFile.read(file(cell.name()), made(cell));
    }

    /** All that the bytes of a cell depend on. */
    private SortedMap<String, String> made(Cell cell) {
        SortedMap<String, String> made = new TreeMap<>(source);
        made.put("calibration", calibrationDigest);
        made.put("method", cell.method().name());
        made.put("bits", Cell.number(cell.bits()));
        made.put("rank", Integer.toString(request.limits().maxRank()));
        made.put("seed", Long.toString(request.limits().seed()));
        if (cell.tuned()) {
            made.putAll(request.tune(model, cell, folder).options(context));
        }
        return made;
    }

    /** Does what is not done yet; the same result as if nothing had been done before. */
    CompareResult.Model run() {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot create " + folder + ": " + e, e);
        }
        CellFile inFloats = CellFile.read(file(FLOAT), source).orElse(CellFile.made(source));
        Figures figures = measured(FLOAT, inFloats, model, Optional.empty()).figures();
        List<Row> rows = new ArrayList<>();
        for (Cell cell : cells()) {
            CellFile done = done(cell);
            // the budget is as small for what would be tuned
            if (!cell.tuned() || done.impossible().isEmpty()) {
                rows.add(new Row(
                        cell.method().name(), cell.bits(), cell.tuned(), done.figures(), false, done.impossible()));
            }
        }
        return new CompareResult.Model(name, figures, ParetoFront.mark(rows));
    }

    private CellFile done(Cell cell) {
        CellFile known = known(cell).filter(this::isMeasured).orElseGet(() -> make(cell));
        return measured(cell.name(), known, folder.resolve(cell.name()), Optional.of(model));
    }

    private boolean isMeasured(CellFile cell) {
        return cell.measured().equals(measured);
    }

    /** A cell with its figures, which are measured and kept unless it has them or there is nothing to measure. */
    private CellFile measured(String cell, CellFile known, Path path, Optional<Path> reference) {
        if (isMeasured(known) || known.impossible().isPresent()) {
            return known;
        }
        progress.note(name + ": measuring " + cell);
        EvaluationJob job = new EvaluationJob(
                path,
                Optional.empty(),
                reference,
                Optional.of(request.text()),
                Optional.empty(),
                OptionalInt.empty(),
                request.maxTokens(),
                Accuracy.EXACT,
                Optional.empty(),
                request.memoryBytes());
        CellFile done = known.measured(measured, Figures.of(job.run(workers, progress)));
        done.write(file(cell));
        return done;
    }

    /** Makes the model of a cell, unless it stands; {@code resume} lets a job that was stopped go on. */
    private CellFile make(Cell cell) {
        Optional<CellFile> known = known(cell);
        Path output = folder.resolve(cell.name());
        if (known.isPresent() && (known.get().impossible().isPresent() || Manifest.isIn(output))) {
            return known.get();
        }
        CellFile made = cell.tuned() ? tune(cell, output) : compress(cell, output);
        made.write(file(cell.name()));
        return made;
    }

    private CellFile compress(Cell cell, Path output) {
        Path statistics = calibrate();
        progress.note(name + ": making " + cell.name());
        Path costs = folder.resolve(cell.method().name() + ".costs");
        try {
            CompressJob.run(request.compress(model, cell, statistics, costs), output, true, workers, progress);
            return CellFile.made(made(cell));
        } catch (InvalidRequestException e) {
            if (e.kind() != Kind.BUDGET_TOO_SMALL) {
                throw e;
            }
            return CellFile.impossible(made(cell), e.getMessage());
        }
    }

    private CellFile tune(Cell cell, Path output) {
        CellFile untuned = make(cell.untuned());
        if (untuned.impossible().isPresent()) {
            return CellFile.impossible(made(cell), untuned.impossible().get());
        }
        TuneRequest tuning =
                request.tune(model, cell, folder.resolve(cell.untuned().name()));
        if (isTuned(tuning, output)) {
            // a run killed while it cleared the work directory leaves it
            try (WorkDirectory work = WorkDirectory.open(output, true)) {
                work.clear();
            }
        } else {
            progress.note(name + ": making " + cell.name());
            TuneJob.run(tuning, output, true, workers, progress);
        }
        return CellFile.made(made(cell));
    }

    /** Whether this very model stands: one that was published before it was noted, which a job has no state of any more to resume. */
    private boolean isTuned(TuneRequest tuning, Path output) {
        return Manifest.isIn(output)
                && Manifest.read(output)
                        .job()
                        .equals(TuneJob.job(
                                tuning, Manifest.read(tuning.input()), context, Optional.of(source.get("model"))));
    }

    /** The calibration file, made when it is first needed. */
    private Path calibrate() {
        Path file = folder.resolve("calibration.safetensors");
        if (Files.exists(file)) {
            requireSameCalibration(file);
            return file;
        }
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            CalibrationJob.run(
                    checkpoint,
                    CalibrationText.read(
                            request.calibration(),
                            checkpoint,
                            CalibrationText.DEFAULT_TOKENS,
                            OptionalInt.empty(),
                            new MemoryCap(request.memoryBytes())),
                    request.software(),
                    weight -> TargetSelection.isInputMajor(checkpoint, weight),
                    request.memoryBytes(),
                    file,
                    workers,
                    progress);
        }
        return file;
    }

    private void requireSameCalibration(Path file) {
        try (CalibrationFile found = CalibrationFile.open(file)) {
            boolean isSame = found.header()
                    .filter(header -> header.text().equals(calibrationDigest)
                            && header.model().equals(source.get("model"))
                            && header.software().equals(request.software()))
                    .isPresent();
            if (!isSame) {
                throw InvalidRequestException.impossible(file
                        + " is the calibration of another text, model or version of Lowbit; choose another --out, or"
                        + " remove it");
            }
        }
    }
}
