package dev.lowbit.lqlora;

import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.CodebookKind;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/**
 * The ways to store the quantized part that are priced: the 432 configurations of the paper, NormalFloat of the 5 bits
 * that its grid leaves out, and one-level scales, which cost less on matrices of a few blocks.
 */
final class CandidateGrid {
    private static final int[] PAPER_GROUPS = {16, 32, 64};
    private static final DType[] SUPER_TYPES = {DType.BF16, DType.F16, DType.F32};

    private CandidateGrid() {}

    /** @param groupSize weights per block scale, or 0 for the paper's 16, 32 and 64 */
    static List<BlockFormat> formats(int groupSize) {
        List<BlockFormat> formats = new ArrayList<>();
        for (int group : groupSize == 0 ? PAPER_GROUPS : new int[] {groupSize}) {
            for (int bits : new int[] {2, 3, 4, 5, 8}) {
                for (ScaleFormat scales : scales(bits)) {
                    formats.add(new BlockFormat(CodebookKind.NF, bits, group, scales));
                }
            }
        }
        return formats;
    }

    private static List<ScaleFormat> scales(int codeBits) {
        boolean inPaper = codeBits != 5;
        List<ScaleFormat> scales = new ArrayList<>();
        scales.add(new ScaleFormat.OneLevel(DType.BF16));
        scales.add(new ScaleFormat.OneLevel(DType.F16));
        for (int scaleBits : inPaper ? new int[] {2, 3, 4, 8} : new int[] {4, 8}) {
            for (int superGroup : inPaper ? new int[] {16, 64, 256} : new int[] {256}) {
                for (DType type : SUPER_TYPES) {
                    scales.add(new ScaleFormat.TwoLevel(scaleBits, superGroup, type));
                }
            }
        }
        return scales;
    }
}
