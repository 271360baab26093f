package dev.lowbit.jobs.compress;

import dev.lowbit.importance.Importance;
import dev.lowbit.method.ModelWeights;
import dev.lowbit.tensor.FloatMatrix;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

/** The targets of a job as a method sees them. */
final class TargetWeights implements ModelWeights {
    private final TargetReader reader;
    private final Map<Shape, Target> targets = new LinkedHashMap<>();

    TargetWeights(TargetReader reader, List<Target> targets) {
        this.reader = reader;
        targets.forEach(target -> this.targets.put(new Shape(target.name(), target.rows(), target.columns()), target));
    }

    @Override
    public List<Shape> matrices() {
        return List.copyOf(targets.keySet());
    }

    @Override
    public void visit(Shape matrix, BiConsumer<FloatMatrix, Importance> visitor) {
        Cancellation.check();
        try (TargetReader.Loaded loaded = reader.read(targets.get(matrix))) {
            visitor.accept(loaded.weights(), loaded.importance());
        }
    }
}
