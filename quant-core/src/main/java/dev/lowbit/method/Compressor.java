package dev.lowbit.method;

import dev.lowbit.budget.Candidate;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import java.util.Optional;

/**
 * What a compression method is: it prices the ways to store a matrix and turns weights into one of them. Found by
 * ServiceLoader; never chooses a budget itself. Same arguments, same bytes, for any {@link Workers}.
 */
public interface Compressor {
    /** The name on the command line, for example {@code lq-lora}. */
    String name();

    /**
     * The method for one model: one whose matrices have parts in common learns from all of them what these are, now or when they are first
     * asked for. What it learns is a function of weights, importance and limits alone, so that a resumed job learns the same again.
     *
     * @param model readable as long as the method is used
     */
    default Compressor forModel(ModelWeights model, Limits limits, Workers workers) {
        return this;
    }

    /**
     * The set of shared parts that stands for the format's {@link MatrixFormat#shareable} parts in a matrix of this shape; empty when the matrix
     * has parts of its own.
     */
    default Optional<String> sharedAs(MatrixFormat format, int rows, int columns) {
        return Optional.empty();
    }

    /**
     * The parts of a set that {@link #sharedAs} names, in the order of the format.
     *
     * @throws IllegalArgumentException when there is no such set
     */
    default List<Part> shared(String id) {
        throw new IllegalArgumentException(name() + " shares nothing as " + id);
    }

    /** Exact stored bytes of a matrix, without what it shares: what its candidates cost beside the shared sets. */
    default long bytes(MatrixFormat format, int rows, int columns) {
        long all = format.bytes(rows, columns);
        return sharedAs(format, rows, columns).isEmpty() ? all : all - format.shareableBytes(rows, columns);
    }

    /**
     * The cost table of one matrix: every useful way to store it with exact {@link #bytes}, and an error that is exact for rank 0 and
     * predicted ({@code exact == false}) for the rest. Empty when no format can hold the weights.
     *
     * @param name the tensor's name; keys the random stream
     * @param weights rows x columns, finite; not modified
     */
    List<Candidate> price(String name, FloatMatrix weights, Importance importance, Limits limits, Workers workers);

    /** What to say of a matrix that {@link #price} has nothing for. */
    default InvalidRequestException noFormatHolds(String name, FloatMatrix weights) {
        return InvalidRequestException.impossible(name + " has a weight of magnitude " + Norms.absMax(weights)
                + ", and no format that " + name() + " prices can hold it; scale it, leave it out with --skip, or take"
                + " another --method, or --format with bf16 or f32 scales or tables");
    }

    /**
     * Replaces the prediction of a candidate by a measured error that {@link #compress} with the same seed never exceeds.
     *
     * @param weights rows x columns, finite; not modified
     */
    Candidate confirm(
            String name,
            FloatMatrix weights,
            Importance importance,
            Candidate candidate,
            Limits limits,
            Workers workers);

    /**
     * A candidate whose error was measured inside a method, as {@link #confirm} is to give it: raised by what the rounding of floats may add
     * before a file is measured. A method measures (W - L) - Q, a file is measured as W - (Q + L), and each of these operations rounds a
     * value of about W once.
     *
     * @param error the objective as the method adds it up
     * @param weights W, rows x columns; not modified
     */
    static Candidate confirmed(
            Candidate candidate, double error, FloatMatrix weights, Importance importance, Workers workers) {
        double norm = Math.sqrt(error) + 4 * 0x1p-24 * Math.sqrt(importance.of(weights, workers));
        return new Candidate(candidate.format(), candidate.rank(), candidate.bytes(), norm * norm, true);
    }

    /**
     * Compresses one matrix into the candidate's format. The result has exactly the candidate's bytes, and the parts of the set that
     * {@link #sharedAs} names.
     *
     * @param weights rows x columns, finite; not modified
     */
    QuantizedMatrix compress(
            String name,
            FloatMatrix weights,
            Importance importance,
            Candidate candidate,
            Limits limits,
            Workers workers);

    /** Whether {@link #compress} can write this format. */
    boolean writes(MatrixFormat format);

    /** What the method has trained end to end in its results, where that is asked for without saying what. */
    default Tunable.Extent tuned() {
        return Tunable.Extent.ALL;
    }

    /**
     * Bytes of scratch memory that compressing a rows x columns matrix needs beside the weights themselves.
     *
     * @param weighted whether there is an importance other than {@link Importance.Uniform}
     */
    long scratchBytes(int rows, int columns, Limits limits, boolean weighted);

    /** The part of {@link #scratchBytes} that lies on the Java heap, where that is more than small change. */
    default long heapBytes(int rows, int columns, Limits limits, boolean weighted) {
        return 0;
    }

    /**
     * Bytes of Java heap that every worker takes beside these, where that is more than small change.
     *
     * @param weighted as of {@link #scratchBytes}
     */
    default long workerBytes(int columns, Limits limits, boolean weighted) {
        return 0;
    }

    /**
     * Whether the method's arrays, where it has such, can be long enough for a rows x columns matrix.
     *
     * @param weighted as of {@link #scratchBytes}
     */
    default boolean takes(int rows, int columns, boolean weighted) {
        return true;
    }

    /** The bits per weight by the method's own paper (its rules about what counts), for a report beside the true figure. */
    double paperBitsPerWeight(String format, int rows, int columns);

    /**
     * What the caller restricts.
     *
     * @param minRank every candidate has at least this rank (clamped to the matrix)
     * @param maxRank no candidate has more
     * @param groupSize weights per block scale, or 0 for all the method knows
     * @param seed root seed of every random choice
     */
    record Limits(int minRank, int maxRank, int groupSize, long seed) {
        public Limits {
            if (minRank < 0 || maxRank < minRank) {
                throw new IllegalArgumentException(
                        "ranks need 0 <= minimum <= maximum, got " + minRank + " and " + maxRank);
            }
        }
    }
}
