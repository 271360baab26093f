package dev.lowbit.jobs;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.compress.Target;
import dev.lowbit.jobs.compress.TargetSelection;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.additive.AdditiveSamples;
import dev.lowbit.matrix.sum.FreshFactors;
import dev.lowbit.matrix.sum.SumFormat;
import dev.lowbit.store.CompressionJob;
import dev.lowbit.store.MatrixChoice;
import dev.lowbit.store.ModelLayout;
import dev.lowbit.store.ModelWriter;
import dev.lowbit.store.WorkDirectory;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/** Compressed models of additive matrices that no method decided: random codes and codewords under the scales of the weights. */
public final class AdditiveModels {
    private static final String CODEBOOKS = "codebooks";

    private AdditiveModels() {}

    /** Every linear layer in one format. */
    public static Path write(Path source, Path out, String format) {
        return write(source, out, TargetSelection.standard(), name -> format, Optional.empty());
    }

    /**
     * Some matrices in formats of their own.
     *
     * @param formats the format of a name; one that is null stays in floats
     * @param shared the id of the codebooks that all share; empty for none
     */
    public static Path write(
            Path source, Path out, TargetSelection selection, UnaryOperator<String> formats, Optional<String> shared) {
        try (Checkpoint checkpoint = Checkpoint.open(source);
                WorkDirectory work = WorkDirectory.open(out, false)) {
            List<MatrixChoice> choices = new ArrayList<>();
            for (Target target : selection.of(checkpoint)) {
                String format = formats.apply(target.name());
                if (format != null) {
                    choices.add(new MatrixChoice(
                            target.name(),
                            target.transposed(),
                            "test",
                            format,
                            MatrixFormats.parse(format).rank(),
                            shared));
                }
            }
            CompressionJob job = new CompressionJob("test", "test", 0, 0, 0, 0, new TreeMap<>());
            try (ModelWriter writer = ModelWriter.open(ModelLayout.of(checkpoint, job, choices), work)) {
                Optional<Part> common = shared.map(id -> codebooks(matrix(checkpoint, choices.getFirst())));
                common.ifPresent(part -> writer.share(shared.orElseThrow(), List.of(part)));
                for (MatrixChoice choice : choices) {
                    writer.keep(choice.name(), with(matrix(checkpoint, choice), common), Optional.empty());
                }
                writer.finish();
            }
        }
        return out;
    }

    private static QuantizedMatrix matrix(Checkpoint checkpoint, MatrixChoice choice) {
        try (FloatMatrix weights = checkpoint.matrix(choice.name(), choice.transposed())) {
            MatrixFormat format = MatrixFormats.parse(choice.format());
            if (format instanceof SumFormat sum) {
                QuantizedMatrix base = AdditiveSamples.matrix(weights, (AdditiveFormat) sum.base());
                return FreshFactors.add(base, sum.rank(), RandomStream.of(1, "test", choice.name()));
            }
            return AdditiveSamples.matrix(weights, (AdditiveFormat) format);
        }
    }

    private static Part codebooks(QuantizedMatrix matrix) {
        return matrix.parts().stream()
                .filter(part -> part.name().equals(CODEBOOKS))
                .findFirst()
                .orElseThrow();
    }

    private static QuantizedMatrix with(QuantizedMatrix matrix, Optional<Part> codebooks) {
        Map<String, Part> parts = new LinkedHashMap<>();
        matrix.parts().forEach(part -> parts.put(part.name(), part));
        codebooks.ifPresent(part -> parts.put(CODEBOOKS, part));
        return MatrixFormats.read(matrix.format(), matrix.rows(), matrix.columns(), parts);
    }
}
