package dev.lowbit.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.SafetensorsWriter.Entry;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;

class StoreProperties {
    /** A tensor of a random model, and in which format it is stored; null to leave it as it is. */
    private record Tensor(String name, DType type, List<Long> shape, boolean transposed, String format) {}

    @Provide
    Arbitrary<List<Tensor>> models() {
        Arbitrary<String> names = Arbitraries.strings()
                .withChars("abz.09_- \"\\/\u00e4\u4e16\n")
                .ofMinLength(1)
                .ofMaxLength(40);
        Arbitrary<Long> sides = Arbitraries.longs().between(1, 70);
        Arbitrary<String> formats = Arbitraries.of(
                "nf4-g64-s8x256-fp32", "nf3-g16-f16", "int2-g7-s3x5-bf16-flat", "nf2-g32-s4x16-bf16+r1-nf8", "bf16");
        Arbitrary<Tensor> compressed = Combinators.combine(names, sides, sides, Arbitraries.of(true, false), formats)
                .as((name, rows, columns, transposed, format) ->
                        new Tensor(name, DType.F32, List.of(rows, columns), transposed, format));
        Arbitrary<Tensor> carried = Combinators.combine(
                        names,
                        Arbitraries.of(DType.U8, DType.F16, DType.F64, DType.I32, DType.F8_E4M3, DType.F32),
                        Arbitraries.longs().between(0, 9).list().ofMaxSize(4))
                .as((name, type, shape) -> new Tensor(name, type, shape, false, null));
        return Arbitraries.oneOf(compressed, carried).list().ofMaxSize(6).uniqueElements(Tensor::name);
    }

    @Property(tries = 25, shrinking = ShrinkingMode.BOUNDED)
    void anyModelIsWrittenAsPlannedAndVerifies(@ForAll("models") List<Tensor> tensors) throws IOException {
        Path temp = Files.createTempDirectory("store");
        try {
            List<Entry> entries = tensors.stream()
                    .map(tensor -> new Entry(tensor.name(), tensor.type(), tensor.shape()))
                    .toList();
            Path source = temp.resolve("model.safetensors");
            TinyModels.write(source, entries, tensors.size());
            List<MatrixChoice> choices = new ArrayList<>();
            for (Tensor tensor : tensors) {
                if (tensor.format() != null) {
                    int rank = tensor.format().contains("+r1") ? 1 : 0;
                    choices.add(new MatrixChoice(tensor.name(), tensor.transposed(), "lq-lora", tensor.format(), rank));
                }
            }
            Path output = TinyModels.compressModel(source, temp.resolve("out"), choices);
            Map<String, Long> sizes = new TreeMap<>();
            TinyModels.contents(output).forEach((name, bytes) -> sizes.put(name, (long) bytes.length));
            try (Checkpoint checkpoint = Checkpoint.open(source)) {
                assertThat(ModelLayout.of(checkpoint, TinyModels.JOB, choices).fileSizes())
                        .isEqualTo(sizes);
            }
            assertThat(Verifier.verify(output)).isEmpty();
            assertThat(Manifest.read(output).matrices()).hasSize(choices.size());
        } finally {
            WorkDirectory.deleteTree(temp);
        }
    }
}
