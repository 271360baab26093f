package dev.lowbit.cuda.check;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.codebook.LearnedCodebook;
import dev.lowbit.codebook.NormalFloat;
import dev.lowbit.codebook.UniformGrid;
import dev.lowbit.cuda.CudaDevice;
import dev.lowbit.cuda.kernels.DeviceQuantizer;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.affine.AffineQuantizer;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.StoredScales;
import dev.lowbit.matrix.sketch.SketchMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** Codes from the device against those of the CPU's quantizers: all parts to the byte. */
final class QuantizeCases {
    private static final int[][] SHAPES = {{1, 1}, {1, 37}, {37, 1}, {5, 64}, {63, 129}, {65, 200}};

    private static final List<String> BLOCKS = List.of(
            "nf2-g64-f32",
            "nf3-g64-s8x256-bf16",
            "nf4-g64-f16",
            "nf5-g48-bf16",
            "nf6-g32-f32-flat",
            "nf7-g16-s4x16-fp16",
            "nf8-g64-s8x256-fp32-flat",
            "int1-g32-f16",
            "int2-g16-s6x64-fp16",
            "int3-g32-bf16",
            "int4-g128-f32",
            "int5-g24-f32",
            "int6-g7-f32-flat",
            "int7-g64-f32",
            "int8-g64-s8x16-bf16",
            "lc1-g32-f16",
            "lc2-g16-s8x256-fp16-flat",
            "lc4-g8-f32",
            "lc8-g64-f32");

    private static final List<String> AFFINES = List.of(
            "affine1-g32-f16",
            "affine2-g32-f16",
            "affine3-g64-s4x64-bf16",
            "affine4-row-f16-sym",
            "affine4-g128-f32",
            "affine5-g10-bf16",
            "affine6-g64-f16-sym",
            "affine7-row-s8x16-fp32",
            "affine8-g64-f16");

    private static final List<String> SKETCHES =
            List.of("sketch2-r1-f16", "sketch3-r1-bf16", "sketch4-r1-f32", "sketch4-r1-t6-f16", "sketch2-r1-t4-f32");

    private QuantizeCases() {}

    static List<ParityCase> all() {
        List<ParityCase> cases = new ArrayList<>();
        for (int[] shape : SHAPES) {
            for (String format : BLOCKS) {
                cases.add(named(format, shape, device -> block(device, BlockFormat.parse(format), weights(shape))));
            }
            for (String format : AFFINES) {
                AffineFormat affine = AffineFormat.parseIfAffine(format).orElseThrow();
                cases.add(named(format, shape, device -> affine(device, affine, weights(shape))));
            }
            for (String format : SKETCHES) {
                cases.add(named(format, shape, device -> sketch(device, format, weights(shape))));
            }
        }
        return cases;
    }

    private static ParityCase named(String format, int[] shape, Predicate<CudaDevice> equal) {
        return new EqualCase("quantize " + format + " " + shape[0] + " x " + shape[1], equal);
    }

    /** Normal values with rows of zeros, of very small and of large ones, and ties. */
    private static FloatMatrix weights(int[] shape) {
        FloatMatrix weights = Samples.normal(shape[0], shape[1], 5L * shape[0] + shape[1]);
        float[] factors = {1, 0, 0x1p-60f, 1, 0x1p10f, 1};
        for (int i = 0; i < shape[0]; i++) {
            for (int j = 0; j < shape[1]; j++) {
                float value = i % 5 == 3 ? Math.round(4 * weights.get(i, j)) / 8f : weights.get(i, j);
                weights.set(i, j, value * factors[i % factors.length]);
            }
        }
        return weights;
    }

    private static boolean block(CudaDevice device, BlockFormat format, FloatMatrix weights) {
        Codebook codebook = codebook(format);
        return sameParts(
                BlockQuantizer.quantize(weights, format, codebook, Workers.serial()),
                new DeviceQuantizer(device.library()).block(weights, format, codebook));
    }

    private static Codebook codebook(BlockFormat format) {
        int bits = format.codeBits();
        return switch (format.codebook()) {
            case NF -> NormalFloat.of(bits);
            case INT -> UniformGrid.of(bits);
            case LC -> LearnedCodebook.rounded(bits == 1 ? UniformGrid.of(1) : NormalFloat.of(bits));
        };
    }

    private static boolean affine(CudaDevice device, AffineFormat format, FloatMatrix weights) {
        AffineMatrix host = AffineQuantizer.quantize(weights, Importance.uniform(), format, Workers.serial())
                .matrix();
        StoredScales stored = host.scales();
        EncodedScales scales =
                new EncodedScales(stored.values(), stored.codes(), stored.superScales(), stored.offset());
        return sameParts(host, new DeviceQuantizer(device.library()).affine(weights, format, scales, host.zeros()));
    }

    private static boolean sketch(CudaDevice device, String format, FloatMatrix weights) {
        SketchMatrix sample = (SketchMatrix) Samples.matrix(format, weights.rows(), weights.columns(), false);
        int entries = sample.sketchFormat().entries();
        float[] tables = sample.tables().toArray();
        byte[] codes = new byte[(int) weights.size()];
        for (int i = 0; i < codes.length; i++) {
            int table = i / weights.columns() * entries;
            float weight = weights.get(i / weights.columns(), i % weights.columns());
            int best = 0;
            for (int c = 1; c < entries; c++) {
                if (Math.abs(tables[table + c] - weight) < Math.abs(tables[table + best] - weight)) {
                    best = c;
                }
            }
            codes[i] = (byte) best;
        }
        SketchMatrix host = SketchMatrix.of(
                weights.rows(),
                weights.columns(),
                sample.sketchFormat(),
                PackedCodes.pack(codes, sample.sketchFormat().codeBits()),
                sample.tables());
        return sameParts(
                host, new DeviceQuantizer(device.library()).sketch(weights, sample.sketchFormat(), sample.tables()));
    }

    private static boolean sameParts(QuantizedMatrix a, QuantizedMatrix b) {
        if (a.parts().size() != b.parts().size()) {
            return false;
        }
        for (int i = 0; i < a.parts().size(); i++) {
            if (!a.parts().get(i).name().equals(b.parts().get(i).name())
                    || a.parts().get(i).bytes().mismatch(b.parts().get(i).bytes()) >= 0) {
                return false;
            }
        }
        return true;
    }
}
