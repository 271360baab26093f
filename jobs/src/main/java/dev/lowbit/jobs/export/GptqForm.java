package dev.lowbit.jobs.export;

import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.affine.AffineCodes;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.affine.GptqPacking;
import dev.lowbit.matrix.affine.GptqPacking.ZeroWriting;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.matrix.sum.SumFormat;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.ConfigFile;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The tensors {@code qweight}, {@code qzeros}, {@code scales} and {@code g_idx} of GPTQ checkpoints ({@link GptqPacking}), bit for bit the matrix
 * that we have. Low-rank corrections are left to an adapter.
 */
final class GptqForm implements MatrixForm {
    private static final String WEIGHT = ".weight";
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final String ADVICE =
            "; compress with --method int2-lrec --format affine4-g128-f16 or the like for this export";

    private final AffineFormat format;
    private final boolean storesZeros;

    private GptqForm(AffineFormat format, boolean storesZeros) {
        this.format = format;
        this.storesZeros = storesZeros;
    }

    /**
     * The form of a model.
     *
     * @param storesZeros whether zero points are stored as they are (checkpoint format {@code gptq_v2}) or less one ({@code gptq})
     * @throws InvalidRequestException (impossible) when its matrices are not all in one affine format that the layout can hold
     */
    static GptqForm of(CompressedModel model, boolean storesZeros) {
        MatrixEntry first = null;
        for (MatrixEntry entry : model.manifest().matrices()) {
            AffineFormat affine = affine(entry);
            if (first == null) {
                first = entry;
            } else if (!affine.equals(affine(first))) {
                throw InvalidRequestException.impossible("GPTQ checkpoints have one format, but " + first.name()
                        + " is in " + first.format() + " and " + entry.name() + " in " + entry.format() + ADVICE);
            }
            requireShape(entry, affine);
        }
        if (first == null) {
            throw InvalidRequestException.impossible(model.directory() + " holds no compressed matrix");
        }
        return new GptqForm(affine(first), storesZeros);
    }

    private static AffineFormat affine(MatrixEntry entry) {
        MatrixFormat format = MatrixFormats.parse(entry.format());
        MatrixFormat base = format instanceof SumFormat sum ? sum.base() : format;
        if (!(base instanceof AffineFormat affine)) {
            throw InvalidRequestException.impossible("GPTQ checkpoints hold integers on affine grids, " + entry.name()
                    + " is in " + entry.format() + ADVICE);
        }
        if (!affine.scales().equals(new ScaleFormat.OneLevel(DType.F16))) {
            throw InvalidRequestException.impossible(
                    "GPTQ checkpoints hold scales in f16, " + entry.name() + " is in " + entry.format() + ADVICE);
        }
        return affine;
    }

    private static void requireShape(MatrixEntry entry, AffineFormat format) {
        if (entry.transposed()) {
            throw InvalidRequestException.impossible("GPTQ checkpoints hold output-major matrices, " + entry.name()
                    + " is stored input-major; export --to safetensors instead");
        }
        if (!GptqPacking.holds(entry.rows(), entry.columns(), format.codeBits())) {
            throw InvalidRequestException.impossible(
                    "GPTQ checkpoints hold 2, 3, 4 or 8 bits and rows and columns in multiples of 32, "
                            + entry.name() + " is " + entry.rows() + " x " + entry.columns() + " with "
                            + format.codeBits()
                            + " bits; leave it out with --skip, or export --to safetensors instead");
        }
    }

    private static String layer(MatrixEntry entry) {
        String name = entry.name();
        return name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) : name;
    }

    @Override
    public List<SafetensorsWriter.Entry> entries(MatrixEntry entry) {
        long words = entry.columns() / Integer.SIZE * (long) format.codeBits();
        long zeroWords = entry.rows() / Integer.SIZE * (long) format.codeBits();
        long groups = format.groupsOfRow(entry.columns());
        String layer = layer(entry);
        return List.of(
                new SafetensorsWriter.Entry(layer + ".qweight", DType.I32, List.of(words, (long) entry.rows())),
                new SafetensorsWriter.Entry(layer + ".qzeros", DType.I32, List.of(groups, zeroWords)),
                new SafetensorsWriter.Entry(layer + ".scales", DType.F16, List.of(groups, (long) entry.rows())),
                new SafetensorsWriter.Entry(layer + ".g_idx", DType.I32, List.of((long) entry.columns())));
    }

    @Override
    public void write(MatrixEntry entry, QuantizedMatrix matrix, SafetensorsWriter writer, Workers workers) {
        AffineCodes codes = AffineCodes.of((AffineMatrix) PeftAdapter.base(matrix));
        GptqPacking packed;
        if (storesZeros) {
            packed = GptqPacking.pack(codes, ZeroWriting.AS_IS);
        } else {
            AffineCodes shifted = codes.withoutZeroZeros();
            requireZeros(entry, shifted);
            packed = GptqPacking.pack(shifted, ZeroWriting.REFUSE);
        }
        writer.write(ints(packed.qweight()));
        writer.write(ints(packed.qzeros()));
        writer.write(shorts(packed.scales()));
        writer.write(ints(packed.groupIndex()));
    }

    private static void requireZeros(MatrixEntry entry, AffineCodes codes) {
        long bad = Arrays.stream(codes.zeros()).filter(zero -> zero == 0).count();
        if (bad > 0) {
            throw InvalidRequestException.impossible(entry.name() + ": " + bad + " of " + codes.zeros().length
                    + " groups have the zero point 0, which checkpoint format gptq cannot hold; export --to gptq_v2, which"
                    + " stores zero points as they are");
        }
    }

    private static MemorySegment ints(int[] values) {
        MemorySegment bytes = MemorySegment.ofArray(new byte[Math.multiplyExact(values.length, Integer.BYTES)]);
        for (int i = 0; i < values.length; i++) {
            bytes.setAtIndex(INT, i, values[i]);
        }
        return bytes;
    }

    private static MemorySegment shorts(short[] values) {
        MemorySegment bytes = MemorySegment.ofArray(new byte[Math.multiplyExact(values.length, Short.BYTES)]);
        for (int i = 0; i < values.length; i++) {
            bytes.setAtIndex(SHORT, i, values[i]);
        }
        return bytes;
    }

    @Override
    public byte[] config(byte[] config) {
        return ConfigFile.withQuantization(config, JsonOutput.text(settings()));
    }

    /** What readers want to know, in config.json and in quantize_config.json. */
    Map<String, Object> settings() {
        Map<String, Object> settings = new LinkedHashMap<>();
        settings.put("quant_method", "gptq");
        settings.put("bits", format.codeBits());
        settings.put("group_size", format.groupSize() == 0 ? -1 : format.groupSize());
        settings.put("sym", format.symmetric());
        settings.put("desc_act", format.indexed());
        settings.put("checkpoint_format", storesZeros ? "gptq_v2" : "gptq");
        return settings;
    }
}
