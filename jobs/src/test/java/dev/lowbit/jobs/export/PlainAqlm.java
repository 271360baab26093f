package dev.lowbit.jobs.export;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/** Reads the exchange layout of AQLM in the plainest possible way: one weight after the other, as docs/formats/aqlm.md says. */
public final class PlainAqlm {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private PlainAqlm() {}

    /** The float bits of a layer, outputs x inputs. */
    public static int[] decode(Checkpoint checkpoint, String layer) {
        assertThat(checkpoint.info(layer + ".codebooks").type()).isEqualTo(DType.F16);
        assertThat(checkpoint.info(layer + ".scales").type()).isEqualTo(DType.F16);
        List<Long> codeShape = checkpoint.info(layer + ".codes").shape();
        List<Long> bookShape = checkpoint.info(layer + ".codebooks").shape();
        int tileColumns = codeShape.get(1).intValue();
        int codebooks = codeShape.get(2).intValue();
        int entries = bookShape.get(1).intValue();
        int outGroup = bookShape.get(2).intValue();
        int inGroup = bookShape.get(3).intValue();
        assertThat(bookShape.getFirst()).isEqualTo(codebooks);
        assertThat(checkpoint.info(layer + ".scales").shape()).containsExactly(codeShape.getFirst(), 1L, 1L, 1L);
        boolean wide = entries > 256;
        assertThat(checkpoint.info(layer + ".codes").type()).isEqualTo(wide ? DType.I16 : DType.I8);
        int rows = codeShape.getFirst().intValue() * outGroup;
        int columns = tileColumns * inGroup;
        int[] bits = new int[rows * columns];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment codes = checkpoint.map(layer + ".codes", arena);
            short[] words = checkpoint.map(layer + ".codebooks", arena).toArray(SHORT);
            short[] scales = checkpoint.map(layer + ".scales", arena).toArray(SHORT);
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < columns; j++) {
                    float sum = 0;
                    for (int m = 0; m < codebooks; m++) {
                        long at = ((long) i / outGroup * tileColumns + j / inGroup) * codebooks + m;
                        int stored = wide ? codes.getAtIndex(SHORT, at) : codes.get(ValueLayout.JAVA_BYTE, at);
                        int word = m * entries + Math.floorMod(stored, entries);
                        float value =
                                Float.float16ToFloat(words[(word * outGroup + i % outGroup) * inGroup + j % inGroup]);
                        sum = m == 0 ? value : sum + value;
                    }
                    bits[i * columns + j] = Float.floatToRawIntBits(Float.float16ToFloat(scales[i / outGroup]) * sum);
                }
            }
        }
        return bits;
    }

    /** Compares every compressed matrix, without its low-rank part, with an export, bit for bit; returns how many there are. */
    static int requireSame(CompressedModel model, Checkpoint exported) {
        for (String name : model.names()) {
            String layer = name.substring(0, name.length() - ".weight".length());
            assertThat(decode(exported, layer)).as(name).isEqualTo(PlainGptq.bits(PlainGptq.base(model.matrix(name))));
            assertThat(exported.names()).doesNotContain(name);
        }
        return model.names().size();
    }
}
