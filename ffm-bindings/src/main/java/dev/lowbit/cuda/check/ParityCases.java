package dev.lowbit.cuda.check;

import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.sketch.SketchFormat;
import dev.lowbit.matrix.sum.SumFormat;
import java.util.ArrayList;
import java.util.List;

/** All comparisons of the device with the scalar reference. */
public final class ParityCases {
    /** Single rows and columns, rows that begin within a byte, lengths around 64, groups that do not divide. */
    private static final int[][] SHAPES = {{1, 1}, {1, 37}, {37, 1}, {63, 129}, {64, 96}, {65, 200}, {300, 65}, {2, 520}
    };

    /** Enough rows, and whole words of codes, for products by lookup: one tile and several, units and rows left over. */
    private static final int[][] LOOKUP_SHAPES = {{64, 64}, {97, 288}, {81, 2080}};

    private static final List<String> FORMATS = List.of(
            "nf2-g64-f16",
            "nf3-g64-s8x256-bf16",
            "nf4-g64-f32",
            "nf4-g32-s8x256-fp32",
            "nf5-g64-bf16",
            "nf6-g32-f16",
            "nf7-g16-s4x16-fp16",
            "nf8-g64-s8x256-fp32",
            "nf8-g64-s8x256-fp32-flat",
            "nf4-g64-s8x256-fp32-flat",
            "nf3-g64-f16-flat",
            "int1-g32-f16",
            "int1-g64-s5x3-bf16",
            "int2-g16-s6x64-fp16",
            "int2-g48-s3x7-bf16-flat",
            "int2-g64-s8x256-bf16",
            "int3-g32-bf16",
            "int4-g128-f16",
            "int5-g24-f16",
            "int6-g7-f16",
            "int7-g64-f32",
            "int8-g64-s8x16-bf16",
            "lc1-g32-f16",
            "lc2-g16-s8x256-fp16",
            "lc2-g16-s8x256-fp16-flat",
            "lc3-g96-f16",
            "lc4-g8-bf16",
            "lc5-g64-f16",
            "lc6-g64-f16",
            "lc7-g64-f16",
            "lc8-g64-s1x9-fp16",
            "affine1-g32-f16",
            "affine2-g32-f16",
            "affine2-g64-s6x64-fp16-sym",
            "affine3-g64-s4x64-bf16",
            "affine3-g32-f16-sym-gidx",
            "affine4-row-f16-sym",
            "affine4-g32-bf16",
            "affine4-g128-f16-gidx",
            "affine5-g64-f32",
            "affine6-g10-bf16",
            "affine7-row-s8x16-fp32",
            "affine8-g64-f16-sym",
            "affine8-g32-f16",
            "aq1x8-g8-row-f16",
            "aq2x8-g8-row-f16",
            "aq2x8-g8-s64-s4x64-bf16",
            "aq4x8-g4-s16-f32",
            "aq4x8-g1-row-bf16",
            "aq3x8-g8-row-f16",
            "aq1x12-g4-s64-s4x64-bf16",
            "aq1x16-g8-row-f16",
            "aq2x4-g8o2-row-f16",
            "aq3x5-g7o3-row-bf16",
            "aq8x1-g3-s9-f32",
            "aq2x6-g16o8-row-f16",
            "sketch2-r1-f16",
            "sketch3-r1-bf16",
            "sketch4-r1-f32",
            "sketch4-r4-f16",
            "sketch3-r2-t6-s6x64-bf16",
            "sketch2-r8-t4-f16",
            "f16",
            "bf16",
            "f32",
            "nf4-g64-f16+r3-f16",
            "nf3-g64-s8x256-bf16+r8-nf8",
            "affine2-g32-f16+r33-bf16",
            "aq2x8-g8-row-f16+r5-f32",
            "sketch4-r1-f16+r2-f16",
            "lc2-g16-s8x256-fp16+r300-bf16");

    private static final List<String> EXTREMES = List.of(
            "nf4-g64-f16",
            "nf4-g32-f32",
            "nf3-g32-bf16",
            "int2-g16-s6x64-fp16",
            "lc2-g16-s8x256-bf16-flat",
            "affine4-g32-f16",
            "affine3-g64-bf16",
            "affine8-g64-s8x16-fp32",
            "aq2x8-g8-s64-f32",
            "sketch3-r2-t6-f16");

    private ParityCases() {}

    /** Products, decoding and quantizing of all formats, Gram matrices, scores. */
    public static List<ParityCase> all() {
        List<ParityCase> cases = new ArrayList<>();
        FORMATS.forEach(format -> addShapes(format, false, cases));
        EXTREMES.forEach(format -> addShapes(format, true, cases));
        cases.addAll(QuantizeCases.all());
        cases.addAll(SumCases.all());
        return List.copyOf(cases);
    }

    private static void addShapes(String format, boolean extreme, List<ParityCase> cases) {
        MatrixFormat parsed = MatrixFormats.parse(format);
        for (int[][] shapes : byLookup(parsed) ? new int[][][] {SHAPES, LOOKUP_SHAPES} : new int[][][] {SHAPES}) {
            for (int[] shape : shapes) {
                if (suits(parsed, shape[1])) {
                    cases.add(new MatrixCase(format, shape[0], shape[1], extreme));
                }
            }
        }
    }

    /** Whether there are shapes that are multiplied by lookup. */
    private static boolean byLookup(MatrixFormat format) {
        return switch (format) {
            case SumFormat sum -> byLookup(sum.base());
            case BlockFormat block -> block.codeBits() <= 4;
            case AffineFormat affine -> affine.codeBits() <= 4;
            case AdditiveFormat additive -> additive.codeBits() == Byte.SIZE;
            default -> false;
        };
    }

    /** Only sketches care. */
    private static boolean suits(MatrixFormat format, int columns) {
        return switch (format) {
            case SumFormat sum -> suits(sum.base(), columns);
            case SketchFormat sketch -> sketch.suits(1, columns);
            default -> true;
        };
    }
}
