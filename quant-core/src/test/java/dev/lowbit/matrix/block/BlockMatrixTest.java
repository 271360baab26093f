package dev.lowbit.matrix.block;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.QuantizedMatrixContract;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;

class BlockMatrixTest extends QuantizedMatrixContract {
    @Override
    protected List<String> formats() {
        return List.of(
                "nf4-g64-s8x256-fp32",
                "nf4-g64-s8x256-fp32-flat",
                "nf3-g16-s3x16-bf16",
                "nf3-g7-s5x4-fp16-flat",
                "nf2-g32-f16",
                "int1-g40-bf16",
                "int4-g24-f32-flat",
                "int5-g64-f16",
                "nf8-g64-s8x256-fp32-flat",
                "lc2-g16-s4x16-fp16",
                "lc1-g32-f16");
    }

    @Override
    protected QuantizedMatrix quantize(FloatMatrix weights, String format, Workers workers) {
        return BlockQuantizer.quantize(weights, BlockFormat.parse(format), workers);
    }
}
