package dev.lowbit.sketchtune;

import dev.lowbit.budget.Candidate;
import dev.lowbit.error.BeyondFormat;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.sketch.SketchFormat;
import dev.lowbit.matrix.sketch.SketchMatrix;
import dev.lowbit.matrix.sketch.StoredTables;
import dev.lowbit.method.Compressor;
import dev.lowbit.method.FormatPrices;
import dev.lowbit.method.FormatPrices.Priced;
import dev.lowbit.method.MatrixJob;
import dev.lowbit.store.MeasuredError;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * SketchTune (arXiv 2410.06364): every group of a row becomes a small table of values and an index for each weight, learned so that errors cancel
 * out in the layer's outputs; {@code lowbit tune} then trains the tables. See docs/methods/sketchtune.md.
 */
public final class SketchTune implements Compressor {
    /** p of the column weights; 2 is what the sweep itself adds up. */
    private static final double EXPONENT = 2;

    /** Of what is small. */
    private static final long SMALL_BYTES = 4 << 20;

    private static final int REFITS = 8;

    /** When prices are asked for; the rest gains about as much for all formats. */
    private static final int ROUGH_REFITS = 1;

    /** For ServiceLoader; {@link #builder()} compresses a single matrix to a budget. */
    public SketchTune() {}

    /** Starts the description of how to compress single matrices. */
    public static MatrixJob.Builder builder() {
        return new MatrixJob.Builder(new SketchTune());
    }

    @Override
    public String name() {
        return "sketchtune";
    }

    @Override
    public List<Candidate> price(
            String name, FloatMatrix weights, Importance importance, Limits limits, Workers workers) {
        if (limits.minRank() > 0) {
            throw InvalidRequestException.usage(
                    "sketchtune has no low-rank part, but --min-rank is " + limits.minRank() + "; take 0");
        }
        List<SketchFormat> formats = SketchGrid.formats(limits.groupSize(), weights.columns());
        // where pairs of weights count, the rounds that prices leave out may also end higher once tables are rounded
        boolean pairs = importance instanceof Hessian;
        return FormatPrices.of(weights, importance, formats, SketchTune::errors, workers).stream()
                .map(Priced::candidate)
                .map(price -> new Candidate(
                        price.format(), price.rank(), price.bytes(), price.error(), price.exact() && !pairs))
                .toList();
    }

    /** What formats cost; those of the same codes share what was learned before rounding, which is in memory for one of them at a time. */
    private static double[] errors(
            FloatMatrix weights, Importance importance, List<SketchFormat> formats, Workers workers) {
        double[] errors = new double[formats.size()];
        Map<SketchFormat, List<Integer>> sameCodes = new LinkedHashMap<>();
        for (int i = 0; i < errors.length; i++) {
            SketchFormat format = formats.get(i).with(formats.getFirst().tables());
            sameCodes.computeIfAbsent(format, same -> new ArrayList<>()).add(i);
        }
        try (Problem problem = Problem.of(weights, importance, workers)) {
            sameCodes.forEach((codes, indices) -> {
                Sketch sketch = problem.learn(codes, ROUGH_REFITS);
                for (int i : indices) {
                    SketchFormat format = formats.get(i);
                    errors[i] = BeyondFormat.orInfinite(
                            () -> MeasuredError.of(weights, problem.store(sketch.copy(), format), importance, workers)
                                    .weightedError());
                }
            });
        }
        return errors;
    }

    @Override
    public Candidate confirm(
            String name,
            FloatMatrix weights,
            Importance importance,
            Candidate candidate,
            Limits limits,
            Workers workers) {
        QuantizedMatrix matrix = compress(name, weights, importance, candidate, limits, workers);
        double error = MeasuredError.of(weights, matrix, importance, workers).weightedError();
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
        MatrixFormat parsed = MatrixFormats.parse(candidate.format());
        if (!writes(parsed)) {
            throw InvalidRequestException.usage(
                    "sketchtune does not write the format " + parsed.id() + "; take one like sketch3-r1-f16");
        }
        SketchFormat format = (SketchFormat) parsed;
        try (Problem problem = Problem.of(weights, importance, workers)) {
            return problem.store(problem.learn(format, REFITS), format);
        }
    }

    /** One matrix and what an error in it costs. */
    private record Problem(FloatMatrix weights, RowObjective objective, Optional<Curvature> curvature)
            implements AutoCloseable {
        static Problem of(FloatMatrix weights, Importance importance, Workers workers) {
            Norms.requireFinite(weights);
            if (importance instanceof Hessian hessian) {
                Curvature curvature = Curvature.of(hessian, workers);
                return new Problem(
                        weights,
                        new HessianObjective(weights, curvature, new ExactClustering(), EXPONENT, workers),
                        Optional.of(curvature));
            }
            return new Problem(weights, new WeightedObjective(weights, importance, workers), Optional.empty());
        }

        Sketch learn(SketchFormat format, int refits) {
            Sketch sketch = Sketch.empty(weights.rows(), weights.columns(), format.groups(), format.entries());
            SketchLearner.learn(objective, sketch, refits);
            return sketch;
        }

        /** @param sketch modified */
        SketchMatrix store(Sketch sketch, SketchFormat format) {
            StoredTables tables = TableRounding.apply(objective, sketch, format.tables());
            MemorySegment codes = PackedCodes.pack(sketch.codes(), format.codeBits());
            return SketchMatrix.of(weights.rows(), weights.columns(), format, codes, tables);
        }

        @Override
        public void close() {
            objective.close();
            curvature.ifPresent(Curvature::close);
        }
    }

    @Override
    public boolean writes(MatrixFormat format) {
        return format instanceof SketchFormat;
    }

    /** Four matrices of floats and codes, with inputs of these three in double and four of floats, and tables. */
    @Override
    public long scratchBytes(int rows, int columns, Limits limits, boolean weighted) {
        return 32L * rows * columns
                + tableBytes(rows, columns, limits)
                + (weighted ? 40L * columns * columns : 0)
                + SMALL_BYTES;
    }

    /** Codes, a copy of the curvature, the second moment and its factor in double, and tables. */
    @Override
    public long heapBytes(int rows, int columns, Limits limits, boolean weighted) {
        return 6L * rows * columns
                + tableBytes(rows, columns, limits)
                + (weighted ? 32L * columns * columns : 0)
                + SMALL_BYTES;
    }

    /** Of the largest tables: in double twice, in float, and what rounding makes of them. On short rows they are more than the codes. */
    private static long tableBytes(int rows, int columns, Limits limits) {
        return 32L * rows * SketchGrid.mostEntries(limits.groupSize(), columns);
    }

    /** The equations of some rows; where no pairs of weights count they are small. */
    @Override
    public long workerBytes(int columns, Limits limits, boolean weighted) {
        return weighted ? NormalEquations.bytes(columns, SketchGrid.mostEntries(limits.groupSize(), columns)) : 0;
    }

    @Override
    public boolean takes(int rows, int columns, boolean weighted) {
        return (!weighted || Shape.fitsArray(columns, columns)) && Shape.fitsArray(rows, columns);
    }

    /** As the paper counts: four bits for every code, whatever its size, and tables in 16 bits. */
    @Override
    public double paperBitsPerWeight(String format, int rows, int columns) {
        if (!(MatrixFormats.parse(format) instanceof SketchFormat sketch)) {
            throw InvalidRequestException.usage("sketchtune does not write the format " + format);
        }
        return 4 + 16.0 * sketch.groups() * sketch.entries() / columns;
    }
}
