package dev.lowbit.jobs.demo;

import dev.lowbit.checkpoint.AtomicOutput;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The embedded model: a Llama of 0.8 million weights in bfloat16 that {@link DemoTraining} made, and stories that it has not seen.
 */
public final class DemoModel {
    private static final List<String> FILES =
            List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json");
    private static final long UNSEEN_SEED = 2;

    private DemoModel() {}

    /** Writes a complete model folder, which is created when absent. */
    public static void write(Path folder) {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot create " + folder + ": " + e, e);
        }
        for (String name : FILES) {
            AtomicOutput.write(folder.resolve(name), stream -> {
                try (InputStream resource = DemoModel.class.getResourceAsStream("model/" + name)) {
                    resource.transferTo(stream);
                }
            });
        }
    }

    /** Stories to evaluate with. */
    public static String evaluationText(int characters) {
        return Stories.text(UNSEEN_SEED, "evaluation", 0, characters);
    }

    /** Other stories, to calibrate or tune with. */
    public static String calibrationText(int characters) {
        return Stories.text(UNSEEN_SEED, "calibration", 0, characters);
    }
}
