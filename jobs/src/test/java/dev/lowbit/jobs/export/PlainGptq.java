package dev.lowbit.jobs.export;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/** Reads the exchange layout in the plainest possible way: one bit after the other, as docs/formats/gptq.md says. */
public final class PlainGptq {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private PlainGptq() {}

    /** The float bits of a layer, outputs x inputs. */
    static int[] decode(Checkpoint checkpoint, String layer, int bits, boolean v2) {
        assertThat(checkpoint.info(layer + ".qweight").type()).isEqualTo(DType.I32);
        assertThat(checkpoint.info(layer + ".qzeros").type()).isEqualTo(DType.I32);
        assertThat(checkpoint.info(layer + ".scales").type()).isEqualTo(DType.F16);
        assertThat(checkpoint.info(layer + ".g_idx").type()).isEqualTo(DType.I32);
        List<Long> scaleShape = checkpoint.info(layer + ".scales").shape();
        int outputs = scaleShape.get(1).intValue();
        int inputs = checkpoint.info(layer + ".g_idx").shape().getFirst().intValue();
        assertThat(checkpoint.info(layer + ".qweight").shape()).containsExactly(inputs / 32L * bits, (long) outputs);
        assertThat(checkpoint.info(layer + ".qzeros").shape())
                .containsExactly(scaleShape.getFirst(), outputs / 32L * bits);
        try (Arena arena = Arena.ofConfined()) {
            int[] qweight = checkpoint.map(layer + ".qweight", arena).toArray(INT);
            int[] qzeros = checkpoint.map(layer + ".qzeros", arena).toArray(INT);
            short[] scales = checkpoint.map(layer + ".scales", arena).toArray(SHORT);
            int[] groups = checkpoint.map(layer + ".g_idx", arena).toArray(INT);
            int[] values = new int[outputs * inputs];
            for (int i = 0; i < outputs; i++) {
                for (int j = 0; j < inputs; j++) {
                    int code = 0;
                    int field = 0;
                    for (int k = 0; k < bits; k++) {
                        int codeBit = j * bits + k;
                        code |= (qweight[codeBit / 32 * outputs + i] >>> codeBit % 32 & 1) << k;
                        int zeroBit = i * bits + k;
                        field |= (qzeros[groups[j] * (outputs / 32 * bits) + zeroBit / 32] >>> zeroBit % 32 & 1) << k;
                    }
                    float scale = Float.float16ToFloat(scales[groups[j] * outputs + i]);
                    values[i * inputs + j] = Float.floatToRawIntBits(scale * (code - (v2 ? field : field + 1)));
                }
            }
            return values;
        }
    }

    /** Compares every compressed matrix, without its low-rank part, with an export, bit for bit; returns how many there are. */
    public static int requireSame(CompressedModel model, Checkpoint exported, int bits, boolean v2) {
        for (MatrixEntry entry : model.manifest().matrices()) {
            String layer = entry.name().substring(0, entry.name().length() - ".weight".length());
            assertThat(decode(exported, layer, bits, v2))
                    .as(entry.name())
                    .isEqualTo(bits(base(model.matrix(entry.name()))));
            assertThat(exported.names()).doesNotContain(entry.name());
        }
        return model.manifest().matrices().size();
    }

    /** What of a matrix is exchanged. */
    public static QuantizedMatrix base(QuantizedMatrix matrix) {
        return PeftAdapter.base(matrix);
    }

    /** The float bits of a matrix, outputs x inputs. */
    public static int[] bits(QuantizedMatrix matrix) {
        try (FloatMatrix out = FloatMatrix.allocate(matrix.rows(), matrix.columns())) {
            matrix.dequantize(0, out, Workers.serial());
            return out.segment().toArray(ValueLayout.JAVA_INT);
        }
    }
}
