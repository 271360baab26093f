package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.dense.FloatWeights;
import dev.lowbit.method.Tunable;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.Linear;
import dev.lowbit.transformer.TeacherDivergence;
import dev.lowbit.transformer.TokenBatch;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Transformers;
import dev.lowbit.transformer.TunableGradients;
import dev.lowbit.transformer.Workspace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every stored run of the original's optimizer on the divergence of a tiny Llama, done again by {@link PvStep} with gradients of the transformer. */
class TinyLlamaRunsGoldenTest {
    private static final double CODE_RATE = 3e-3;
    private static final double RATE = 1e-3;
    private static final int BEAM = 4;
    private static final Workers SERIAL = Workers.serial();

    @TempDir
    Path folder;

    private static Path file(String prefix) {
        return SharedData.files("golden/pv-tuning", prefix, "safetensors").getFirst();
    }

    static Stream<String> methods() {
        try (GoldenFile runs = new GoldenFile(file("tiny_llama_runs"))) {
            List<String> names = runs.names().stream().sorted().toList();
            assertThat(names).isNotEmpty();
            return names.stream();
        }
    }

    /** The settings of a stored run, by the words of its name. */
    private static PvSettings settings(String name) {
        List<String> words = Arrays.asList(name.substring("trace.".length()).split("_"));
        if (words.contains("lamb")) {
            PvSettings published = PvSettings.published();
            return published.with(published.reselection().withBeam(BEAM));
        }
        double fraction = words.contains("1pct") ? 0.01 : 1;
        PvSettings settings =
                words.contains("direct") ? PvSettings.direct(fraction) : PvSettings.straightThrough(fraction);
        Reselection codes = settings.reselection().withBeam(BEAM);
        settings = settings.with(words.contains("force") ? codes.forced() : codes);
        return switch (words.getFirst()) {
            case "P" -> PvSettings.parametersOnly().withRates(RATE, 0);
            case "V" -> settings.withRates(0, CODE_RATE);
            default -> settings.withRates(RATE, CODE_RATE);
        };
    }

    /** The tolerances stated with the data: 1e-5 where no random numbers are drawn, else no more than 5 % above. */
    @ParameterizedTest
    @MethodSource("methods")
    void endsWhereTheOriginalDoes(String name) throws IOException {
        double[] stored;
        try (GoldenFile runs = new GoldenFile(file("tiny_llama_runs"))) {
            stored = runs.numbers(name);
        }
        double[] losses = losses(settings(name), stored.length - 1, name, 0);
        assertThat(losses[0]).isCloseTo(stored[0], within(1e-5 * stored[0]));
        if (settings(name).codeRate() == 0) {
            for (int i = 0; i < losses.length; i++) {
                assertThat(losses[i]).as("step " + i).isCloseTo(stored[i], within(1e-5 * stored[i]));
            }
        } else {
            // the stored run drew its orders of codebooks, and ends of such runs lie up to a tenth apart: one of three
            // has to come as near as the data's README asks
            double least = last(losses);
            for (int draw = 1; draw < 3 && least > 1.05 * last(stored); draw++) {
                least = Math.min(least, last(losses(settings(name), stored.length - 1, name, draw)));
            }
            assertThat(least).isLessThanOrEqualTo(1.05 * last(stored));
        }
    }

    /** Codes and codebooks together beat codebooks alone. */
    @Test
    void codesAreWorthIt() throws IOException {
        double parameters = last(losses(settings("trace.P_only"), 30, "P", 0));
        double both = last(losses(settings("trace.PV_ste_full"), 30, "PV", 0));
        System.out.printf(
                "codes and codebooks: %.3f of the divergence that codebooks alone leave%n", both / parameters);
        // by how much depends on the data
        assertThat(both).isLessThan(parameters);
    }

    private static double last(double[] values) {
        return values[values.length - 1];
    }

    private double[] losses(PvSettings settings, int steps, String name, int draw) throws IOException {
        try (GoldenFile golden = new GoldenFile(file("tiny_llama."));
                Checkpoint checkpoint = Checkpoint.open(writeTeacher(golden, folder.resolve(name + draw)));
                Transformer teacher = Transformers.load(checkpoint);
                Transformer student = Transformers.load(checkpoint);
                Workspace space = new Workspace();
                Workspace teacherSpace = new Workspace()) {
            Map<String, AdditiveWeights> weights = new LinkedHashMap<>();
            Map<String, PvStep> tuned = new LinkedHashMap<>();
            Map<String, Tunable> gradients = new LinkedHashMap<>();
            for (Linear layer : student.linears()) {
                String shortName = "init." + shortName(layer.name());
                if (golden.has(shortName + ".codes")) {
                    AdditiveWeights start = weights(golden, shortName);
                    RandomStream random = RandomStream.of(1 + draw, name, layer.name());
                    weights.put(layer.name(), start);
                    tuned.put(layer.name(), new PvStep(start, settings, random, SERIAL));
                    Tunable dense = Tunable.of(new FloatWeights(decoded(start)), Tunable.Extent.ALL, SERIAL)
                            .orElseThrow();
                    gradients.put(layer.name(), dense);
                    layer.replace(dense.matrix());
                }
            }
            int[] ids = golden.ints("tokens");
            int length = Math.toIntExact(golden.shape("tokens").getLast());
            int[][] sequences = new int[ids.length / length][];
            Arrays.setAll(sequences, s -> Arrays.copyOfRange(ids, s * length, (s + 1) * length));
            TokenBatch batch = TokenBatch.of(sequences);
            int vocabulary = teacher.shape().vocabulary();
            FloatMatrix logits = FloatMatrix.wrap(ids.length, vocabulary, new float[ids.length * vocabulary]);
            teacher.logits(teacher.hidden(batch, teacherSpace, SERIAL), logits, SERIAL);
            TeacherDivergence loss = new TeacherDivergence(
                    (first, rows, workers) -> FloatMatrix.wrap(
                            rows, vocabulary, logits.rows(first, rows).toArray()),
                    1.0 / ids.length);
            double[] losses = new double[steps + 1];
            for (int step = 0; step <= steps; step++) {
                losses[step] = student.backward(batch, loss, new TunableGradients(gradients), space, SERIAL);
                for (Map.Entry<String, PvStep> one : tuned.entrySet()) {
                    Tunable.TrainablePart part =
                            gradients.get(one.getKey()).parts().getFirst();
                    one.getValue().step(doubles(part.gradient().toArray()));
                    part.gradient().segment().fill((byte) 0);
                    part.values().copyFrom(decoded(weights.get(one.getKey())));
                }
            }
            gradients.values().forEach(Tunable::close);
            return losses;
        }
    }

    private static AdditiveWeights weights(GoldenFile golden, String name) {
        List<Long> codes = golden.shape(name + ".codes");
        List<Long> books = golden.shape(name + ".codebooks");
        int outGroup = Math.toIntExact(books.get(2));
        int inGroup = Math.toIntExact(books.get(3));
        Tiling tiling = new Tiling(
                Math.toIntExact(codes.get(0)) * outGroup, Math.toIntExact(codes.get(1)) * inGroup, outGroup, inGroup);
        int[] all = Arrays.stream(golden.numbers(name + ".codes"))
                .mapToInt(code -> (int) code)
                .toArray();
        return new AdditiveWeights(
                tiling,
                Math.toIntExact(books.get(0)),
                Math.toIntExact(books.get(1)),
                golden.numbers(name + ".codebooks"),
                all,
                golden.numbers(name + ".scales"));
    }

    private static FloatMatrix decoded(AdditiveWeights weights) {
        double[] values = weights.decode();
        float[] floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) values[i];
        }
        return FloatMatrix.wrap(weights.tiling().rows(), weights.tiling().columns(), floats);
    }

    private static double[] doubles(float[] floats) {
        double[] doubles = new double[floats.length];
        Arrays.setAll(doubles, i -> floats[i]);
        return doubles;
    }

    private static final Map<String, String> NAMES = Map.of(
            "q", "self_attn.q_proj",
            "k", "self_attn.k_proj",
            "v", "self_attn.v_proj",
            "o", "self_attn.o_proj",
            "gate", "mlp.gate_proj",
            "up", "mlp.up_proj",
            "down", "mlp.down_proj",
            "n1", "input_layernorm",
            "n2", "post_attention_layernorm");

    /** The tensor's name in a checkpoint. */
    private static String longName(String shortName) {
        return switch (shortName) {
            case "embed" -> "model.embed_tokens.weight";
            case "norm" -> "model.norm.weight";
            case "head" -> "lm_head.weight";
            default -> {
                String[] words = shortName.split("\\.");
                yield "model.layers." + words[0].substring(1) + "." + NAMES.get(words[1]) + ".weight";
            }
        };
    }

    private static String shortName(String longName) {
        if (longName.equals("lm_head.weight")) {
            return "head";
        }
        String[] words = longName.split("\\.");
        String rest = String.join(".", Arrays.asList(words).subList(3, words.length - 1));
        return "l" + words[2] + "."
                + NAMES.entrySet().stream()
                        .filter(name -> name.getValue().equals(rest))
                        .findFirst()
                        .orElseThrow()
                        .getKey();
    }

    private static Path writeTeacher(GoldenFile golden, Path model) throws IOException {
        Files.createDirectories(model);
        Map<String, String> tensors = new TreeMap<>();
        golden.names().stream()
                .filter(name -> name.startsWith("teacher."))
                .forEach(name -> tensors.put(longName(name.substring("teacher.".length())), name));
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        tensors.forEach((name, from) -> entries.add(new SafetensorsWriter.Entry(name, DType.F32, golden.shape(from))));
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(model.resolve("model.safetensors"), Map.of(), entries)) {
            tensors.values()
                    .forEach(from -> writer.write(FloatMatrix.wrap(1, golden.floats(from).length, golden.floats(from))
                            .segment()));
            writer.finish();
        }
        Files.writeString(model.resolve("config.json"), config(golden.metadata().get("config")));
        return model;
    }

    private static String config(String metadata) {
        Map<String, String> names = Map.of(
                "dim", "hidden_size",
                "layers", "num_hidden_layers",
                "heads", "num_attention_heads",
                "kv_heads", "num_key_value_heads",
                "head_dim", "head_dim",
                "ffn", "intermediate_size",
                "vocab", "vocab_size",
                "seq", "max_position_embeddings",
                "rms_eps", "rms_norm_eps",
                "rope_theta", "rope_theta");
        StringBuilder json = new StringBuilder("{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\","
                + " \"hidden_act\": \"silu\", \"tie_word_embeddings\": "
                + metadata.contains("'tie_embeddings': True"));
        new TreeMap<>(names)
                .forEach((from, to) -> json.append(", \"")
                        .append(to)
                        .append("\": ")
                        .append(metadata.replaceAll(".*'" + from + "': ([-0-9.e]+).*", "$1")));
        return json.append("}\n").toString();
    }
}
