package dev.lowbit.jobs.export;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.SampleModels;
import dev.lowbit.jobs.compress.TargetSelection;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.Verifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Of every shared model the first matrices that the exchange layout can hold; a model with none is refused. And back again.
 */
class GptqGoldenTest {
    /** At most so many of a model, or its first matrix, so that a larger one takes no more time. */
    private static final long WEIGHTS = 2_000_000;

    @TempDir
    private Path folder;

    static List<Path> models() {
        return SharedData.models().stream()
                .filter(model -> Files.exists(model.resolve("config.json")))
                .toList();
    }

    private static List<String> fitting(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            List<TensorInfo> all = TargetSelection.standard().linear(checkpoint).stream()
                    .map(checkpoint::info)
                    .filter(info -> info.shape().stream().allMatch(size -> size % 32 == 0))
                    .toList();
            List<String> names = new ArrayList<>();
            long weights = 0;
            for (TensorInfo info : all) {
                weights += info.elements();
                if (names.isEmpty() || weights <= WEIGHTS) {
                    names.add(info.name());
                }
            }
            return names;
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void everyNumberIsTheModels(Path model) {
        List<String> names = fitting(model);
        List<Object> only = new ArrayList<>();
        names.forEach(name -> only.addAll(List.of("--only", "^" + Pattern.quote(name) + "$")));
        Path compressed = SampleModels.affine(model, folder.resolve("compressed"), "affine4-g32-f16", only.toArray());
        Path out = folder.resolve("gptq");
        Lowbit run = Lowbit.run("export", compressed, "--to", "gptq", "--out", out, "--quiet");
        if (names.isEmpty()) {
            assertThat(run.code()).isEqualTo(5);
            assertThat(run.err()).contains("multiples of 32");
            return;
        }
        assertThat(run.code()).as(run.err()).isZero();
        try (CompressedModel ours = CompressedModel.open(compressed);
                Checkpoint exported = Checkpoint.open(out)) {
            assertThat(PlainGptq.requireSame(ours, exported, 4, false)).isEqualTo(names.size());
        }
        Path back = folder.resolve("back");
        Lowbit imported = Lowbit.run("import", out, "--out", back, "--quiet");
        assertThat(imported.code()).as(imported.err()).isZero();
        assertThat(Verifier.verify(back)).isEmpty();
        try (CompressedModel ours = CompressedModel.open(compressed);
                CompressedModel theirs = CompressedModel.open(back)) {
            assertThat(theirs.names()).isEqualTo(ours.names());
            for (String name : names) {
                assertThat(PlainGptq.bits(theirs.matrix(name))).isEqualTo(PlainGptq.bits(ours.matrix(name)));
            }
        }
    }
}
