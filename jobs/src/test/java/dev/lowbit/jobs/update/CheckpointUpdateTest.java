package dev.lowbit.jobs.update;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.compeft.CompressedUpdate;
import dev.lowbit.compeft.TernaryTensor;
import dev.lowbit.jobs.SampleModels;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Differences of checkpoints through {@code export --to compeft} and {@code import}. */
class CheckpointUpdateTest extends UpdateRuns {
    private static TensorFile model() {
        return new TensorFile()
                .put("a.weight", DType.F32, TensorFile.gaussian(600, 1), 20, 30)
                .put("b.weight", DType.BF16, TensorFile.gaussian(500, 2), 25, 20)
                .put("c.weight", DType.F16, TensorFile.gaussian(64, 3), 64)
                .put("untouched", DType.F32, TensorFile.gaussian(50, 4), 50);
    }

    private static TensorFile tuned() {
        return model().nudge("a.weight", 5).nudge("b.weight", 6).nudge("c.weight", 7);
    }

    @Test
    void theBaseTakesTheUpdateInItsOwnTypes() {
        Path base = model().write(folder.resolve("base.safetensors"));
        Path tuned = tuned().write(folder.resolve("tuned.safetensors"));
        Path directory = done("update", "export", tuned, "--base", base, "--to", "compeft", "--density", 0.4);
        CompressedUpdate update = update(directory);
        assertThat(update.tensors())
                .extracting(TernaryTensor::name)
                .containsExactly("a.weight", "b.weight", "c.weight");
        assertThat(update.nonZeros()).isEqualTo(Math.round(0.4 * (600 + 500 + 64)));
        requireDifferences(update);
        Path merged = done("merged", "import", directory, "--base", base).resolve("base.safetensors");
        TensorFile after = TensorFile.of(merged);
        for (TernaryTensor tensor : update.tensors()) {
            float[] expected = model().values(tensor.name());
            float[] step = decoded(update, tensor.name());
            for (int i = 0; i < expected.length; i++) {
                expected[i] += step[i];
            }
            DType type =
                    tensor.name().startsWith("a") ? DType.F32 : tensor.name().startsWith("b") ? DType.BF16 : DType.F16;
            assertThat(after.values(tensor.name())).isEqualTo(TensorFile.rounded(type, expected));
        }
        assertThat(after.values("untouched")).isEqualTo(model().values("untouched"));
    }

    /** Signs are those of the differences, and what is kept has the largest magnitudes. */
    private static void requireDifferences(CompressedUpdate update) {
        double leastKept = Double.MAX_VALUE;
        double mostDropped = 0;
        for (TernaryTensor tensor : update.tensors()) {
            float[] before = model().values(tensor.name());
            float[] after = tuned().values(tensor.name());
            float[] step = decoded(update, tensor.name());
            for (int i = 0; i < step.length; i++) {
                float difference = after[i] - before[i];
                if (step[i] == 0) {
                    mostDropped = Math.max(mostDropped, Math.abs(difference));
                } else {
                    assertThat(Math.signum(step[i])).isEqualTo(Math.signum(difference));
                    leastKept = Math.min(leastKept, Math.abs(difference));
                }
            }
        }
        assertThat(leastKept).isGreaterThanOrEqualTo(mostDropped);
    }

    /** An update that leaves a tensor alone has zeros there. */
    @Test
    void updatesOfDifferentTensorsAreMerged() {
        Path base = model().write(folder.resolve("base.safetensors"));
        Path one = done(
                "one",
                "export",
                model().nudge("a.weight", 5).write(folder.resolve("1.safetensors")),
                "--base",
                base,
                "--to",
                "compeft");
        Path two = done(
                "two", "export", tuned().write(folder.resolve("2.safetensors")), "--base", base, "--to", "compeft");
        Path merged = done("merged", "import", one, two, "--merge", "mean", "--base", base)
                .resolve("base.safetensors");
        float[] expected = model().values("b.weight");
        float[] step = decoded(update(two), "b.weight");
        for (int i = 0; i < expected.length; i++) {
            expected[i] += step[i] / 2;
        }
        assertThat(TensorFile.values(merged, "b.weight")).isEqualTo(TensorFile.rounded(DType.BF16, expected));
    }

    @Test
    void shardsInFoldersStayInThem() throws IOException {
        Path base = folder.resolve("base");
        for (String part : List.of("one", "two")) {
            Files.createDirectories(base.resolve(part));
        }
        model().remove("b.weight").remove("c.weight").write(base.resolve("one/w.safetensors"));
        model().remove("a.weight").remove("untouched").write(base.resolve("two/w.safetensors"));
        Files.writeString(base.resolve("model.safetensors.index.json"), """
                {"weight_map": {"a.weight": "one/w.safetensors", "untouched": "one/w.safetensors",
                 "b.weight": "two/w.safetensors", "c.weight": "two/w.safetensors"}}""");
        Path tuned = tuned().write(folder.resolve("tuned.safetensors"));
        Path update = done("update", "export", tuned, "--base", base, "--to", "compeft");
        Path merged = done("merged", "import", update, "--base", base);
        Path whole = done("whole", "import", update, "--base", model().write(folder.resolve("whole-base.safetensors")));
        for (String name : List.of("a.weight", "b.weight", "c.weight", "untouched")) {
            assertThat(TensorFile.values(merged, name))
                    .isEqualTo(TensorFile.values(whole.resolve("whole-base.safetensors"), name));
        }
        assertThat(merged.resolve("one/w.safetensors")).isRegularFile();
        assertThat(merged.resolve("two/w.safetensors")).isRegularFile();
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        Path base = model().write(folder.resolve("base.safetensors"));
        Path tuned = tuned().write(folder.resolve("tuned.safetensors"));
        refused(2, "--base", "export", tuned, "--to", "compeft");
        refused(5, "no tensor of", "export", base, "--base", base, "--to", "compeft");
        List<TensorFile> others = List.of(
                model().remove("a.weight"),
                model().put("more", DType.F32, new float[2], 2),
                model().put("a.weight", DType.F32, new float[600], 30, 20),
                model().put("a.weight", DType.F16, new float[600], 20, 30));
        List<String> words = List.of("has no tensor a.weight", "also has tensor more", "[30, 20]", "as F16");
        for (int i = 0; i < others.size(); i++) {
            Path other = others.get(i).write(folder.resolve("other" + i + ".safetensors"));
            refused(5, words.get(i), "export", tuned, "--base", other, "--to", "compeft");
        }
        Path update = done("update", "export", tuned, "--base", base, "--to", "compeft");
        refused(2, "give what it is added to", "import", update);
        refused(5, "has no tensor a.weight", "import", update, "--base", folder.resolve("other0.safetensors"));
        refused(5, "as [30, 20]", "import", update, "--base", folder.resolve("other2.safetensors"));
        Path compressed =
                SampleModels.compressed(SampleModels.llama(folder.resolve("source")), folder.resolve("compressed"), 0);
        refused(2, "two of a kind", "export", tuned, "--base", compressed, "--to", "compeft");
        refused(5, "has no part a.weight", "import", update, "--base", compressed);
        float[] values = tuned().values("a.weight");
        values[17] = Float.POSITIVE_INFINITY;
        tuned().replace("a.weight", values).write(tuned);
        refused(3, "tensor a.weight holds a NaN", "export", tuned, "--base", base, "--to", "compeft");
    }

    @Test
    void otherElementTypesAreNamed() throws IOException {
        float[] zeros = new float[8];
        float[] ones = new float[8];
        Arrays.fill(ones, 1);
        Path base = new TensorFile().put("x", DType.F32, zeros, 8).write(folder.resolve("base.safetensors"));
        Path tuned = new TensorFile().put("x", DType.F32, ones, 8).write(folder.resolve("tuned.safetensors"));
        // the same bytes under the name of another type of that width
        for (Path file : List.of(base, tuned)) {
            byte[] bytes = Files.readAllBytes(file);
            String header = new String(bytes, StandardCharsets.ISO_8859_1).replace("\"F32\"", "\"I32\"");
            Files.write(file, header.getBytes(StandardCharsets.ISO_8859_1));
        }
        refused(4, "tensor x is I32", "export", tuned, "--base", base, "--to", "compeft");
    }
}
