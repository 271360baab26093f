package dev.lowbit.int2lrec;

import static dev.lowbit.int2lrec.ScalarRangeCosts.FAR;
import static dev.lowbit.int2lrec.ScalarRangeCosts.ROUND;
import static dev.lowbit.int2lrec.ScalarRangeCosts.SMALLEST;
import static dev.lowbit.int2lrec.ScalarRangeCosts.START;

import dev.lowbit.kernel.VectorWidth;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The SIMD form of {@link ScalarRangeCosts}: the same operations in the same order, a lane for each candidate. */
final class VectorRangeCosts implements RangeCosts {
    private static final VectorSpecies<Float> FLOATS = VectorWidth.floats();
    private static final int LANES = FLOATS.length();

    @Override
    public void of(float[] values, float[] scales, float[] zeros, int largest, double[] costs) {
        for (int c = 0; c < scales.length; c += LANES) {
            FloatVector scale = FloatVector.fromArray(FLOATS, scales, c);
            FloatVector zero = FloatVector.fromArray(FLOATS, zeros, c);
            DoubleVector low = (DoubleVector) FloatVector.zero(FLOATS).convert(VectorOperators.F2D, 0);
            DoubleVector high = low;
            for (float value : values) {
                FloatVector v = FloatVector.broadcast(FLOATS, value);
                FloatVector rounded = v.div(scale).min(FAR).max(-FAR).add(ROUND).sub(ROUND);
                FloatVector code = rounded.add(zero).min(largest).max(0);
                FloatVector term = power(scale.mul(code.sub(zero)).sub(v));
                low = low.add(term.convert(VectorOperators.F2D, 0));
                high = high.add(term.convert(VectorOperators.F2D, 1));
            }
            low.intoArray(costs, c);
            high.intoArray(costs, c + LANES / 2);
        }
    }

    private static FloatVector power(FloatVector x) {
        FloatVector square = x.mul(x);
        FloatVector y = square.max(SMALLEST);
        FloatVector bits = (FloatVector) y.reinterpretAsInts().convert(VectorOperators.I2F, 0);
        IntVector fifth = (IntVector) bits.mul(0.2f).convert(VectorOperators.F2I, 0);
        FloatVector r = fifth.neg().add(START).reinterpretAsFloats();
        for (int i = 0; i < 3; i++) {
            FloatVector r2 = r.mul(r);
            FloatVector fifthPower = y.mul(r2.mul(r2).mul(r));
            r = r.mul(FloatVector.broadcast(FLOATS, 1.2f).sub(fifthPower.mul(0.2f)));
        }
        FloatVector r2 = r.mul(r);
        return square.mul(square.mul(r2.mul(r2)));
    }
}
