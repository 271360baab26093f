package dev.lowbit.matrix.affine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.QuantizedMatrixContract;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AffineMatrixTest extends QuantizedMatrixContract {
    @Override
    protected List<String> formats() {
        return List.of(
                "affine1-g16-f16",
                "affine2-g32-f16",
                "affine2-row-f16",
                "affine2-g24-s4x16-bf16",
                "affine3-g64-bf16",
                "affine4-g128-f32-sym",
                "affine5-row-f32",
                "affine8-g7-f16",
                "affine2-g16-f16-gidx",
                "affine3-g32-s6x64-fp16-sym-gidx");
    }

    @Override
    protected QuantizedMatrix quantize(FloatMatrix weights, String format, Workers workers) {
        AffineFormat parsed = (AffineFormat) MatrixFormats.parse(format);
        AffineFormat plain =
                new AffineFormat(parsed.codeBits(), parsed.groupSize(), parsed.scales(), parsed.symmetric(), false);
        AffineMatrix matrix = AffineQuantizer.quantize(
                        weights, dev.lowbit.importance.Importance.uniform(), plain, workers)
                .matrix();
        return parsed.indexed() ? shuffled(matrix, parsed) : matrix;
    }

    /** The same codes, scales and zero points with another group for each column. */
    private static AffineMatrix shuffled(AffineMatrix matrix, AffineFormat format) {
        Random random = new Random(5);
        int[] index = new int[matrix.columns()];
        for (int j = 0; j < index.length; j++) {
            index[j] = random.nextInt(format.groupsOfRow(matrix.columns()));
        }
        EncodedScales scales = new EncodedScales(
                matrix.scales().values(),
                matrix.scales().codes(),
                matrix.scales().superScales(),
                matrix.scales().offset());
        return AffineMatrix.of(
                matrix.rows(),
                matrix.columns(),
                format,
                matrix.parts().getFirst().bytes(),
                scales,
                format.symmetric() ? new byte[0] : matrix.zeros(),
                index);
    }

    /** Ŵ is the float product of the scale and the integer code - zero, whatever multiplies. */
    @ParameterizedTest
    @ValueSource(strings = {"affine2-g16-f16", "affine3-g32-s6x64-fp16-gidx", "affine4-row-f32-sym"})
    void valuesAreScaleTimesInteger(String format) {
        Random random = new Random(3);
        float[] values = new float[13 * 77];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        AffineMatrix matrix = (AffineMatrix) quantize(FloatMatrix.wrap(13, 77, values), format, Workers.serial());
        FloatMatrix decoded = FloatMatrix.wrap(13, 77, new float[13 * 77]);
        matrix.dequantize(0, decoded, Workers.serial());
        int groups = matrix.affineFormat().groupsOfRow(77);
        for (int i = 0; i < 13; i++) {
            for (int j = 0; j < 77; j++) {
                int group = i * groups + matrix.group(j);
                float expected = matrix.scales().values()[group] * (matrix.code(i, j) - (matrix.zeros()[group] & 0xff));
                assertThat(decoded.get(i, j)).isEqualTo(expected);
            }
        }
    }

    @Test
    void refusesValuesThatCannotBe() {
        AffineMatrix good = (AffineMatrix) quantize(
                FloatMatrix.wrap(3, 5, new float[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6}),
                "affine2-g2-f32-gidx",
                Workers.serial());
        assertRefused(good, AffineFormat.CODES, 3, (byte) 0x80, "behind its last code");
        assertRefused(good, AffineFormat.ZEROS, 2, (byte) 0x40, "behind its last code");
        assertRefused(good, "scales", 3, (byte) 0xff, "finite and not negative");
        assertRefused(good, AffineFormat.GROUP_INDEX, 1, (byte) 1, "the groups 0 to 2");
    }

    private static void assertRefused(AffineMatrix good, String name, int at, byte value, String reason) {
        Map<String, Part> parts = new HashMap<>();
        for (Part part : good.parts()) {
            byte[] bytes = part.bytes().toArray(ValueLayout.JAVA_BYTE);
            if (part.name().equals(name)) {
                bytes[at] = value;
            }
            parts.put(part.name(), new Part(part.name(), part.type(), part.shape(), MemorySegment.ofArray(bytes)));
        }
        assertThatThrownBy(() -> MatrixFormats.read(good.format(), 3, 5, parts))
                .isInstanceOf(MalformedPartException.class)
                .hasMessageContaining(name)
                .hasMessageContaining(reason);
    }

    @Test
    void partsAreExact() {
        assertThat(MatrixFormats.layout("affine3-g8-f16-gidx", 3, 17))
                .containsExactly(
                        PartSpec.of("codes", DType.U8, 20), // 51 codes of 3 bits
                        PartSpec.of("scales", DType.F16, 9),
                        PartSpec.of("zeros", DType.U8, 4), // 9 zero points of 3 bits
                        PartSpec.of("group_index", DType.I32, 17));
        assertThat(MatrixFormats.layout("affine2-row-s4x2-bf16-sym", 3, 17))
                .containsExactly(
                        PartSpec.of("codes", DType.U8, 13),
                        PartSpec.of("scale_codes", DType.U8, 2),
                        PartSpec.of("super_scales", DType.BF16, 2),
                        PartSpec.of("offset", DType.F32, 1));
        assertThat(MatrixFormats.bytes("affine2-g128-f16", 1 << 17, 1 << 17))
                .isEqualTo((1L << 32) + (1L << 28) + (1L << 25));
    }

    @Test
    void bytesAreThoseOfTheDocument() {
        AffineMatrix matrix = AffineMatrix.of(
                1,
                3,
                (AffineFormat) MatrixFormats.parse("affine2-g2-f16-gidx"),
                PackedCodes.pack(new byte[] {3, 0, 2}, 2),
                new EncodedScales(new float[] {0.5f, 2}, new byte[0], new float[0], 0),
                new byte[] {1, 2},
                new int[] {0, 1, 0});
        FloatMatrix decoded = FloatMatrix.wrap(1, 3, new float[3]);
        matrix.dequantize(0, decoded, Workers.serial());
        assertThat(decoded.toArray()).containsExactly(1f, -4f, 0.5f);
        byte[][] expected = {{0b10_00_11}, {0, 0x38, 0, 0x40}, {0b10_01}, {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}};
        for (int i = 0; i < expected.length; i++) {
            assertThat(matrix.parts().get(i).bytes().toArray(ValueLayout.JAVA_BYTE))
                    .isEqualTo(expected[i]);
        }
    }

    /** 70000 x 40000 one-bit codes in a file that is nearly all hole. */
    @Test
    void moreThanTwoToTheThirtyOneWeightsAreReadAtTheirPlace(@TempDir Path temp) throws IOException {
        int rows = 70_000;
        int columns = 40_000;
        AffineFormat format = (AffineFormat) MatrixFormats.parse("affine1-row-f32");
        long bytes = PackedCodes.bytes((long) rows * columns, 1);
        float[] scales = new float[rows];
        scales[rows - 1] = 3;
        try (FileChannel file = FileChannel.open(
                        temp.resolve("codes"),
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE);
                Arena arena = Arena.ofConfined()) {
            MemorySegment codes = file.map(FileChannel.MapMode.READ_WRITE, 0, bytes, arena);
            codes.set(ValueLayout.JAVA_BYTE, bytes - 1, (byte) 0x80);
            EncodedScales stored = EncodedScales.encode(scales, format.scales()).orElseThrow();
            AffineMatrix matrix = AffineMatrix.of(rows, columns, format, codes, stored, new byte[rows], new int[0]);
            assertThat(matrix.code(rows - 1, columns - 1)).isOne();
            assertThat(matrix.code(rows - 1, columns - 2)).isZero();
            FloatMatrix last = FloatMatrix.wrap(2, columns, new float[2 * columns]);
            matrix.dequantize(rows - 2, last, Workers.serial());
            assertThat(last.get(1, columns - 1)).isEqualTo(3f);
            assertThat(last.get(1, columns - 2)).isZero();
            assertThat(last.get(0, columns - 1)).isZero();
        }
    }

    @Test
    void identifiers() {
        for (String id :
                List.of("affine0-g32-f16", "affine9-g32-f16", "affine2-g0-f16", "affine2-f16", "affine2-g32")) {
            assertThatThrownBy(() -> MatrixFormats.parse(id)).isInstanceOf(InvalidRequestException.class);
        }
        AffineFormat format = (AffineFormat) MatrixFormats.parse("affine3-row-s4x64-bf16-sym-gidx");
        assertThat(format.groupSize()).isZero();
        assertThat(format.symmetric() && format.indexed()).isTrue();
        assertThat(PackedCodes.bytes(10, 3)).isEqualTo(4);
    }
}
