package dev.lowbit.pvtuning;

import dev.lowbit.budget.Candidate;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.additive.AdditiveMatrix;
import dev.lowbit.method.Compressor;
import dev.lowbit.method.MatrixJob;
import dev.lowbit.method.ModelWeights;
import dev.lowbit.method.Tunable;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.tensor.Shape;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * Vector quantization tuned layer by layer: AQLM's sums of codewords (arXiv 2401.06118) under the steps of PV-Tuning (arXiv 2405.14852). A matrix that is
 * large beside its codebooks has its own; the others share those of their shape, learned from the whole model. See docs/methods/pv-tuning.md.
 */
public final class PvTuning implements Compressor {
    /** What {@link #confirm} reports; compress goes on from there. */
    private static final MatrixQuantizer.Effort CONFIRMED = new MatrixQuantizer.Effort(4, 2, 2);

    private static final MatrixQuantizer.Effort ALL = new MatrixQuantizer.Effort(4, 2, 2, 8);

    /** What shared codebooks are learned from, and the layers of a model that is refined whole. */
    private static final long MODEL_BYTES = 320L << 20;

    private final Optional<SharedCodebooks> shared;

    /** For ServiceLoader; {@link #builder()} compresses a single matrix to a budget. */
    public PvTuning() {
        this(Optional.empty());
    }

    private PvTuning(Optional<SharedCodebooks> shared) {
        this.shared = shared;
    }

    /** Starts the description of how to compress single matrices, with codebooks of their own. */
    public static MatrixJob.Builder builder() {
        return new MatrixJob.Builder(new PvTuning());
    }

    @Override
    public String name() {
        return "pv-tuning";
    }

    @Override
    public Compressor forModel(ModelWeights model, Limits limits, Workers workers) {
        return new PvTuning(Optional.of(new SharedCodebooks(model, limits.seed(), workers)));
    }

    @Override
    public Optional<String> sharedAs(MatrixFormat format, int rows, int columns) {
        return shared.isPresent() && writes(format)
                ? Optional.of(CodeShape.of((AdditiveFormat) format))
                        .filter(shape -> !shape.isOwn(rows, columns))
                        .map(CodeShape::id)
                : Optional.empty();
    }

    @Override
    public List<Part> shared(String id) {
        AdditiveFormat format = AdditiveFormat.parseIfAdditive(id + "-row-f32")
                .filter(this::writes)
                .orElseThrow(() -> new IllegalArgumentException(id + " is no shape of codebooks"));
        double[] codewords = shared.orElseThrow().refined(CodeShape.of(format));
        return AdditiveMatrix.codebooks(format, MatrixQuantizer.floats(codewords));
    }

    @Override
    public List<Candidate> price(
            String name, FloatMatrix weights, Importance importance, Limits limits, Workers workers) {
        SharedCodebooks books =
                shared.orElseGet(() -> new SharedCodebooks(single(name, weights, importance), limits.seed(), workers));
        return PvPrices.of(this, name, weights, importance, books, limits, workers);
    }

    private static ModelWeights single(String name, FloatMatrix weights, Importance importance) {
        return new ModelWeights() {
            @Override
            public List<Shape> matrices() {
                return List.of(new Shape(name, weights.rows(), weights.columns()));
            }

            @Override
            public void visit(Shape matrix, BiConsumer<FloatMatrix, Importance> visitor) {
                visitor.accept(weights, importance);
            }
        };
    }

    @Override
    public Candidate confirm(
            String name,
            FloatMatrix weights,
            Importance importance,
            Candidate candidate,
            Limits limits,
            Workers workers) {
        double error = run(name, weights, importance, candidate, CONFIRMED, limits, workers)
                .error();
        return new Candidate(candidate.format(), candidate.rank(), candidate.bytes(), error, true);
    }

    @Override
    public QuantizedMatrix compress(
            String name,
            FloatMatrix weights,
            Importance importance,
            Candidate candidate,
            Limits limits,
            Workers workers) {
        return run(name, weights, importance, candidate, ALL, limits, workers).matrix();
    }

    private MatrixQuantizer.Result run(
            String name,
            FloatMatrix weights,
            Importance importance,
            Candidate candidate,
            MatrixQuantizer.Effort effort,
            Limits limits,
            Workers workers) {
        MatrixFormat parsed = MatrixFormats.parse(candidate.format());
        if (!writes(parsed)) {
            throw InvalidRequestException.usage(
                    "pv-tuning does not write the format " + parsed.id() + "; take one like aq2x8-g8-row-bf16");
        }
        AdditiveFormat format = (AdditiveFormat) parsed;
        WeightedMoment moment = WeightedMoment.of(importance, weights.rows(), weights.columns(), workers);
        if (sharedAs(format, weights.rows(), weights.columns()).isEmpty()) {
            return MatrixQuantizer.withOwn(name, weights, importance, moment, format, limits.seed(), effort, workers);
        }
        double[] codewords = shared.orElseThrow().refined(CodeShape.of(format));
        return MatrixQuantizer.withCodewords(
                name, weights, importance, moment, format, codewords, limits.seed(), effort, workers);
    }

    /** Tiles of one row with one scale for the row. */
    @Override
    public boolean writes(MatrixFormat format) {
        return format instanceof AdditiveFormat additive && additive.outGroup() == 1 && additive.scaleColumns() == 0;
    }

    /** The name of the method: codes are tuned as well as values. */
    @Override
    public Tunable.Extent tuned() {
        return Tunable.Extent.CODES;
    }

    /** Twelve matrices of doubles (weights, two states and what they are multiplied with), with an importance six of inputs x inputs, and the sample of the model. */
    @Override
    public long scratchBytes(int rows, int columns, Limits limits, boolean weighted) {
        return heapBytes(rows, columns, limits, weighted);
    }

    /** Everything is double precision in arrays. */
    @Override
    public long heapBytes(int rows, int columns, Limits limits, boolean weighted) {
        long padded = mostColumns(columns);
        return Double.BYTES * (12L * rows * padded + (weighted ? 6 * padded * padded : 0)) + MODEL_BYTES;
    }

    @Override
    public boolean takes(int rows, int columns, boolean weighted) {
        int padded = mostColumns(columns);
        return (!weighted || Shape.fitsArray(padded, padded)) && Shape.fitsArray(rows, padded);
    }

    /** Columns with those that complete the last group, whatever the format. */
    private static int mostColumns(int columns) {
        return Math.toIntExact(Math.min(Integer.MAX_VALUE, columns + AdditiveFormat.MAX_IN_GROUP - 1L));
    }

    /** As the papers count: codes, codebooks in 16 bits where a matrix has its own, and 16 bits for every scale. */
    @Override
    public double paperBitsPerWeight(String format, int rows, int columns) {
        MatrixFormat parsed = MatrixFormats.parse(format);
        if (!writes(parsed)) {
            throw InvalidRequestException.usage("pv-tuning does not write the format " + format);
        }
        AdditiveFormat additive = (AdditiveFormat) parsed;
        CodeShape shape = CodeShape.of(additive);
        double codeBits = (double) rows * additive.tileColumns(columns) * shape.codebooks() * shape.codeBits();
        long bookBytes = sharedAs(parsed, rows, columns).isPresent() ? 0 : shape.codebookBytes();
        return (codeBits + 8.0 * bookBytes + 16.0 * rows) / ((double) rows * columns);
    }
}
