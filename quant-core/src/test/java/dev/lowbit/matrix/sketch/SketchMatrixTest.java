package dev.lowbit.matrix.sketch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.QuantizedMatrixContract;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SketchMatrixTest extends QuantizedMatrixContract {
    @Override
    protected List<String> formats() {
        return List.of(
                "sketch2-r1-f16",
                "sketch3-r1-bf16",
                "sketch4-r1-f32",
                "sketch4-r4-f16",
                "sketch3-r8-f16",
                "sketch2-r1-t3-s4x16-bf16",
                "sketch3-r4-t6-s6x64-bf16",
                "sketch4-r1-t8-f16");
    }

    @Override
    protected boolean suits(String format, int rows, int columns) {
        return columns % format(format).groups() == 0;
    }

    @Override
    protected QuantizedMatrix quantize(FloatMatrix weights, String format, Workers workers) {
        return SketchSamples.matrix(weights, format(format));
    }

    private static SketchFormat format(String id) {
        return (SketchFormat) MatrixFormats.parse(id);
    }

    private static FloatMatrix weights(int rows, int columns) {
        FloatMatrix weights = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        for (int i = 0; i < rows * columns; i++) {
            weights.set(i / columns, i % columns, (float) Math.sin(i * i));
        }
        return weights;
    }

    @ParameterizedTest
    @ValueSource(strings = {"sketch2-r1-f32", "sketch3-r3-f16", "sketch4-r7-t5-f16", "sketch4-r1-t8-s8x4-fp32"})
    void valuesAreTheFormula(String id) {
        int columns = 63;
        SketchMatrix matrix = SketchSamples.matrix(weights(9, columns), format(id));
        FloatMatrix decoded = FloatMatrix.wrap(9, columns, new float[9 * columns]);
        matrix.dequantize(0, decoded, Workers.serial());
        float[] tables = matrix.tables().toArray();
        byte[] codes = matrix.codes();
        int groups = matrix.sketchFormat().groups();
        int k = matrix.sketchFormat().entries();
        for (int i = 0; i < 9; i++) {
            for (int j = 0; j < columns; j++) {
                int table = i * groups + j / (columns / groups);
                assertThat(decoded.get(i, j)).isEqualTo(tables[table * k + codes[i * columns + j]]);
            }
        }
    }

    /** Another task: other tables, the very same bytes of codes. */
    @Test
    void otherTablesShareTheCodes() {
        SketchMatrix base = SketchSamples.matrix(weights(5, 32), format("sketch3-r2-t5-f16"));
        float[] others = base.tables().toArray();
        for (int i = 0; i < others.length; i++) {
            others[i] = -2 * others[i];
        }
        StoredTables task =
                StoredTables.round(others, 8, new TableFormat.Direct(DType.F32)).orElseThrow();
        SketchMatrix tuned = base.with(task);
        assertThat(tuned.format()).isEqualTo("sketch3-r2-f32");
        assertThat(tuned.parts().getFirst().bytes())
                .isSameAs(base.parts().getFirst().bytes());
        FloatMatrix was = FloatMatrix.wrap(5, 32, new float[160]);
        FloatMatrix is = FloatMatrix.wrap(5, 32, new float[160]);
        base.dequantize(0, was, Workers.serial());
        tuned.dequantize(0, is, Workers.serial());
        for (int i = 0; i < 160; i++) {
            assertThat(is.get(i / 32, i % 32)).isEqualTo(-2 * was.get(i / 32, i % 32));
        }
    }

    @Test
    void groupsOfDifferentWidthAreRefused() {
        assertThatThrownBy(() -> MatrixFormats.layout("sketch4-r4-f16", 3, 30))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessage("30 columns do not make 4 equal groups; take a divisor, for example 1");
        for (String id :
                List.of("sketch1-r1-f16", "sketch5-r1-f16", "sketch4-r0-f16", "sketch4-r1-t2-f16", "sketch4")) {
            assertThatThrownBy(() -> MatrixFormats.parse(id)).isInstanceOf(InvalidRequestException.class);
        }
        assertThatThrownBy(() -> MatrixFormats.parse("sketch4-r65-f16")).hasMessageContaining("1 to 64 groups");
    }

    @Test
    void roundingThatOverflowsIsTold() {
        float[] wanted = {1e9f, 1, 2, 3};
        assertThat(StoredTables.round(wanted, 4, new TableFormat.Direct(DType.F16)))
                .isEmpty();
        assertThat(StoredTables.round(wanted, 4, (TableFormat.Coded)
                        format("sketch2-r1-t4-f16").tables()))
                .isEmpty();
        assertThat(StoredTables.round(wanted, 4, new TableFormat.Direct(DType.BF16)))
                .isPresent();
    }

    @Test
    void impossibleValuesAreMalformed() {
        SketchMatrix direct = SketchSamples.matrix(weights(2, 8), format("sketch2-r1-f32"));
        refused(direct, "tables", 3, Float.NaN, "gives NaN at index 3");
        SketchMatrix coded = SketchSamples.matrix(weights(2, 8), format("sketch2-r1-t4-f32"));
        Map<String, Part> parts = parts(coded);
        MemorySegment codes = copy(parts.get("table_codes"));
        codes.set(ValueLayout.JAVA_BYTE, 0, (byte) 0xf0);
        parts.put("table_codes", Part.of("table_codes", DType.U8, codes));
        assertThatThrownBy(() -> MatrixFormats.read(coded.format(), 2, 8, parts))
                .isInstanceOf(MalformedPartException.class)
                .hasMessageContaining("holds 15 at index 1; codes of entries are 0 to 14");
        refused(coded, "scales", 1, 3e38f, "at index 4; entries of tables are finite");
    }

    private static void refused(SketchMatrix matrix, String part, int at, float value, String message) {
        Map<String, Part> parts = parts(matrix);
        MemorySegment bytes = copy(parts.get(part));
        bytes.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at, value);
        parts.put(part, new Part(part, DType.F32, parts.get(part).shape(), bytes));
        assertThatThrownBy(() -> MatrixFormats.read(matrix.format(), matrix.rows(), matrix.columns(), parts))
                .isInstanceOf(MalformedPartException.class)
                .hasMessageContaining(message);
    }

    private static Map<String, Part> parts(SketchMatrix matrix) {
        Map<String, Part> parts = new HashMap<>();
        matrix.parts().forEach(part -> parts.put(part.name(), part));
        return parts;
    }

    private static MemorySegment copy(Part part) {
        return MemorySegment.ofArray(part.bytes().toArray(ValueLayout.JAVA_BYTE));
    }
}
