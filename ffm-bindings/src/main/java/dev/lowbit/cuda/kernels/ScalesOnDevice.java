package dev.lowbit.cuda.kernels;

import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.matrix.scale.StoredScales;

/**
 * Scales as kernels read them: one level as it is stored; of two levels the codes as they are stored and for each super-block f = (2^bits - 1) / super-scale, which
 * exact decoding divides by, beside 1 / f, which products multiply with.
 *
 * @param values address of the stored scales or scale codes
 * @param factors address of f, 1 / f of each super-block; 0 with one level
 */
record ScalesOnDevice(long values, long factors, float offset, int stored, int bits, int superGroup) {
    static ScalesOnDevice of(Owned memory, StoredScales scales) {
        long values = memory.upload(scales.parts().getFirst().bytes()).address();
        return switch (scales.format()) {
            case ScaleFormat.OneLevel one -> new ScalesOnDevice(values, 0, 0, FloatStored.of(one.type()), 0, 1);
            case ScaleFormat.TwoLevel two -> {
                float[] superScales = scales.superScales();
                float last = (1 << two.codeBits()) - 1;
                float[] factors = new float[2 * superScales.length];
                for (int s = 0; s < superScales.length; s++) {
                    factors[2 * s] = last / superScales[s];
                    factors[2 * s + 1] = 1 / factors[2 * s];
                }
                yield new ScalesOnDevice(
                        values,
                        memory.upload(factors).address(),
                        scales.offset(),
                        FloatStored.TWO_LEVELS,
                        two.codeBits(),
                        two.superGroup());
            }
        };
    }
}
