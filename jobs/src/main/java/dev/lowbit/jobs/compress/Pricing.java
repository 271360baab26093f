package dev.lowbit.jobs.compress;

import dev.lowbit.budget.Candidate;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.BeyondFormat;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.MethodOptions;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.method.Compressor;
import java.util.List;
import java.util.function.IntConsumer;

/** Fills a cost table, one matrix in memory at a time, and keeps its file up to date so that nothing is priced twice. */
final class Pricing {
    private final TargetReader reader;
    private final Compressor method;
    private final MethodOptions.Budget budget;
    private final Compressor.Limits limits;
    private final CostTable table;
    private final SavedCosts saved;
    private final Workers workers;
    private final ProgressListener progress;

    /**
     * @param budget a single format is not priced but confirmed, like any choice that was predicted
     * @param table modified
     * @param saved its file
     */
    Pricing(
            TargetReader reader,
            Compressor method,
            MethodOptions.Budget budget,
            CostTable table,
            SavedCosts saved,
            Workers workers,
            ProgressListener progress) {
        this.reader = reader;
        this.method = method;
        this.budget = budget;
        this.limits = table.key().limits();
        this.table = table;
        this.saved = saved;
        this.workers = workers;
        this.progress = progress;
    }

    /** Prices every target that the table lacks; those that it has are compared with the target. */
    void price(List<Target> targets) {
        targets.stream().filter(target -> table.has(target.name())).forEach(this::requireFits);
        List<Target> missing =
                targets.stream().filter(target -> !table.has(target.name())).toList();
        if (missing.isEmpty()) {
            return;
        }
        forEach("pricing", missing, i -> table.put(missing.get(i).name(), prices(missing.get(i))));
    }

    /** Measures predicted candidates, one for each of {@code targets}, and adds their errors to the table. */
    void confirm(List<Target> targets, List<Candidate> candidates) {
        forEach("confirming", targets, i -> {
            String name = targets.get(i).name();
            try (TargetReader.Loaded loaded = reader.read(targets.get(i))) {
                Candidate candidate = candidates.get(i);
                table.confirm(name, candidate.format(), confirmed(name, loaded, candidate));
            }
        });
    }

    /** The measured error; infinite where the format cannot hold the weights and there are others. */
    private double confirmed(String name, TargetReader.Loaded loaded, Candidate candidate) {
        double error = BeyondFormat.orInfinite(
                () -> method.confirm(name, loaded.weights(), loaded.importance(), candidate, limits, workers)
                        .error());
        if (error == Double.POSITIVE_INFINITY && budget instanceof MethodOptions.Budget.OneFormat) {
            throw InvalidRequestException.impossible(name + ": " + candidate.format()
                    + " cannot hold its values; take a format with bf16 or f32, or leave it out with --skip");
        }
        return error;
    }

    /** Runs a step for each target, after which the table has grown. */
    private void forEach(String stageName, List<Target> targets, IntConsumer step) {
        long total = targets.stream().mapToLong(Target::weights).sum();
        try (ProgressListener.Stage stage = progress.stage(stageName, total, "weights")) {
            for (int i = 0; i < targets.size(); i++) {
                Cancellation.check();
                step.accept(i);
                stage.advance(targets.get(i).weights());
                saved.keep();
            }
        }
    }

    private CostTable.Prices prices(Target target) {
        try (TargetReader.Loaded loaded = reader.read(target)) {
            List<Candidate> candidates = candidates(target, loaded);
            return new CostTable.Prices(
                    target.rows(),
                    target.columns(),
                    Norms.sumOfSquares(loaded.weights(), workers),
                    Norms.absMax(loaded.weights()),
                    candidates);
        }
    }

    private List<Candidate> candidates(Target target, TargetReader.Loaded loaded) {
        if (budget instanceof MethodOptions.Budget.OneFormat one) {
            MatrixFormat format = one.format();
            long bytes = method.bytes(format, target.rows(), target.columns());
            return List.of(new Candidate(format.id(), format.rank(), bytes, 0, false));
        }
        List<Candidate> candidates =
                method.price(target.name(), loaded.weights(), loaded.importance(), limits, workers).stream()
                        .filter(candidate -> candidate.error() < Double.POSITIVE_INFINITY)
                        .toList();
        if (candidates.isEmpty()) {
            throw method.noFormatHolds(target.name(), loaded.weights());
        }
        return candidates;
    }

    /** A table may have been changed by hand, but bytes are not a matter of opinion. */
    private void requireFits(Target target) {
        CostTable.Prices prices = table.prices(target.name());
        if (prices.rows() != target.rows() || prices.columns() != target.columns()) {
            throw changed(
                    target,
                    "is " + prices.rows() + " x " + prices.columns() + " there and " + target.rows() + " x "
                            + target.columns() + " in the input");
        }
        for (Candidate candidate : prices.candidates()) {
            long bytes = bytes(target, candidate);
            if (candidate.bytes() != bytes) {
                throw changed(
                        target,
                        candidate.format() + " has " + candidate.bytes() + " bytes there and " + bytes + " in truth");
            }
        }
    }

    private long bytes(Target target, Candidate candidate) {
        try {
            return method.bytes(MatrixFormats.parse(candidate.format()), target.rows(), target.columns());
        } catch (InvalidRequestException e) {
            throw changed(target, e.getMessage());
        }
    }

    private MalformedFileException changed(Target target, String detail) {
        return new MalformedFileException(
                saved.file().orElseThrow(),
                -1,
                Reason.BAD_JSON,
                target.name() + ": " + detail + "; correct the cost table or remove it");
    }
}
