package dev.lowbit.jobs.demo;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.Adam;
import dev.lowbit.transformer.CosineSchedule;
import dev.lowbit.transformer.CrossEntropy;
import dev.lowbit.transformer.DenseGradients;
import dev.lowbit.transformer.GradientClipping;
import dev.lowbit.transformer.ModelShape;
import dev.lowbit.transformer.TokenBatch;
import dev.lowbit.transformer.TrainingState;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Transformers;
import dev.lowbit.transformer.Workspace;
import dev.lowbit.transformer.text.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Trains the demo's model from nothing but a seed: stories from {@link Stories}, a vocabulary from {@link BpeTrainer}, random
 * weights, AdamW with a cosine schedule; the result rounded to bfloat16. The same bytes for any {@link Workers}. A run that was
 * stopped goes on from its last saved state, with the same bytes at the end.
 */
final class DemoTraining {
    private static final String STORIES = "training";
    static final int VOCABULARY_TEXT = 300_000;
    private static final double GRADIENT_NORM = 1;
    private static final double LAST_RATE = 0.05;
    private static final Adam.Settings ADAM = new Adam.Settings(0.9, 0.95, 1e-8, 0);
    private static final String STATE = "state.safetensors";
    private static final String MODEL = "model.safetensors";

    /**
     * What is trained, and how long.
     *
     * @param shape sizes of the model
     * @param steps optimizer steps
     * @param sequences sequences of a full context in a step
     * @param learningRate the highest rate, after the warm-up
     * @param warmUp steps of linear warm-up
     * @param savedEvery steps between saved states
     * @param seed root of weights and stories
     */
    record Settings(
            ModelShape shape, int steps, int sequences, double learningRate, int warmUp, int savedEvery, long seed) {
        /** The embedded model. */
        static Settings demo() {
            return new Settings(new ModelShape(128, 4, 4, 2, 32, 352, 512, 256), 1200, 6, 4e-3, 60, 50, 1);
        }

        CosineSchedule schedule() {
            return new CosineSchedule(steps, warmUp, learningRate, LAST_RATE);
        }
    }

    private final Settings settings;
    private final Path folder;
    private final Workers workers;

    private DemoTraining(Settings settings, Path folder, Workers workers) {
        this.settings = settings;
        this.folder = folder;
        this.workers = workers;
    }

    /**
     * Trains and writes a complete model folder.
     *
     * @param folder created when absent; a state left there by a stopped run of the same settings is continued
     * @param log receives a line now and then
     */
    static void run(Settings settings, Path folder, Workers workers, Consumer<String> log) {
        try {
            Files.createDirectories(folder);
            new DemoTraining(settings, folder, workers).run(log);
            Files.deleteIfExists(folder.resolve(STATE));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot train in " + folder + ": " + e, e);
        }
    }

    private void run(Consumer<String> log) throws IOException {
        writeTokenizer();
        write(DType.F32, initialWeights());
        try (Tokenizer tokenizer = Tokenizer.open(folder);
                Transformer model = load();
                Adam adam = new Adam(ADAM);
                DenseGradients gradients = new DenseGradients(settings.shape, name -> true);
                Workspace space = new Workspace()) {
            Map<String, FloatMatrix> parameters = model.floatParameters();
            Path state = folder.resolve(STATE);
            int first = 0;
            if (Files.exists(state)) {
                first = Integer.parseInt(
                        TrainingState.read(state, parameters, adam).get("step"));
                log.accept("continued behind step " + first);
            }
            double recent = 0;
            for (int step = first; step < settings.steps; step++) {
                gradients.clear();
                TokenBatch batch = batch(step, tokenizer);
                double loss = model.backward(batch, CrossEntropy.nextToken(batch), gradients, space, workers);
                GradientClipping.clip(gradients.gradients().values(), GRADIENT_NORM);
                double rate = settings.schedule().rate(step);
                parameters.forEach((name, values) ->
                        adam.step(name, values, gradients.gradients().get(name), rate));
                recent += loss;
                if ((step + 1) % settings.savedEvery == 0) {
                    TrainingState.write(state, parameters, adam, Map.of("step", Integer.toString(step + 1)));
                    log.accept(
                            "step " + (step + 1) + " loss " + recent / Math.min(settings.savedEvery, step + 1 - first));
                    recent = 0;
                }
            }
            write(DType.BF16, parameters);
        }
    }

    private Transformer load() {
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            return Transformers.load(checkpoint);
        }
    }

    private void writeTokenizer() {
        String text = Stories.text(settings.seed, "vocabulary", 0, VOCABULARY_TEXT);
        Map<String, Object> tokenizer = BpeTrainer.train(text, settings.shape.vocabulary());
        AtomicOutput.writeString(folder.resolve("tokenizer.json"), JsonOutput.text(tokenizer) + "\n");
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("tokenizer_class", "PreTrainedTokenizerFast");
        config.put("add_bos_token", true);
        config.put("bos_token", "<s>");
        config.put("eos_token", "</s>");
        config.put("unk_token", "<unk>");
        config.put("model_max_length", settings.shape.context());
        AtomicOutput.writeString(folder.resolve("tokenizer_config.json"), JsonOutput.text(config) + "\n");
    }

    /** Normal with deviation 0.04; what is added to the residual stream is smaller by the root of the number of additions. */
    private Map<String, FloatMatrix> initialWeights() {
        Map<String, FloatMatrix> weights = new LinkedHashMap<>();
        double residual = 1 / Math.sqrt(2.0 * settings.shape.layers());
        LlamaFolder.shapes(settings.shape, true).forEach((name, shape) -> {
            int columns = Math.toIntExact(shape.getLast());
            int rows = shape.size() == 1 ? 1 : Math.toIntExact(shape.getFirst());
            float[] values = new float[rows * columns];
            RandomStream random = RandomStream.of(settings.seed, "demo.initial", name);
            boolean added = name.endsWith("o_proj.weight") || name.endsWith("down_proj.weight");
            double deviation = 0.04 * (added ? residual : 1);
            for (int i = 0; i < values.length; i++) {
                values[i] = shape.size() == 1 ? 1 : (float) (deviation * random.nextGaussian());
            }
            weights.put(name, FloatMatrix.wrap(rows, columns, values));
        });
        return weights;
    }

    private void write(DType type, Map<String, FloatMatrix> weights) {
        AtomicOutput.writeString(folder.resolve("config.json"), LlamaFolder.config(settings.shape, type, true));
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        LlamaFolder.shapes(settings.shape, true)
                .forEach((name, shape) -> entries.add(new SafetensorsWriter.Entry(name, type, shape)));
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(folder.resolve(MODEL), Map.of("format", "pt"), entries)) {
            for (SafetensorsWriter.Entry entry : entries) {
                FloatMatrix matrix = weights.get(entry.name());
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment narrow = arena.allocate(entry.bytes(), Float.BYTES);
                    Conversions.get().narrow(type, matrix.segment(), 0, narrow, 0, matrix.size());
                    writer.write(narrow);
                }
            }
            writer.finish();
        }
    }

    /** Sequences that begin with a story, and as many that begin anywhere in one, as a text cut into windows does. */
    private TokenBatch batch(int step, Tokenizer tokenizer) {
        int context = settings.shape.context();
        int[][] sequences = new int[settings.sequences][];
        for (int i = 0; i < sequences.length; i++) {
            int number = step * settings.sequences + i;
            String text = Stories.text(settings.seed, STORIES + number, 0, 12 * context);
            int[] ids = tokenizer.encode(text);
            RandomStream random = RandomStream.of(settings.seed, "demo.window", STORIES + number);
            int offset = i % 2 == 0 ? 0 : (int) (random.nextDouble() * Math.min(context, ids.length - context));
            sequences[i] = new int[context];
            sequences[i][0] = tokenizer.requireBeginning();
            System.arraycopy(ids, offset, sequences[i], 1, context - 1);
        }
        return TokenBatch.of(sequences);
    }
}
