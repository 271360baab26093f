package dev.lowbit.store;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A model of several representations, and what tuning could make of it: other numbers for the same codes. */
final class TaskModels {
    static final String UNTOUCHED = "untouched";
    static final String SKETCH = "sketch";
    static final String SUM = "sum";
    static final String SET = "book-0";

    private static final String CODES = "codes";
    private static final String BOOK = "codebook";

    private TaskModels() {}

    static List<MatrixChoice> choices() {
        return List.of(
                choice(SKETCH, "sketch4-r2-f16", Optional.empty()),
                choice("coded", "sketch2-r1-t5-s6x64-bf16", Optional.empty()),
                choice("one", "lc3-g16-f16", Optional.of(SET)),
                choice("two", "lc3-g16-f16", Optional.of(SET)),
                choice(SUM, "nf3-g16-s8x4-bf16+r2-nf8", Optional.empty()),
                choice(UNTOUCHED, "sketch3-r1-bf16", Optional.empty()));
    }

    private static MatrixChoice choice(String name, String format, Optional<String> set) {
        int rank = MatrixFormats.parse(format).rank();
        return new MatrixChoice(name, false, "test", format, rank, set);
    }

    /** The source, whose vector {@code norm} is of the seed. */
    static Path source(Path folder, long seed) {
        try {
            Files.createDirectories(folder);
            Files.writeString(folder.resolve("config.json"), "{\"model_type\": \"llama\"}\n");
            TinyModels.write(
                    folder.resolve("model.safetensors"),
                    choices().stream()
                            .map(choice -> new SafetensorsWriter.Entry(choice.name(), DType.F32, List.of(5L, 64L)))
                            .toList(),
                    1);
            TinyModels.write(
                    folder.resolve("other.safetensors"),
                    List.of(new SafetensorsWriter.Entry("norm", DType.F32, List.of(7L))),
                    seed);
            Files.writeString(folder.resolve("model.safetensors.index.json"), index());
            return folder;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String index() {
        StringBuilder map = new StringBuilder("{\"weight_map\": {\"norm\": \"other.safetensors\"");
        choices().forEach(choice -> map.append(", \"").append(choice.name()).append("\": \"model.safetensors\""));
        return map.append("}}").toString();
    }

    /**
     * Compresses the source.
     *
     * @param bend 0 for the base; a task's numbers are those of weights w + bend w²
     */
    static Path compress(Path source, Path output, float bend, List<MatrixChoice> choices) {
        try (Checkpoint checkpoint = Checkpoint.open(source);
                WorkDirectory work = WorkDirectory.open(output, false);
                ModelWriter writer = ModelWriter.open(ModelLayout.of(checkpoint, TinyModels.JOB, choices), work)) {
            Part book = null;
            for (MatrixChoice choice : choices) {
                QuantizedMatrix matrix = tuned(checkpoint, choice, bend);
                if (choice.shared().isPresent()) {
                    if (book == null) {
                        book = part(matrix, BOOK);
                        writer.share(SET, List.of(book));
                    }
                    matrix = with(matrix, book);
                }
                writer.keep(choice.name(), matrix, Optional.empty());
            }
            writer.finish();
            return output;
        }
    }

    private static QuantizedMatrix tuned(Checkpoint checkpoint, MatrixChoice choice, float bend) {
        try (FloatMatrix weights = TinyModels.weights(checkpoint, choice);
                FloatMatrix bent = TinyModels.weights(checkpoint, choice)) {
            QuantizedMatrix matrix = TinyModels.compress(weights, choice.format());
            if (bend == 0 || choice.name().equals(UNTOUCHED)) {
                return matrix;
            }
            bend(bent, bend);
            if (matrix instanceof SumMatrix sum) {
                float[] values = Arrays.copyOf(bent.toArray(), sum.rank() * sum.rows());
                FloatMatrix left = FloatMatrix.wrap(sum.rank(), sum.rows(), values);
                return SumMatrix.of(
                        sum.base(), TinyModels.compress(left, sum.left().format()), sum.right());
            }
            return with(TinyModels.compress(bent, choice.format()), part(matrix, CODES));
        }
    }

    private static void bend(FloatMatrix weights, float bend) {
        for (int i = 0; i < weights.rows(); i++) {
            for (int j = 0; j < weights.columns(); j++) {
                float w = weights.get(i, j);
                weights.set(i, j, w + bend * w * w);
            }
        }
    }

    static Part part(QuantizedMatrix matrix, String name) {
        return matrix.parts().stream()
                .filter(part -> part.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static QuantizedMatrix with(QuantizedMatrix matrix, Part other) {
        Map<String, Part> parts = new LinkedHashMap<>();
        matrix.parts().forEach(part -> parts.put(part.name(), part));
        parts.put(other.name(), other);
        return MatrixFormats.read(matrix.format(), matrix.rows(), matrix.columns(), parts);
    }
}
