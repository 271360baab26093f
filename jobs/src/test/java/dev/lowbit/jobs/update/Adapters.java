package dev.lowbit.jobs.update;

import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Adapters as PEFT writes them, with random factors. */
final class Adapters {
    private Adapters() {}

    static String factor(String module, String letter) {
        return "base_model.model." + module + ".lora_" + letter + ".weight";
    }

    static TensorFile module(TensorFile tensors, String module, int outputs, int inputs, int rank, long seed) {
        return tensors.put(factor(module, "A"), DType.F32, TensorFile.gaussian(rank * inputs, seed), rank, inputs)
                .put(factor(module, "B"), DType.F32, TensorFile.gaussian(outputs * rank, seed + 1), outputs, rank);
    }

    /** Two modules of rank 4. */
    static TensorFile two(long seed) {
        return module(module(new TensorFile(), "layer.0.q", 48, 32, 4, seed), "layer.1.q", 48, 32, 4, seed + 2);
    }

    /** @param fields of the configuration beside type, rank 4 and targets, each beginning with a comma */
    static Path write(Path folder, TensorFile tensors, String fields) throws IOException {
        return write(folder, tensors, "[\"q\", \"v\", \"q_proj\", \"up_proj\", \"c_attn\"]", fields);
    }

    /** @param targets a list or a regular expression */
    static Path write(Path folder, TensorFile tensors, String targets, String fields) throws IOException {
        Files.createDirectories(folder);
        tensors.write(folder.resolve(AdapterFolder.WEIGHTS));
        Files.writeString(
                folder.resolve(AdapterFolder.CONFIG),
                "{\"peft_type\": \"LORA\", \"r\": 4, \"target_modules\": " + targets + fields + "}\n");
        return folder;
    }
}
