package dev.lowbit.store;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.additive.AdditiveSamples;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineQuantizer;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.matrix.sketch.SketchFormat;
import dev.lowbit.matrix.sketch.SketchSamples;
import dev.lowbit.matrix.sum.SumFormat;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Small synthetic checkpoints and their compression, for tests of the store. */
final class TinyModels {
    static final CompressionJob JOB = new CompressionJob(
            "lowbit test", "lq-lora", 7, 12_345, 0.125, 0.12, new TreeMap<>(Map.of("rank", "8", "group", "0")));

    private static final SafetensorsWriter.Entry[] FIRST = {
        new SafetensorsWriter.Entry("model.embed_tokens.weight", DType.BF16, List.of(11L, 24L)),
        new SafetensorsWriter.Entry("model.layers.0.q_proj.weight", DType.F32, List.of(17L, 24L)),
        new SafetensorsWriter.Entry("model.layers.0.norm.weight", DType.F16, List.of(24L)),
        new SafetensorsWriter.Entry("flags", DType.BOOL, List.of(3L)),
    };
    private static final SafetensorsWriter.Entry[] SECOND = {
        new SafetensorsWriter.Entry("h.0.c_attn.weight", DType.F32, List.of(24L, 40L)),
        new SafetensorsWriter.Entry("empty", DType.I64, List.of(0L, 5L)),
        new SafetensorsWriter.Entry("h.1.c_fc.weight", DType.F32, List.of(1L, 70L)),
        new SafetensorsWriter.Entry("scalar", DType.F64, List.of()),
    };

    private TinyModels() {}

    /** A model with config and tokenizer; {@code shards} of them, 1 or 2. */
    static Path create(Path folder, int shards) {
        try {
            Files.createDirectories(folder);
            Files.writeString(folder.resolve("config.json"), "{\n  \"model_type\": \"llama\",\n  \"eps\": 1e-05\n}\n");
            Files.writeString(folder.resolve("tokenizer.json"), "{\"version\": \"1.0\"}");
            List<SafetensorsWriter.Entry> all = new ArrayList<>(List.of(FIRST));
            if (shards == 1) {
                all.addAll(List.of(SECOND));
                write(folder.resolve("model.safetensors"), all, 1);
                return folder;
            }
            String[] names = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"};
            write(folder.resolve(names[0]), List.of(FIRST), 1);
            write(folder.resolve(names[1]), List.of(SECOND), 2);
            Json json = new Json().open('{').key("weight_map").open('{');
            List.of(FIRST).forEach(entry -> json.key(entry.name()).string(names[0]));
            List.of(SECOND).forEach(entry -> json.key(entry.name()).string(names[1]));
            Files.write(
                    folder.resolve("model.safetensors.index.json"),
                    json.close('}').close('}').bytes());
            return folder;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** One weight file with deterministic contents. */
    static void write(Path file, List<SafetensorsWriter.Entry> entries, long seed) {
        Random random = new Random(seed);
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, Map.of("format", "pt"), entries)) {
            for (SafetensorsWriter.Entry entry : entries) {
                MemorySegment data = MemorySegment.ofArray(new byte[(int) entry.bytes()]);
                if (entry.type() == DType.F32) {
                    for (long i = 0; i < entry.bytes() / Float.BYTES; i++) {
                        data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, i * Float.BYTES, (float) random.nextGaussian());
                    }
                } else {
                    for (long i = 0; i < entry.bytes(); i++) {
                        data.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt(2));
                    }
                }
                writer.write(data);
            }
            writer.finish();
        }
    }

    /** Every F32 matrix of the tiny model, each in another kind of format. */
    static List<MatrixChoice> choices() {
        return List.of(
                new MatrixChoice("model.layers.0.q_proj.weight", false, "lq-lora", "nf3-g16-s8x4-bf16+r2-nf8", 2),
                new MatrixChoice("h.1.c_fc.weight", true, "lq-lora", "int1-g32-f16-flat", 0),
                new MatrixChoice("h.0.c_attn.weight", true, "lq-lora", "int4-g32-s4x16-fp32+r3-bf16", 3));
    }

    /** Weights as a job would hand them over. */
    static FloatMatrix weights(Checkpoint source, MatrixChoice choice) {
        return source.matrix(choice.name(), choice.transposed());
    }

    /** A deterministic matrix in the choice's format: quantization, and factors that stand for nothing. */
    static QuantizedMatrix compress(FloatMatrix weights, String format) {
        if (MatrixFormats.parse(format) instanceof SumFormat sum) {
            return SumMatrix.of(
                    compress(weights, sum.base().id()),
                    compress(factor(sum.rank(), weights.rows()), sum.factor().id()),
                    compress(factor(sum.rank(), weights.columns()), sum.factor().id()));
        }
        if (MatrixFormats.parse(format) instanceof BlockFormat block) {
            return BlockQuantizer.quantize(weights, block, Workers.serial());
        }
        if (MatrixFormats.parse(format) instanceof AffineFormat affine) {
            return AffineQuantizer.quantize(weights, Importance.uniform(), affine, Workers.serial())
                    .matrix();
        }
        if (MatrixFormats.parse(format) instanceof AdditiveFormat additive) {
            return AdditiveSamples.matrix(weights, additive);
        }
        if (MatrixFormats.parse(format) instanceof SketchFormat sketch) {
            return SketchSamples.matrix(weights, sketch);
        }
        return DenseMatrix.of(
                weights, format.equals("f32") ? DType.F32 : format.equals("f16") ? DType.F16 : DType.BF16);
    }

    private static FloatMatrix factor(int rank, int columns) {
        Random random = new Random(31L * rank + columns);
        float[] values = new float[rank * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() / 8;
        }
        return FloatMatrix.wrap(rank, columns, values);
    }

    /** Adds what is missing, in the order of the choices. */
    static void addAll(ModelWriter writer, Checkpoint source, List<MatrixChoice> choices) {
        for (MatrixChoice choice : choices) {
            if (!writer.has(choice.name())) {
                try (FloatMatrix weights = weights(source, choice)) {
                    writer.add(
                            choice.name(),
                            compress(weights, choice.format()),
                            weights,
                            Importance.uniform(),
                            Workers.serial());
                }
            }
        }
    }

    /** Compresses a whole model without interruption. */
    static Path compressModel(Path model, Path output, List<MatrixChoice> choices) {
        try (Checkpoint source = Checkpoint.open(model);
                WorkDirectory work = WorkDirectory.open(output, false);
                ModelWriter writer = ModelWriter.open(ModelLayout.of(source, JOB, choices), work)) {
            addAll(writer, source, choices);
            writer.finish();
            return output;
        }
    }

    /** Every matrix of a model in one format. */
    static List<MatrixChoice> all(Checkpoint source, String format) {
        return source.names().stream()
                .map(source::info)
                .filter(TensorInfo::isMatrix)
                .map(info -> new MatrixChoice(info.name(), false, "lq-lora", format, 0))
                .toList();
    }

    /** Contents of all files below a folder, by relative name. */
    static Map<String, byte[]> contents(Path folder) {
        Map<String, byte[]> contents = new TreeMap<>();
        try (Stream<Path> paths = Files.walk(folder)) {
            for (Path path : paths.filter(Files::isRegularFile).toList()) {
                contents.put(folder.relativize(path).toString(), Files.readAllBytes(path));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return contents;
    }
}
