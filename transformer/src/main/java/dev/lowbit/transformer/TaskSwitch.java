package dev.lowbit.transformer;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.TaskFile;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * Switches a loaded compressed model between its tasks: layers get other matrices, nothing is loaded again. Not while another thread reads the
 * model. A {@link KeyValueCache} holds keys and values of the task that it was filled under; a new task begins with a new one.
 */
public final class TaskSwitch {
    private final CompressedModel base;
    private final List<Linear> layers;

    /** @param model of {@link Transformers#load(CompressedModel)}; its layers are modified by {@link #to} and {@link #toBase} */
    public TaskSwitch(Transformer model, CompressedModel base) {
        this.base = base;
        Set<String> compressed = new HashSet<>(base.names());
        Set<Linear> all = new LinkedHashSet<>(model.linears());
        all.add(model.embedding());
        all.add(model.head());
        this.layers =
                all.stream().filter(layer -> compressed.contains(layer.name())).toList();
    }

    /**
     * Makes the model that of a task.
     *
     * @param task of the same base; must stay open as long as the model is used with it
     * @throws MalformedFileException when a matrix of the task cannot be; the model stays as it was
     */
    public void to(TaskFile task) {
        if (task.base() != base) {
            throw new IllegalArgumentException(
                    "a task of " + task.base().directory() + " for the model of " + base.directory());
        }
        replace(task::matrix);
    }

    /** Makes the model the one that it was loaded as. */
    public void toBase() {
        replace(base::matrix);
    }

    private void replace(Function<String, QuantizedMatrix> weights) {
        List<QuantizedMatrix> others =
                layers.stream().map(layer -> weights.apply(layer.name())).toList();
        for (int i = 0; i < others.size(); i++) {
            layers.get(i).replace(others.get(i));
        }
    }
}
