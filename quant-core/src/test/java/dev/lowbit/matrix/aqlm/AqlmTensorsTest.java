package dev.lowbit.matrix.aqlm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.additive.AdditiveMatrix;
import dev.lowbit.matrix.additive.AdditiveSamples;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Packing and unpacking give the stored parts back, byte for byte. */
class AqlmTensorsTest {
    private static AdditiveFormat format(String id) {
        return (AdditiveFormat) MatrixFormats.parse(id);
    }

    private static AdditiveMatrix matrix(String id, int rows, int columns) {
        Random random = new Random(id.hashCode());
        float[] weights = new float[rows * columns];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (float) random.nextGaussian();
        }
        return AdditiveSamples.matrix(FloatMatrix.wrap(rows, columns, weights), format(id));
    }

    private static AqlmLayout layout(AdditiveMatrix matrix) {
        return new AqlmLayout(matrix.rows(), matrix.columns(), matrix.additiveFormat());
    }

    /** The written tensors by name. */
    private static Map<String, Part> packed(AdditiveMatrix matrix) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        new AqlmPacker("a.b", matrix).write(piece -> all.writeBytes(piece.toArray(ValueLayout.JAVA_BYTE)));
        MemorySegment bytes = MemorySegment.ofArray(all.toByteArray());
        Map<String, Part> parts = new LinkedHashMap<>();
        long from = 0;
        for (PartSpec spec : layout(matrix).tensors()) {
            parts.put(spec.name(), new Part(spec.name(), spec.type(), spec.shape(), bytes.asSlice(from, spec.bytes())));
            from += spec.bytes();
        }
        assertThat(from).isEqualTo(bytes.byteSize());
        return parts;
    }

    private static QuantizedMatrix unpacked(AqlmLayout layout, Map<String, Part> parts) {
        return new AqlmUnpacker("a.b", layout, parts.get("codebooks"), parts.get("scales")).unpack(parts.get("codes"));
    }

    private static Map<String, Part> with(Map<String, Part> parts, Part changed) {
        Map<String, Part> others = new LinkedHashMap<>(parts);
        others.put(changed.name(), changed);
        return others;
    }

    private static byte[] bytes(Part part) {
        return part.bytes().toArray(ValueLayout.JAVA_BYTE);
    }

    private static int[] bits(QuantizedMatrix matrix) {
        try (FloatMatrix out = FloatMatrix.allocate(matrix.rows(), matrix.columns())) {
            matrix.dequantize(0, out, Workers.serial());
            return out.segment().toArray(ValueLayout.JAVA_INT);
        }
    }

    static Stream<String> formats() {
        return IntStream.rangeClosed(1, 3)
                .boxed()
                .flatMap(codebooks -> IntStream.of(1, 4, 7, 8, 9, 12, 16)
                        .boxed()
                        .flatMap(bits -> Stream.of("", "o2")
                                .map(out -> "aq" + codebooks + "x" + bits + "-g4" + out + "-row-f16")));
    }

    @ParameterizedTest
    @MethodSource("formats")
    void everyByteComesBack(String id) {
        AdditiveMatrix matrix = matrix(id, 10, 20);
        QuantizedMatrix back = unpacked(layout(matrix), packed(matrix));
        assertThat(back.format()).isEqualTo(id);
        for (int i = 0; i < matrix.parts().size(); i++) {
            Part before = matrix.parts().get(i);
            Part after = back.parts().get(i);
            assertThat(after.name()).isEqualTo(before.name());
            assertThat(after.shape()).isEqualTo(before.shape());
            assertThat(bytes(after)).as(before.name()).isEqualTo(bytes(before));
        }
        assertThat(bits(back)).isEqualTo(bits(matrix));
    }

    /** More than one piece of the writer and one step of the reader. */
    @Test
    void largeOnes() {
        AdditiveMatrix matrix = matrix("aq1x7-g1-row-f16", 1100, 1003);
        QuantizedMatrix back = unpacked(layout(matrix), packed(matrix));
        assertThat(bits(back)).isEqualTo(bits(matrix));
    }

    @ParameterizedTest
    @ValueSource(strings = {"aq2x3-g4-row-f16", "aq1x8-g4o2-row-f16", "aq2x11-g4-row-f16", "aq1x16-g4-row-f16"})
    void codesAreWrapped(String id) {
        AdditiveMatrix matrix = matrix(id, 6, 8);
        AdditiveFormat format = matrix.additiveFormat();
        Part codes = packed(matrix).get("codes");
        boolean wide = format.codeBits() > 8;
        assertThat(codes.type()).isEqualTo(wide ? DType.I16 : DType.I8);
        ByteBuffer stored = ByteBuffer.wrap(bytes(codes)).order(ByteOrder.LITTLE_ENDIAN);
        for (int p = 0; p < format.tileRows(6); p++) {
            for (char code : matrix.codes(p)) {
                int value = wide ? stored.getShort() : stored.get();
                assertThat(value)
                        .isEqualTo(code >= 1 << format.codeBits() - 1 ? code - (1 << format.codeBits()) : code);
            }
        }
    }

    @Test
    void scalesAreRoundedToTheNearest() {
        AdditiveMatrix matrix = matrix("aq1x4-g4-row-s4x8-fp32", 12, 8);
        Map<String, Part> parts = packed(matrix);
        float[] written = ScaleType.read(DType.F16, parts.get("scales").bytes());
        float[] wanted = matrix.scales().values();
        for (int p = 0; p < wanted.length; p++) {
            assertThat(written[p]).isEqualTo(Float.float16ToFloat(Float.floatToFloat16(wanted[p])));
        }
        assertThat(unpacked(layout(matrix), parts).format()).isEqualTo("aq1x4-g4-row-f16");
    }

    /** One scale for as many columns as the matrix has is one for the row. */
    @Test
    void aGroupMayBeTheWholeRow() {
        AdditiveMatrix matrix = matrix("aq1x4-g4-s64-f16", 12, 8);
        assertThat(bits(unpacked(layout(matrix), packed(matrix)))).isEqualTo(bits(matrix));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "aq1x4-g8-row-f16 | 6 | 20 | 20 inputs are no multiple of the 8 columns",
                "aq1x4-g4o2-row-f16 | 7 | 20 | 7 outputs are no multiple of the 2 rows",
                "aq1x4-g4-s8-f16 | 6 | 20 | aq1x4-g4-s8-f16 has 3"
            })
    void whatTheLayoutDoesNotHave(String id, int rows, int columns, String message) {
        assertThatThrownBy(() -> new AqlmLayout(rows, columns, format(id)))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining(message);
    }

    @Test
    void aScaleBeyondHalfFloats() {
        FloatMatrix large = FloatMatrix.wrap(1, 4, new float[] {1e5f, 0, 0, 0});
        AdditiveMatrix matrix = AdditiveSamples.matrix(large, format("aq1x2-g4-row-bf16"));
        assertThatThrownBy(() -> new AqlmPacker("a.b", matrix))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("a.b: the scale")
                .hasMessageContaining("F16");
    }

    /** Writers that do not wrap leave large codes as they are. */
    @ParameterizedTest
    @CsvSource({"7, 127", "1, 1", "12, 4095"})
    void largeCodesMayStandUnwrapped(int bits, int largest) {
        AdditiveMatrix matrix = matrix("aq1x" + bits + "-g4-row-f16", 1, 4);
        Map<String, Part> parts = packed(matrix);
        int[] weights = new int[2];
        QuantizedMatrix[] read = new QuantizedMatrix[2];
        for (int i = 0; i < 2; i++) {
            read[i] = unpacked(layout(matrix), with(parts, code(bits, i == 0 ? largest : -1)));
            weights[i] = bits(read[i])[0];
        }
        assertThat(weights[0]).isEqualTo(weights[1]);
        assertThat(((AdditiveMatrix) read[0]).codes(0)).containsExactly((char) largest);
    }

    private static Part code(int bits, int value) {
        DType type = bits <= 8 ? DType.I8 : DType.I16;
        byte[] bytes = ByteBuffer.allocate(2)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putShort((short) value)
                .array();
        return new Part(
                "codes", type, List.of(1L, 1L, 1L), MemorySegment.ofArray(bytes).asSlice(0, type.bytes()));
    }

    @ParameterizedTest
    @CsvSource({"7, -65", "1, 2", "1, -2", "4, 16", "12, 4096", "12, -2049"})
    void codesOfNoCodebook(int bits, int code) {
        AdditiveMatrix matrix = matrix("aq1x" + bits + "-g4-row-f16", 1, 4);
        assertThatThrownBy(() -> unpacked(layout(matrix), with(packed(matrix), code(bits, code))))
                .isInstanceOf(MalformedPartException.class)
                .hasMessageContaining("part codes holds " + code + " at index 0");
    }

    private static Part floats(String name, DType type, float... values) {
        return ScaleType.part(name, type, values);
    }

    @Test
    void bfloatsThatHalfFloatsHaveAreTheSame() {
        AdditiveMatrix matrix = matrix("aq1x1-g4-row-f16", 2, 4);
        Map<String, Part> parts = packed(matrix);
        float[] words = {1, -0f, 0.5f, 0x1p-24f, -65280, 3, 0, 255};
        float[] scales = {0, 1.5f};
        QuantizedMatrix halves = unpacked(
                layout(matrix),
                with(with(parts, floats("codebooks", DType.F16, words)), floats("scales", DType.F16, scales)));
        QuantizedMatrix bfloats = unpacked(
                layout(matrix),
                with(with(parts, floats("codebooks", DType.BF16, words)), floats("scales", DType.BF16, scales)));
        assertThat(bits(bfloats)).isEqualTo(bits(halves));
        for (int i = 0; i < 3; i++) {
            assertThat(bytes(bfloats.parts().get(i)))
                    .isEqualTo(bytes(halves.parts().get(i)));
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {0x1p17f, 0x1p-26f, 0x1.02p-18f})
    void bfloatsThatHalfFloatsDoNotHave(float value) {
        AdditiveMatrix matrix = matrix("aq1x1-g4-row-f16", 2, 4);
        Map<String, Part> parts = packed(matrix);
        assertThatThrownBy(() -> unpacked(
                        layout(matrix), with(parts, floats("codebooks", DType.BF16, 1, 1, 1, 1, 1, value, 1, 1))))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("a.b: codebooks is BF16 and holds " + value + " at index 5");
        assertThatThrownBy(() -> unpacked(layout(matrix), with(parts, floats("scales", DType.BF16, 1, value))))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("a.b: scales is BF16");
    }

    @Test
    void valuesThatCannotBe() {
        AdditiveMatrix matrix = matrix("aq1x1-g4-row-f16", 2, 4);
        Map<String, Part> parts = packed(matrix);
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
            for (DType type : List.of(DType.F16, DType.BF16)) {
                assertThatThrownBy(() -> unpacked(
                                layout(matrix), with(parts, floats("codebooks", type, 1, 1, bad, 1, 1, 1, 1, 1))))
                        .isInstanceOf(MalformedPartException.class)
                        .hasMessageContaining("part codebooks holds " + bad + " at index 2");
                assertThatThrownBy(() -> unpacked(layout(matrix), with(parts, floats("scales", type, bad, 1))))
                        .isInstanceOf(MalformedPartException.class)
                        .hasMessageContaining("part scales holds " + bad);
            }
        }
        assertThatThrownBy(() -> unpacked(layout(matrix), with(parts, floats("scales", DType.F16, 1, -0.5f))))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("-0.5 at index 1 is negative");
    }
}
