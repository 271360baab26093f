package dev.lowbit.matrix.aqlm;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.additive.AdditiveMatrix;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.function.Consumer;

/** A matrix in the exchange layout: the same codes and codewords, and for every scale the F16 next to it. */
public final class AqlmPacker {
    private static final int BAND_BYTES = 1 << 20;
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final AdditiveMatrix matrix;
    private final AqlmLayout layout;
    private final float[] scales;

    /**
     * Rounds the scales.
     *
     * @param layer for messages
     * @throws InvalidRequestException impossible, when the layout has no such matrix, or a scale is too large for F16
     */
    public AqlmPacker(String layer, AdditiveMatrix matrix) {
        this.matrix = matrix;
        this.layout = new AqlmLayout(matrix.rows(), matrix.columns(), matrix.additiveFormat());
        float[] wanted = matrix.scales().values();
        this.scales = new float[wanted.length];
        for (int p = 0; p < scales.length; p++) {
            scales[p] = ScaleType.round(DType.F16, wanted[p]);
            if (Float.isInfinite(scales[p])) {
                throw InvalidRequestException.impossible(layer + ": the scale " + wanted[p] + " of outputs "
                        + p * layout.format().outGroup()
                        + " and up is beyond F16, in which the AQLM layout has scales; export --to safetensors");
            }
        }
    }

    /** The scale of a row of tiles as it is written. */
    public float scale(int tileRow) {
        return scales[tileRow];
    }

    /**
     * Gives the bytes of {@link AqlmLayout#tensors}, in their order and piece by piece.
     *
     * @param out takes each piece before the next one is made, and does not keep it
     */
    public void write(Consumer<MemorySegment> out) {
        out.accept(ScaleType.part(AqlmLayout.CODEBOOKS, DType.F16, matrix.codebooks())
                .bytes());
        out.accept(ScaleType.part(AqlmLayout.SCALES, DType.F16, scales).bytes());
        int rowBytes = Math.multiplyExact(layout.codesOfRow(), layout.codeType().bytes());
        int bandRows = Math.clamp(BAND_BYTES / rowBytes, 1, layout.tileRows());
        byte[] band = new byte[Math.multiplyExact(bandRows, rowBytes)];
        for (int from = 0; from < layout.tileRows(); from += bandRows) {
            int rows = Math.min(bandRows, layout.tileRows() - from);
            for (int i = 0; i < rows; i++) {
                wrap(matrix.codes(from + i), MemorySegment.ofArray(band).asSlice((long) i * rowBytes, rowBytes));
            }
            out.accept(MemorySegment.ofArray(band).asSlice(0, (long) rows * rowBytes));
        }
    }

    /** Codes whose highest bit is set become negative. */
    private void wrap(char[] codes, MemorySegment to) {
        int unused = Integer.SIZE - layout.format().codeBits();
        for (int i = 0; i < codes.length; i++) {
            int signed = codes[i] << unused >> unused;
            if (layout.codeType() == DType.I8) {
                to.set(ValueLayout.JAVA_BYTE, i, (byte) signed);
            } else {
                to.setAtIndex(SHORT, i, (short) signed);
            }
        }
    }
}
