package dev.lowbit.matrix.gptq;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.packed.WordFields;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.Shape;
import java.util.List;

/**
 * The tensors of one linear layer as GPTQ-for-LLaMa, AutoGPTQ and GPTQModel exchange them; docs/formats/gptq.md is their definition.
 *
 * @param rows m, outputs, a multiple of 32
 * @param columns n, inputs, a multiple of 32
 * @param bits b of a code: 2, 3, 4 or 8
 * @param groupSize columns of a group, 0 for one group a row
 */
public record GptqLayout(int rows, int columns, int bits, int groupSize) {
    /** Codes: I32, n/32 b x m; down a column run the inputs of one output. */
    public static final String QWEIGHT = "qweight";

    /** Zero points: I32, groups x m/32 b; along a row run the outputs. */
    public static final String QZEROS = "qzeros";

    /** F16, groups x m. */
    public static final String SCALES = "scales";

    /** The group of every input: I32, n. */
    public static final String GROUP_INDEX = "g_idx";

    /** @throws InvalidRequestException impossible, when the layout has no such layer */
    public GptqLayout {
        if (bits != 2 && bits != 3 && bits != 4 && bits != 8) {
            throw InvalidRequestException.impossible("the GPTQ layout has codes of 2, 3, 4 or 8 bits, not " + bits);
        }
        if (rows < 1 || columns < 1 || rows % WordFields.UNIT != 0 || columns % WordFields.UNIT != 0) {
            throw InvalidRequestException.impossible("the GPTQ layout needs outputs and inputs in multiples of "
                    + WordFields.UNIT + ", not " + rows + " x " + columns);
        }
        long words = (long) rows * (columns / WordFields.UNIT * bits);
        long groups = (long) rows * Math.ceilDiv(columns, groupSize == 0 ? columns : groupSize);
        if (Math.max(words, groups) > Shape.LARGEST_ARRAY) {
            throw InvalidRequestException.impossible(
                    rows + " x " + columns + " codes of " + bits + " bits are more than are exchanged at once");
        }
    }

    /** The layout of a matrix in an affine format. */
    public static GptqLayout of(AffineFormat format, int rows, int columns) {
        return new GptqLayout(rows, columns, format.codeBits(), format.groupSize());
    }

    /** Our format for the same values. */
    public AffineFormat format(boolean symmetric, boolean indexed) {
        return new AffineFormat(bits, groupSize, new ScaleFormat.OneLevel(DType.F16), symmetric, indexed);
    }

    /** Groups of a row. */
    int groups() {
        return Math.ceilDiv(columns, groupColumns());
    }

    int groupColumns() {
        return groupSize == 0 ? columns : groupSize;
    }

    /** Words of the zero points of one group. */
    int zeroWords() {
        return rows / WordFields.UNIT * bits;
    }

    /** Names, types and shapes, wide elements first. */
    public List<PartSpec> tensors() {
        long groups = groups();
        return List.of(
                new PartSpec(QWEIGHT, DType.I32, List.of((long) columns / WordFields.UNIT * bits, (long) rows)),
                new PartSpec(QZEROS, DType.I32, List.of(groups, (long) zeroWords())),
                PartSpec.of(GROUP_INDEX, DType.I32, columns),
                new PartSpec(SCALES, DType.F16, List.of(groups, (long) rows)));
    }
}
