package dev.lowbit.jobs.compress;

import dev.lowbit.budget.Candidate;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.error.BeyondFormat;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.method.Compressor;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Transformers;
import dev.lowbit.transformer.calibration.CalibrationTokens;
import dev.lowbit.transformer.calibration.Divergence;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * KL(model || compressed model) on the calibration text: what decides between a mix and the best uniform formats. The whole model is
 * compressed for it, so what was measured is kept in the cost table.
 */
final class CalibrationJudge implements Planner.Judge {
    /** Tokens of the calibration text that are read, in windows evenly spaced over it. */
    private static final int TOKENS = 8192;

    private final Compressor method;
    private final Checkpoint checkpoint;
    private final TargetReader reader;
    private final List<Target> targets;
    private final CalibrationTokens tokens;
    private final CostTable table;
    private final SavedCosts saved;
    private final Workers workers;
    private final ProgressListener progress;

    /**
     * @param tokens of the calibration
     * @param table modified
     * @param saved its file
     */
    CalibrationJudge(
            Compressor method,
            Checkpoint checkpoint,
            TargetReader reader,
            List<Target> targets,
            CalibrationTokens tokens,
            CostTable table,
            SavedCosts saved,
            Workers workers,
            ProgressListener progress) {
        this.method = method;
        this.checkpoint = checkpoint;
        this.reader = reader;
        this.targets = targets;
        this.tokens = tokens;
        this.table = table;
        this.saved = saved;
        this.workers = workers;
        this.progress = progress;
    }

    @Override
    public double divergence(List<Candidate> chosen) {
        String key = key(chosen);
        OptionalDouble known = table.divergence(key);
        if (known.isPresent()) {
            return known.getAsDouble();
        }
        Map<String, QuantizedMatrix> compressed = compress(chosen);
        table.putDivergence(key, divergence(checkpoint, tokens, compressed, workers));
        saved.keep();
        return table.divergence(key).orElseThrow();
    }

    /** KL(model || model with these matrices), nats a token, on some windows of the calibration text. */
    static double divergence(
            Checkpoint checkpoint, CalibrationTokens tokens, Map<String, QuantizedMatrix> compressed, Workers workers) {
        try (Transformer model = Transformers.load(checkpoint)) {
            double divergence = Divergence.of(
                    model, tokens.spread(TOKENS), 1, variant -> compressed, done -> Cancellation.check(), workers)[0];
            // the last digit of a sum that should be zero may be negative
            return Math.max(0, divergence);
        }
    }

    private Map<String, QuantizedMatrix> compress(List<Candidate> chosen) {
        Map<String, QuantizedMatrix> compressed = new HashMap<>();
        long total = targets.stream().mapToLong(Target::weights).sum();
        try (ProgressListener.Stage stage = progress.stage("trying", total, "weights")) {
            for (int i = 0; i < chosen.size(); i++) {
                Cancellation.check();
                Target target = targets.get(i);
                Candidate candidate = chosen.get(i);
                try (TargetReader.Loaded loaded = reader.read(target)) {
                    compressed.put(
                            target.name(),
                            BeyondFormat.named(
                                    target.name(),
                                    () -> method.compress(
                                            target.name(),
                                            loaded.weights(),
                                            loaded.importance(),
                                            candidate,
                                            table.key().limits(),
                                            workers)));
                }
                stage.advance(target.weights());
            }
        }
        return compressed;
    }

    private String key(List<Candidate> chosen) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < chosen.size(); i++) {
            text.append(targets.get(i).name())
                    .append('\0')
                    .append(chosen.get(i).format())
                    .append('\n');
        }
        return Digest.sha256(text.toString().getBytes(StandardCharsets.UTF_8));
    }
}
