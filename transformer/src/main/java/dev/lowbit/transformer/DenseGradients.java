package dev.lowbit.transformer;

import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Sums dense gradients by tensor name: dyᵀ x for linear layers in whatever representation, rows for tables. Fisher weights
 * and codes chosen by gradient start here. Owns its memory.
 */
public final class DenseGradients implements GradientSink, AutoCloseable {
    private final Predicate<String> wanted;
    private final Map<String, FloatMatrix> gradients = new LinkedHashMap<>();
    private final int vocabulary;
    private final int context;

    /** Gradients of the parameters whose name is {@code wanted}. */
    public DenseGradients(ModelShape shape, Predicate<String> wanted) {
        this.wanted = wanted;
        this.vocabulary = shape.vocabulary();
        this.context = shape.context();
    }

    /** The sums so far by name; live. */
    public Map<String, FloatMatrix> gradients() {
        return gradients;
    }

    /** Sets all sums to zero. */
    public void clear() {
        gradients.values().forEach(g -> g.segment().fill((byte) 0));
    }

    @Override
    public boolean wants(String name) {
        return wanted.test(name);
    }

    private FloatMatrix of(String name, int rows, int columns) {
        return gradients.computeIfAbsent(name, n -> FloatMatrix.allocate(rows, columns));
    }

    @Override
    public void linear(Linear layer, FloatMatrix x, FloatMatrix dy, Workers workers) {
        Gemm.multiply(dy, true, x, false, of(layer.name(), dy.columns(), x.columns()), Gemm.Mode.ADD, workers);
    }

    @Override
    public void vector(String name, float[] gradient) {
        FloatMatrix sum = of(name, 1, gradient.length);
        Kernels.get().axpy(1, MemorySegment.ofArray(gradient), 0, sum.segment(), 0, gradient.length);
    }

    @Override
    public void rows(Table table, String name, int[] indices, FloatMatrix dx) {
        FloatMatrix sum = of(name, table == Table.TOKENS ? vocabulary : context, dx.columns());
        int n = dx.columns();
        for (int t = 0; t < indices.length; t++) {
            Kernels.get().axpy(1, dx.segment(), (long) t * n, sum.segment(), (long) indices[t] * n, n);
        }
    }

    @Override
    public void close() {
        gradients.values().forEach(FloatMatrix::close);
        gradients.clear();
    }
}
