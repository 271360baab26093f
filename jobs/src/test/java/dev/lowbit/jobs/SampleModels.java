package dev.lowbit.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.jobs.demo.SyntheticCheckpoint;
import dev.lowbit.jobs.demo.SyntheticModel;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;

/** Small models for tests of the command. */
public final class SampleModels {
    private SampleModels() {}

    /** A sharded Llama of 2 layers with odd sizes. */
    public static Path llama(Path folder) {
        SyntheticCheckpoint.write(
                folder, new SyntheticModel(2, 24, 40, 4, 2, 32, DType.F32, 1 << 14), 5, Workers.serial());
        return folder;
    }

    /** Moves every shard of a model into a folder of its own, where they all have one name. */
    public static Path inFolders(Path model) {
        Path index = model.resolve("model.safetensors.index.json");
        try (Stream<Path> files = Files.list(model)) {
            String named = Files.readString(index);
            for (Path shard : files.filter(file -> file.toString().endsWith(".safetensors"))
                    .toList()) {
                String name = shard.getFileName().toString();
                String moved = name.replace(".safetensors", "/weights.safetensors");
                Files.createDirectory(model.resolve(moved).getParent());
                Files.move(shard, model.resolve(moved));
                named = named.replace(name, moved);
            }
            Files.writeString(index, named);
            return model;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A sharded Llama of 2 layers whose matrices have sides that are multiples of 32. */
    public static Path evenLlama(Path folder) {
        SyntheticCheckpoint.write(
                folder, new SyntheticModel(2, 64, 96, 4, 2, 32, DType.F32, 1 << 16), 5, Workers.serial());
        return folder;
    }

    /** Input-major matrices under the names of GPT-2, in half precision beside float biases, without config.json. */
    public static Path gpt2(Path folder) {
        return gpt2(folder, 20, 60);
    }

    /** The same with so many inputs, and outputs of the first matrix of a layer. */
    public static Path gpt2(Path folder, long inputs, long outputs) {
        RandomGenerator random = RandomGenerator.of("L64X128MixRandom");
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            entries.add(
                    new SafetensorsWriter.Entry("h." + i + ".attn.c_attn.weight", DType.F32, List.of(inputs, outputs)));
            entries.add(new SafetensorsWriter.Entry("h." + i + ".attn.c_attn.bias", DType.F32, List.of(outputs)));
            entries.add(
                    new SafetensorsWriter.Entry("h." + i + ".attn.c_proj.weight", DType.F32, List.of(inputs, inputs)));
        }
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(folder.resolve("model.safetensors"), Map.of("format", "pt"), entries)) {
            for (SafetensorsWriter.Entry entry : entries) {
                float[] values = new float[Math.toIntExact(entry.bytes() / Float.BYTES)];
                for (int j = 0; j < values.length; j++) {
                    values[j] = (float) random.nextGaussian();
                }
                writer.write(MemorySegment.ofArray(values));
            }
            writer.finish();
        }
        return folder;
    }

    /** One matrix with these values as a whole checkpoint. */
    public static Path single(Path file, FloatMatrix matrix) {
        List<SafetensorsWriter.Entry> entries = List.of(new SafetensorsWriter.Entry(
                "a.weight", DType.F32, List.of((long) matrix.rows(), (long) matrix.columns())));
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, Map.of(), entries)) {
            writer.write(matrix.segment());
            writer.finish();
        }
        return file;
    }

    /** A checkpoint of one matrix in 8-bit floats that count only with the scales beside it. */
    static Path scaled(Path file) {
        List<SafetensorsWriter.Entry> entries = List.of(
                new SafetensorsWriter.Entry("a.weight", DType.F8_E4M3, List.of(8L, 8L)),
                new SafetensorsWriter.Entry("a.weight_scale_inv", DType.F32, List.of(1L, 1L)));
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, Map.of(), entries)) {
            entries.forEach(entry -> writer.write(MemorySegment.ofArray(new byte[Math.toIntExact(entry.bytes())])));
            writer.finish();
        }
        return file;
    }

    /** Flips the lowest bit of a tensor's first byte: what a bad disk does; twice is as before. */
    public static void flip(Path model, String tensor) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            TensorInfo info = checkpoint.info(tensor);
            byte[] bytes = Files.readAllBytes(info.file());
            bytes[Math.toIntExact(info.offsetBytes())] ^= 1;
            Files.write(info.file(), bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Compresses every matrix in an affine format; fails the test when that fails. */
    public static Path affine(Path model, Path out, String format, Object... options) {
        List<Object> command = new ArrayList<>(
                List.of("compress", model, "--out", out, "--method", "int2-lrec", "--format", format, "--quiet"));
        command.addAll(List.of(options));
        Lowbit run = Lowbit.run(command.toArray());
        assertThat(run.code()).as(run.err()).isZero();
        return out;
    }

    /** Compresses with at least the given rank everywhere; fails the test when that fails. */
    public static Path compressed(Path model, Path out, int minRank) {
        Lowbit run = Lowbit.run(
                "compress",
                model,
                "--out",
                out,
                "--bits",
                9,
                "--rank",
                minRank + 2,
                "--min-rank",
                minRank,
                "--quiet",
                "--threads",
                1);
        assertThat(run.err()).isEmpty();
        assertThat(run.code()).isZero();
        return out;
    }
}
