package dev.lowbit.compeft;

import dev.lowbit.kernel.Workers;
import java.util.Arrays;
import java.util.List;

/**
 * Tensors as one vector τ of d values, without a copy. Passes over it are cut into tasks of a fixed size, so that what they give does not
 * depend on who runs them.
 */
final class FlatUpdate {
    /** Entries of a task: a multiple of 64, so that tasks write disjoint words of a mask. */
    static final int TASK = 1 << 18;

    /** Values shown at once; tasks are whole multiples of it. */
    private static final int BUFFER = 1 << 12;

    private final List<UpdateTensor> tensors;
    /** Where each tensor begins, and d. */
    private final long[] starts;

    FlatUpdate(List<UpdateTensor> tensors) {
        this.tensors = tensors;
        starts = new long[tensors.size() + 1];
        for (int i = 0; i < tensors.size(); i++) {
            starts[i + 1] = Math.addExact(starts[i], tensors.get(i).elements());
        }
    }

    List<UpdateTensor> tensors() {
        return tensors;
    }

    /** Where a tensor begins. */
    long start(int tensor) {
        return starts[tensor];
    }

    /** d. */
    long length() {
        return starts[tensors.size()];
    }

    int tasks() {
        return Math.toIntExact(Math.ceilDiv(length(), TASK));
    }

    /** Sees consecutive values, {@code count} of them, the first with index {@code at}; the array is used again for the next. */
    interface Visitor {
        void accept(double[] values, int count, long at);
    }

    /** As {@link Visitor}, and returns a number. */
    interface Term {
        double of(double[] values, int count, long at);
    }

    /** Shows entries {@code from} to {@code to - 1} in order. */
    void scan(long from, long to, Visitor visitor) {
        double[] values = new double[(int) Math.min(BUFFER, to - from)];
        for (long at = from; at < to; at += BUFFER) {
            int count = (int) Math.min(BUFFER, to - at);
            read(at, values, count);
            visitor.accept(values, count, at);
        }
    }

    /** Shows all entries, different tasks to different threads, and returns the sum of the numbers in the order of the entries. */
    double sum(Workers workers, Term term) {
        double[] parts = new double[tasks()];
        workers.forEach(parts.length, task -> {
            long from = (long) task * TASK;
            scan(
                    from,
                    Math.min(from + TASK, length()),
                    (values, count, at) -> parts[task] += term.of(values, count, at));
        });
        double sum = 0;
        for (double part : parts) {
            sum += part;
        }
        return sum;
    }

    /** The tensor that holds an entry. */
    int tensorOf(long index) {
        int found = Arrays.binarySearch(starts, index);
        if (found < 0) {
            return -found - 2;
        }
        // tensors of no entries begin where the next one begins
        int tensor = found;
        while (starts[tensor + 1] == index) {
            tensor++;
        }
        return tensor;
    }

    private void read(long from, double[] values, int count) {
        int tensor = tensorOf(from);
        for (int done = 0; done < count; tensor++) {
            UpdateTensor source = tensors.get(tensor);
            long first = from + done - starts[tensor];
            int part = (int) Math.min(count - done, source.elements() - first);
            Elements.read(source.type(), source.data(), first, values, done, part);
            done += part;
        }
    }
}
