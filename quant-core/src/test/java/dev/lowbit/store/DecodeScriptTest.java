package dev.lowbit.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.NumpyScript;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The NumPy script in docs/ must read what we write: it stands for everybody who reads the format without Lowbit. */
class DecodeScriptTest {
    @TempDir
    Path temp;

    /** All dequantized matrices in the source's orientation, as an export has them. */
    private static void export(CompressedModel model, DType type, Path file) {
        List<SafetensorsWriter.Entry> entries = model.manifest().matrices().stream()
                .map(entry -> new SafetensorsWriter.Entry(
                        entry.name(),
                        type,
                        entry.transposed()
                                ? List.of((long) entry.columns(), (long) entry.rows())
                                : List.of((long) entry.rows(), (long) entry.columns())))
                .toList();
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, Map.of(), entries)) {
            for (MatrixEntry entry : model.manifest().matrices()) {
                try (FloatMatrix restored = FloatMatrix.allocate(entry.rows(), entry.columns());
                        FloatMatrix turned = FloatMatrix.allocate(entry.columns(), entry.rows())) {
                    model.matrix(entry.name()).dequantize(0, restored, Workers.serial());
                    for (int i = 0; i < entry.rows(); i++) {
                        for (int j = 0; j < entry.columns(); j++) {
                            turned.set(j, i, restored.get(i, j));
                        }
                    }
                    DenseMatrix rounded = DenseMatrix.of(entry.transposed() ? turned : restored, type);
                    writer.write(rounded.parts().getFirst().bytes());
                }
            }
            writer.finish();
        }
    }

    @Test
    void readsEveryFormatAndAgreesWithTheEngine() throws IOException, InterruptedException {
        String[] formats = {
            "nf2-g16-s2x4-fp16",
            "nf3-g64-s8x256-bf16",
            "nf4-g7-f16",
            "nf5-g3-s5x2-fp32",
            "nf6-g64-f32-flat",
            "nf7-g10-bf16",
            "nf8-g64-s8x256-fp32-flat",
            "affine2-g16-f16",
            "affine3-row-s4x8-bf16",
            "affine4-g7-f32-sym",
            "affine2-g16-s6x4-fp16+r2-nf8",
            "aq2x8-g8-row-f16",
            "aq1x1-g1-s3-bf16",
            "aq3x5-g4o2-s16-s4x8-bf16",
            "aq1x16-g2o3-row-f32",
            "aq2x4-g4-s12-f16+r2-nf8",
            "int1-g16-f16",
            "int4-g13-s3x5-bf16-flat",
            "f16",
            "bf16",
            "f32",
            "nf3-g16-s8x4-bf16+r2-nf8",
            "int2-g9-f16+r5-bf16",
            "nf4-g64-f32-flat+r17-nf6-g5-f16",
            "sketch3-r5-f16",
            "sketch4-r1-t5-s6x4-bf16",
            "sketch2-r7-t3-f16"
        };
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        List<MatrixChoice> choices = new ArrayList<>();
        for (int i = 0; i < formats.length; i++) {
            String name = "m" + i;
            boolean transposed = i % 2 == 1;
            entries.add(new SafetensorsWriter.Entry(name, DType.F32, List.of(19L + i, 70L)));
            String rank = formats[i].replaceFirst(".*\\+r([0-9]+).*", "$1");
            choices.add(new MatrixChoice(
                    name, transposed, "lq-lora", formats[i], rank.equals(formats[i]) ? 0 : Integer.parseInt(rank)));
        }
        Path source = Files.createDirectory(temp.resolve("source"));
        TinyModels.write(source.resolve("model.safetensors"), entries, 3);
        Path output = TinyModels.compressModel(source, temp.resolve("out"), choices);
        for (DType type : new DType[] {DType.F32, DType.F16, DType.BF16}) {
            Path exported = temp.resolve(type + ".safetensors");
            try (CompressedModel model = CompressedModel.open(output)) {
                export(model, type, exported);
            }
            NumpyScript.Run run = NumpyScript.run("decode.py", output.toString(), "--compare", exported.toString());
            assertThat(run.output()).contains(formats.length + " matrices, 0 bad");
            assertThat(run.exitCode()).isZero();
        }
    }

    @Test
    void findsAnAlteredFile() throws IOException, InterruptedException {
        Path model = TinyModels.create(temp.resolve("model"), 2);
        Path output = TinyModels.compressModel(model, temp.resolve("out"), TinyModels.choices());
        assertThat(NumpyScript.run("decode.py", output.toString()).exitCode()).isZero();
        Path file = output.resolve("model-00001-of-00002.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 1] ^= 1;
        Files.write(file, bytes);
        NumpyScript.Run run = NumpyScript.run("decode.py", output.toString());
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.output()).contains("BAD model-00001-of-00002.safetensors");
    }
}
