package dev.lowbit.pvtuning;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;

/** H, the second moment of a layer's inputs, I x I and exactly symmetric, and the products with it. Not modified by anybody. */
interface InputMoment {
    /** I. */
    int columns();

    /** H_ij. */
    double at(int i, int j);

    /** Whether a change of a weight changes Δ H at other inputs. */
    boolean couples();

    /**
     * Δ H as a new array.
     *
     * @param delta Δ, some rows of I values; not modified
     */
    double[] times(double[] delta, Workers workers);

    /** The same of the inputs in another order. */
    InputMoment permuted(int[] columns);

    /** The same with inputs added, up to so many, that are always zero. */
    InputMoment padded(int columns);

    /**
     * What a change of neighbouring weights does to Δ H from the first of them on: to[at + j] += Σ_i change[i] H[first + i, first + j].
     *
     * @param change of the weights from {@code first} on; not modified
     * @param to {@code length} values from {@code at} on are modified, no fewer than there are changes
     */
    void add(double[] change, int first, double[] to, int at, int length);

    /**
     * What changes of a block of columns do to Δ H behind it, where {@link #couples}: to[row, end + j] += Σ_i change[row, i] H[first + i, end + j].
     *
     * @param change rows x {@code stride}, of the columns from {@code first} to before {@code end}; not modified
     * @param to rows x I; modified
     */
    void addBehind(double[] change, int rows, int stride, int first, int end, double[] to);

    /** @throws InvalidRequestException for a value that is NaN or infinite */
    static void requireFinite(double value, int i, int j) {
        if (!Double.isFinite(value)) {
            throw InvalidRequestException.usage("the second moment of inputs " + i + " and " + j + " is " + value
                    + "; calibrate again with finite activations");
        }
    }
}
