package dev.lowbit.jobs.update;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.compeft.CompressedUpdate;
import dev.lowbit.compeft.Granularity;
import dev.lowbit.compeft.ScaleRule;
import dev.lowbit.compeft.TernaryTensor;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.SampleModels;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Adapters through {@code export --to compeft} and {@code import}. */
class AdapterUpdateTest extends UpdateRuns {
    private Path adapter(String name, long seed, String fields) throws IOException {
        return Adapters.write(folder.resolve(name), Adapters.two(seed), fields);
    }

    /** Those of all experts in one: rank times experts on one side, and of no target module. */
    @Test
    void factorsOfFusedExpertsAreTensorsLikeOthers() throws IOException {
        TensorFile tensors = Adapters.two(1)
                .put(Adapters.factor("layer.0.experts", "A"), DType.F32, TensorFile.gaussian(8 * 32, 5), 8, 32)
                .put(Adapters.factor("layer.0.experts", "B"), DType.F32, TensorFile.gaussian(16 * 8, 6), 16, 8);
        Path plain = Adapters.write(folder.resolve("plain"), tensors, "");
        refused(3, "layer.0.experts", "export", plain, "--to", "compeft");
        Path experts = Adapters.write(folder.resolve("experts"), tensors, ", \"target_parameters\": [\"experts.w\"]");
        done("update", "export", experts, "--to", "compeft");
        assertThat(update(folder.resolve("update")).tensors()).hasSize(6);
    }

    @Test
    void whatIsDecodedIsWhatTheFileSays() throws IOException {
        TensorFile tensors =
                Adapters.two(1).put("base_model.model.score.weight", DType.BF16, TensorFile.gaussian(60, 9), 6, 10);
        Path adapter = Adapters.write(folder.resolve("adapter"), tensors, ", \"lora_alpha\": 8");
        Lowbit run = lowbit("export", adapter, "--to", "compeft", "--out", folder.resolve("update"), "--json");
        assertThat(run.code()).as(run.err()).isZero();
        JsonNode result = JsonMapper.shared().readTree(run.out());
        CompressedUpdate update = update(folder.resolve("update"));
        // 2 x (32 + 48) x 4 factors in 4 bytes, 60 values in 2
        assertThat(result.get("entries").asLong()).isEqualTo(700);
        assertThat(result.get("originalBytes").asLong()).isEqualTo(640 * 4 + 60 * 2);
        assertThat(result.get("nonZeros").asLong()).isEqualTo(70).isEqualTo(update.nonZeros());
        long bytes = Files.size(folder.resolve("update").resolve("update.compeft"));
        assertThat(result.get("bytes").asLong()).isEqualTo(bytes);
        assertThat(result.get("ratio").asDouble()).isEqualTo(2680.0 / bytes);
        assertThat(result.get("ratio16").asDouble()).isEqualTo(1400.0 / bytes);
        assertThat(result.get("relativeError").asDouble()).isEqualTo(update.relativeError());
        assertThat(result.get("warnings").get(0).asString()).contains("1 of 5 tensors are no factors of LoRA");
        Path back = done("back", "import", folder.resolve("update"));
        for (Path directory : new Path[] {folder.resolve("update"), back}) {
            assertThat(directory.resolve("adapter_config.json"))
                    .hasSameBinaryContentAs(adapter.resolve("adapter_config.json"));
        }
        try (Checkpoint weights = Checkpoint.open(back.resolve("adapter_model.safetensors"))) {
            assertThat(weights.names())
                    .isEqualTo(
                            update.tensors().stream().map(TernaryTensor::name).toList());
            for (TernaryTensor tensor : update.tensors()) {
                assertThat(weights.info(tensor.name()).type()).isEqualTo(DType.F32);
                assertThat(weights.info(tensor.name()).shape()).isEqualTo(tensor.shape());
                assertThat(TensorFile.values(back.resolve("adapter_model.safetensors"), tensor.name()))
                        .isEqualTo(decoded(update, tensor.name()));
            }
        }
        // the relative error of what was decoded, from the two adapters alone
        double error = 0;
        double energy = 0;
        for (TernaryTensor tensor : update.tensors()) {
            float[] before = tensors.values(tensor.name());
            float[] after = decoded(update, tensor.name());
            for (int i = 0; i < before.length; i++) {
                double difference = (double) before[i] - after[i];
                error += difference * difference;
                energy += before[i] * (double) before[i];
            }
        }
        assertThat(result.get("relativeError").asDouble()).isCloseTo(Math.sqrt(error / energy), within(1e-9));
    }

    @Test
    void optionsDecideTheFile() throws IOException {
        Path adapter = adapter("adapter", 1, "");
        CompressedUpdate standard = update(done("standard", "export", adapter, "--to", "compeft"));
        assertThat(standard.settings().density()).isEqualTo(0.1);
        assertThat(standard.settings().scaleRule()).isEqualTo(ScaleRule.ALPHA_SIGMA);
        assertThat(standard.vectors()).hasSize(1);
        CompressedUpdate other =
                update(done("other", "export", adapter, "--to", "compeft", "--density", 0.25, "--alpha", 2));
        assertThat(other.nonZeros()).isEqualTo(160);
        assertThat(other.vectors().getFirst().scale())
                .isEqualTo((float) (2 * other.vectors().getFirst().deviation()));
        CompressedUpdate mean =
                update(done("mean", "export", adapter, "--to", "compeft", "--mean-magnitude", "--per-tensor"));
        assertThat(mean.settings().scaleRule()).isEqualTo(ScaleRule.MEAN_MAGNITUDE);
        assertThat(mean.settings().granularity()).isEqualTo(Granularity.PER_TENSOR);
        assertThat(mean.relativeError()).isLessThan(standard.relativeError());
    }

    /** Against a merge written down plainly. */
    @ParameterizedTest
    @EnumSource(MergeRule.class)
    void severalAreMerged(MergeRule rule) throws IOException {
        Path[] updates = new Path[3];
        CompressedUpdate[] read = new CompressedUpdate[3];
        for (int i = 0; i < 3; i++) {
            // the order of targets differs from file to file, as PEFT writes them
            Path adapter = adapter("adapter" + i, 10 * i, "");
            if (i == 1) {
                Path config = adapter.resolve("adapter_config.json");
                Files.writeString(config, Files.readString(config).replace("\"q\", \"v\"", "\"v\", \"q\""));
            }
            updates[i] = done("update" + i, "export", adapter, "--to", "compeft", "--density", 0.5);
            read[i] = update(updates[i]);
        }
        Path merged = done(
                "merged",
                "import",
                updates[0],
                updates[1],
                updates[2],
                "--merge",
                rule.name().toLowerCase(Locale.ROOT));
        for (TernaryTensor tensor : read[0].tensors()) {
            float[] found = TensorFile.values(merged.resolve("adapter_model.safetensors"), tensor.name());
            float[][] decoded = Arrays.stream(read)
                    .map(update -> decoded(update, tensor.name()))
                    .toArray(float[][]::new);
            for (int i = 0; i < found.length; i++) {
                double expected = merged(rule, decoded[0][i], decoded[1][i], decoded[2][i]);
                assertThat((double) found[i]).isCloseTo(expected, within(1e-7 * Math.abs(expected) + 1e-12));
            }
        }
    }

    private static double merged(MergeRule rule, double... values) {
        double sum = Arrays.stream(values).sum();
        return switch (rule) {
            case SUM -> sum;
            case MEAN -> sum / values.length;
            // where all magnitudes of a sign cancel, rounding of the plain sum does not decide: no scales here are
            // equal
            case TIES ->
                Arrays.stream(values).filter(value -> value * sum > 0).average().orElse(0);
        };
    }

    @Test
    void theBytesDoNotDependOnThreads() throws IOException {
        Path adapter = adapter("adapter", 1, "");
        Path one = done("one", "export", adapter, "--to", "compeft", "--threads", 1);
        Path four = done("four", "export", adapter, "--to", "compeft", "--threads", 4);
        assertThat(one.resolve("update.compeft")).hasSameBinaryContentAs(four.resolve("update.compeft"));
        assertThat(done("decoded", "import", one, "--threads", 1).resolve("adapter_model.safetensors"))
                .hasSameBinaryContentAs(
                        done("again", "import", one, "--threads", 4).resolve("adapter_model.safetensors"));
    }

    @ParameterizedTest
    @CsvSource({
        "2, a share above 0, --density 0",
        "2, a share above 0, --density 1.5",
        "2, a factor above 0, --alpha 0",
        "2, give one, --alpha 1 --mean-magnitude",
        "2, writes none, --dtype f16",
        "2, leave --base out, --base ."
    })
    void contradictoryOptionsAreRefused(int code, String words, String options) throws IOException {
        Path adapter = adapter("adapter", 1, "");
        Object[] command = Stream.concat(
                        Stream.of("export", adapter, "--to", "compeft"), Arrays.stream(options.split(" ")))
                .toArray();
        refused(code, words, command);
    }

    @ParameterizedTest
    @CsvSource({"safetensors, --density 0.5", "peft, --alpha 2", "gptq, --per-tensor", "aqlm, --mean-magnitude"})
    void otherFormatsTakeNoneOfThem(String format, String options) throws IOException {
        Path model = SampleModels.compressed(SampleModels.llama(folder.resolve("source")), folder.resolve("model"), 1);
        Object[] command = Stream.concat(Stream.of("export", model, "--to", format), Arrays.stream(options.split(" ")))
                .toArray();
        refused(2, "--to " + format + " takes none of them", command);
    }

    @Test
    void badAdaptersAreRefused() throws IOException {
        Path adapter = adapter("adapter", 1, "");
        Path config = adapter.resolve("adapter_config.json");
        String text = Files.readString(config);
        for (Map.Entry<String, Integer> other : Map.of("\"IA3\"", 4, "null", 4).entrySet()) {
            Files.writeString(config, text.replace("\"LORA\"", other.getKey()));
            refused(other.getValue(), "peft_type is", "export", adapter, "--to", "compeft");
        }
        Files.writeString(config, text.substring(0, 20));
        refused(3, "adapter_config.json", "export", adapter, "--to", "compeft");
        Files.writeString(config, text);
        float[] values = TensorFile.gaussian(6, 1);
        values[4] = Float.NaN;
        Adapters.two(1).put("n", DType.F16, values, 6).write(adapter.resolve("adapter_model.safetensors"));
        refused(3, "tensor n holds a NaN", "export", adapter, "--to", "compeft");
        Files.delete(adapter.resolve("adapter_model.safetensors"));
        refused(6, "adapter_model.safetensors", "export", adapter, "--to", "compeft");
        Files.write(adapter.resolve("adapter_model.bin"), new byte[] {(byte) 0x80, 2, 'c', 't', 'o', 'r', 'c', 'h'});
        refused(4, "pickle", "export", adapter, "--to", "compeft");
    }

    @Test
    void badImportsAreRefused() throws IOException {
        Path adapter = adapter("adapter", 1, "");
        Path update = done("update", "export", adapter, "--to", "compeft");
        Path none = Files.createDirectory(folder.resolve("none"));
        refused(2, "not compressed", "import", adapter);
        refused(2, "not compressed", "import", adapter, update, "--base", none);
        refused(2, "1 of the 2 folders hold no update", "import", update, none);
        refused(2, "2 of the 2 folders hold no update", "import", none, none);
        refused(2, "--base and --merge belong to updates", "import", none, "--merge", "ties");
        Path other = done(
                "other", "export", adapter("larger", 1, ", \"lora_alpha\": 16"), "--to", "compeft", "--density", 0.5);
        refused(5, "differ in lora_alpha", "import", update, other);
        byte[] file = Files.readAllBytes(update.resolve("update.compeft"));
        Files.write(update.resolve("update.compeft"), Arrays.copyOf(file, file.length - 3));
        refused(3, "update.compeft", "import", update);
        file[file.length / 2] ^= 4;
        Files.write(update.resolve("update.compeft"), file);
        refused(3, "update.compeft", "import", update);
        Lowbit again = lowbit("import", other, "--out", other.resolve("inside"));
        assertThat(again.code()).isEqualTo(5);
        assertThat(lowbit("import", other, "--out", adapter).code()).isEqualTo(5);
    }
}
