package dev.lowbit.jobs.demo;

import dev.lowbit.kernel.Workers;
import dev.lowbit.transformer.ModelShape;
import java.nio.file.Path;

/** A complete model with tokenizer that fits a test: trained a little by what trains the demo's. */
public final class TinyModel {
    private TinyModel() {}

    /** Writes a Llama of two layers that has seen some stories. */
    public static Path write(Path folder) {
        ModelShape shape = new ModelShape(32, 2, 2, 1, 16, 48, 380, 32);
        DemoTraining.run(new DemoTraining.Settings(shape, 60, 4, 1e-2, 6, 60, 3), folder, Workers.serial(), line -> {});
        return folder;
    }
}
