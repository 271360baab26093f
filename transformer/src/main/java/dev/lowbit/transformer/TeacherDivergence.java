package dev.lowbit.transformer;

import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/**
 * weight * Σ over rows of KL(teacher || student) = Σ_v p_T (ln p_T - ln p_S), summed over the vocabulary. The convention of
 * INT2-LREC is {@code weight} = 1 / sequences; the mean over tokens is {@code weight} = 1 / tokens.
 *
 * @param teacher gives the teacher's logits
 * @param weight factor of every row
 */
public record TeacherDivergence(Teacher teacher, double weight) implements TokenLoss {
    /** Logits of the teacher for some rows of the batch: rows x vocabulary, which the loss may modify. */
    @FunctionalInterface
    public interface Teacher {
        FloatMatrix logits(int firstRow, int rows, Workers workers);
    }

    @Override
    public double apply(int firstRow, FloatMatrix logits, Workers workers) {
        FloatMatrix reference = teacher.logits(firstRow, logits.rows(), workers);
        double[] losses = new double[logits.rows()];
        Tokens.forEach(logits.rows(), workers, (from, to) -> {
            float[] difference = new float[logits.columns()];
            for (int t = from; t < to; t++) {
                losses[t] = row(reference, logits, t, FloatMatrix.wrap(1, difference.length, difference));
            }
        });
        return Tokens.inOrder(losses);
    }

    private double row(FloatMatrix reference, FloatMatrix logits, int t, FloatMatrix scratch) {
        int n = logits.columns();
        long at = (long) t * n;
        double divergence = divergence(reference, logits, t, scratch);
        SoftmaxRow student = SoftmaxRow.of(logits, t);
        student.toProbabilities(logits, t, weight);
        double teacherSum = Kernels.get().dot(reference.segment(), at, Ones.of(n), 0, n);
        Kernels.get().axpy((float) (-weight / teacherSum), reference.segment(), at, logits.segment(), at, n);
        return weight * divergence;
    }

    /**
     * KL of one row: Σ p_T (t - s) + ln Σ e^s - ln Σ e^t.
     *
     * @param reference row t is modified: exponentials of the teacher's logits
     * @param student row t is not modified
     * @param scratch 1 x vocabulary, modified
     */
    static double divergence(FloatMatrix reference, FloatMatrix student, int t, FloatMatrix scratch) {
        int n = student.columns();
        long at = (long) t * n;
        scratch.copyFrom(student.rows(t, 1));
        double studentSum = SoftmaxRow.of(scratch, 0).logSum();
        Kernels.get().subtract(reference.segment(), at, student.segment(), at, scratch.segment(), 0, n);
        SoftmaxRow teacher = SoftmaxRow.of(reference, t);
        double expected = Kernels.get().dot(reference.segment(), at, scratch.segment(), 0, n) / teacher.sum();
        return expected + studentSum - teacher.logSum();
    }
}
