package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.sketch.SketchFormat;
import dev.lowbit.matrix.sketch.SketchMatrix;
import dev.lowbit.matrix.sketch.SketchSamples;
import dev.lowbit.matrix.sketch.StoredTables;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.CompressionJob;
import dev.lowbit.store.MatrixChoice;
import dev.lowbit.store.ModelLayout;
import dev.lowbit.store.ModelWriter;
import dev.lowbit.store.TaskFile;
import dev.lowbit.store.TaskWriter;
import dev.lowbit.store.WorkDirectory;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One loaded model of sketches and two tasks: what it computes is what a model loaded for the task computes, to the bit. */
class TaskSwitchTest {
    private static final SketchFormat FORMAT =
            SketchFormat.parseIfSketch("sketch3-r1-f16").orElseThrow();
    private static final Workers SERIAL = Workers.serial();
    private static final float[] FACTORS = {1, 1.5f, -0.75f};

    @TempDir
    private Path folder;

    private final TokenBatch batch = TokenBatch.of(new int[] {1, 4, 2, 8, 5, 7}, new int[] {3, 1, 4, 1, 5, 9, 2});

    private boolean tied;

    /** The model with all matrices sketched, embedding and head too, and its tables times a factor. */
    private CompressedModel compressed(int index) {
        Path source = folder.resolve("source");
        new SmallModels(new ModelShape(12, 2, 4, 2, 6, 20, 17, 16), true, "silu", true, tied, 7).write(source);
        try (Checkpoint checkpoint = Checkpoint.open(source)) {
            List<MatrixChoice> choices = checkpoint.names().stream()
                    .filter(name -> checkpoint.info(name).isMatrix())
                    .map(name -> new MatrixChoice(name, false, "test", FORMAT.id(), 0))
                    .toList();
            CompressionJob job = new CompressionJob("test", "test", 0, 1 << 20, 0, 0, new TreeMap<>());
            Path output = folder.resolve("model" + index);
            try (WorkDirectory work = WorkDirectory.open(output, false);
                    ModelWriter writer = ModelWriter.open(ModelLayout.of(checkpoint, job, choices), work)) {
                for (MatrixChoice choice : choices) {
                    try (FloatMatrix weights = checkpoint.matrix(choice.name())) {
                        SketchMatrix sketch = SketchSamples.matrix(weights, FORMAT);
                        writer.keep(choice.name(), scaled(sketch, FACTORS[index]), Optional.empty());
                    }
                }
                writer.finish();
            }
            return CompressedModel.open(output);
        }
    }

    private static SketchMatrix scaled(SketchMatrix sketch, float factor) {
        float[] values = sketch.tables().toArray();
        for (int i = 0; i < values.length; i++) {
            values[i] *= factor;
        }
        return sketch.with(
                StoredTables.round(values, FORMAT.entries(), FORMAT.tables()).orElseThrow());
    }

    private float[] logits(Transformer model) {
        try (Workspace space = new Workspace();
                FloatMatrix logits =
                        FloatMatrix.allocate(batch.tokens(), model.shape().vocabulary())) {
            model.logits(model.hidden(batch, space, SERIAL), logits, SERIAL);
            return logits.toArray();
        }
    }

    private float[] loaded(CompressedModel model) {
        try (Transformer transformer = Transformers.load(model)) {
            return logits(transformer);
        }
    }

    private TaskFile task(CompressedModel base, CompressedModel tuned) {
        Path file = folder.resolve(tuned.directory().getFileName() + ".safetensors");
        TaskWriter.write(base, tuned, file);
        return TaskFile.open(file, base);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void fromTaskToTaskAndBack(boolean sharedHead) {
        tied = sharedHead;
        try (CompressedModel base = compressed(0);
                CompressedModel first = compressed(1);
                CompressedModel second = compressed(2);
                TaskFile one = task(base, first);
                TaskFile two = task(base, second);
                Transformer model = Transformers.load(base)) {
            float[] before = logits(model);
            TaskSwitch tasks = new TaskSwitch(model, base);
            tasks.to(one);
            assertThat(logits(model)).isEqualTo(loaded(first)).isNotEqualTo(before);
            tasks.to(two);
            assertThat(logits(model)).isEqualTo(loaded(second)).isNotEqualTo(before);
            tasks.to(one);
            assertThat(logits(model)).isEqualTo(loaded(first));
            tasks.toBase();
            assertThat(logits(model)).isEqualTo(before).isEqualTo(loaded(base));
            for (Linear layer : model.linears()) {
                assertThat(one.matrix(layer.name()).parts().getFirst().bytes().address())
                        .isEqualTo(two.matrix(layer.name())
                                .parts()
                                .getFirst()
                                .bytes()
                                .address())
                        .isEqualTo(layer.weight().parts().getFirst().bytes().address());
            }
            assertThatThrownBy(() -> new TaskSwitch(model, first).to(one))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("model1");
        }
    }

    /** The last matrix cannot be read: no layer may have moved by then. */
    @ParameterizedTest
    @ValueSource(strings = {"lm_head.weight", "model.layers.1.mlp.down_proj.weight"})
    void aTaskThatCannotBeLeavesTheModelAsItWas(String name) {
        try (CompressedModel base = compressed(0);
                CompressedModel first = compressed(1);
                TaskFile one = task(base, first);
                TaskFile broken = broken(base, name);
                Transformer model = Transformers.load(base)) {
            TaskSwitch tasks = new TaskSwitch(model, base);
            tasks.to(one);
            float[] before = logits(model);
            assertThatThrownBy(() -> tasks.to(broken))
                    .isInstanceOf(MalformedFileException.class)
                    .hasMessageContaining(name);
            assertThat(logits(model)).isEqualTo(before);
        }
    }

    private TaskFile broken(CompressedModel base, String name) {
        String tensor = name + ".tables";
        byte[] infinite = new byte[base.entry(name).rows() * FORMAT.entries() * Short.BYTES];
        infinite[1] = 0x7c;
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("format", "lowbit-task");
        metadata.put("version", "1");
        metadata.put("lowbit.base", base.digest());
        metadata.put("sha256:" + tensor, Digest.sha256(infinite));
        List<Long> shape = List.of((long) base.entry(name).rows(), (long) FORMAT.entries());
        Path file = folder.resolve("broken.safetensors");
        try (SafetensorsWriter writer = SafetensorsWriter.create(
                file, metadata, List.of(new SafetensorsWriter.Entry(tensor, DType.F16, shape)))) {
            writer.write(MemorySegment.ofArray(infinite));
            writer.finish();
        }
        return TaskFile.open(file, base);
    }
}
