package dev.lowbit.pvtuning;

import dev.lowbit.kernel.VectorWidth;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The SIMD form of {@link ScalarCodewordSearch}: a lane for each codeword, four points at a time so that a load of codewords serves
 * four. The number of a lane's best codeword is kept as a double, because then one mask serves both blends.
 */
final class VectorCodewordSearch implements CodewordSearch {
    private static final VectorSpecies<Double> DOUBLES = VectorWidth.floats().withLanes(double.class);
    private static final int LANES = DOUBLES.length();
    private static final DoubleVector NUMBERS = DoubleVector.zero(DOUBLES).addIndex(1);

    @Override
    public void best(double[] points, int from, int count, CodewordLanes book, int[] codes) {
        double[] gains = new double[4 * LANES];
        double[] numbers = new double[4 * LANES];
        int whole = count / 4 * 4;
        for (int point = from; point < from + whole; point += 4) {
            four(points, point * book.dimensions(), book, gains, numbers);
            for (int i = 0; i < 4; i++) {
                codes[point + i] = first(gains, numbers, i * LANES);
            }
        }
        for (int point = from + whole; point < from + count; point++) {
            one(points, point * book.dimensions(), book, gains, numbers);
            codes[point] = first(gains, numbers, 0);
        }
    }

    /** The number with the largest gain among a point's lanes, the smallest number of equal ones. */
    private static int first(double[] gains, double[] numbers, int at) {
        double most = Double.NEGATIVE_INFINITY;
        double number = Double.POSITIVE_INFINITY;
        for (int i = at; i < at + LANES; i++) {
            if (gains[i] > most || gains[i] == most && numbers[i] < number) {
                most = gains[i];
                number = numbers[i];
            }
        }
        return (int) number;
    }

    private static void four(double[] points, int at, CodewordLanes book, double[] gains, double[] numbers) {
        int dimensions = book.dimensions();
        int stride = book.stride();
        double[] lanes = book.lanes();
        double[] offsets = book.negatedOffsets();
        DoubleVector most0 = DoubleVector.broadcast(DOUBLES, Double.NEGATIVE_INFINITY);
        DoubleVector most1 = most0;
        DoubleVector most2 = most0;
        DoubleVector most3 = most0;
        DoubleVector best0 = DoubleVector.zero(DOUBLES);
        DoubleVector best1 = best0;
        DoubleVector best2 = best0;
        DoubleVector best3 = best0;
        for (int k = 0; k < stride; k += LANES) {
            DoubleVector sum0 = DoubleVector.fromArray(DOUBLES, offsets, k);
            DoubleVector sum1 = sum0;
            DoubleVector sum2 = sum0;
            DoubleVector sum3 = sum0;
            for (int i = 0; i < dimensions; i++) {
                DoubleVector lane = DoubleVector.fromArray(DOUBLES, lanes, i * stride + k);
                sum0 = lane.fma(DoubleVector.broadcast(DOUBLES, points[at + i]), sum0);
                sum1 = lane.fma(DoubleVector.broadcast(DOUBLES, points[at + dimensions + i]), sum1);
                sum2 = lane.fma(DoubleVector.broadcast(DOUBLES, points[at + 2 * dimensions + i]), sum2);
                sum3 = lane.fma(DoubleVector.broadcast(DOUBLES, points[at + 3 * dimensions + i]), sum3);
            }
            DoubleVector number = NUMBERS.add(k);
            VectorMask<Double> more0 = sum0.compare(VectorOperators.GT, most0);
            VectorMask<Double> more1 = sum1.compare(VectorOperators.GT, most1);
            VectorMask<Double> more2 = sum2.compare(VectorOperators.GT, most2);
            VectorMask<Double> more3 = sum3.compare(VectorOperators.GT, most3);
            most0 = most0.blend(sum0, more0);
            most1 = most1.blend(sum1, more1);
            most2 = most2.blend(sum2, more2);
            most3 = most3.blend(sum3, more3);
            best0 = best0.blend(number, more0);
            best1 = best1.blend(number, more1);
            best2 = best2.blend(number, more2);
            best3 = best3.blend(number, more3);
        }
        most0.intoArray(gains, 0);
        most1.intoArray(gains, LANES);
        most2.intoArray(gains, 2 * LANES);
        most3.intoArray(gains, 3 * LANES);
        best0.intoArray(numbers, 0);
        best1.intoArray(numbers, LANES);
        best2.intoArray(numbers, 2 * LANES);
        best3.intoArray(numbers, 3 * LANES);
    }

    private static void one(double[] points, int at, CodewordLanes book, double[] gains, double[] numbers) {
        int dimensions = book.dimensions();
        int stride = book.stride();
        double[] lanes = book.lanes();
        double[] offsets = book.negatedOffsets();
        DoubleVector most = DoubleVector.broadcast(DOUBLES, Double.NEGATIVE_INFINITY);
        DoubleVector best = DoubleVector.zero(DOUBLES);
        for (int k = 0; k < stride; k += LANES) {
            DoubleVector sum = DoubleVector.fromArray(DOUBLES, offsets, k);
            for (int i = 0; i < dimensions; i++) {
                DoubleVector lane = DoubleVector.fromArray(DOUBLES, lanes, i * stride + k);
                sum = lane.fma(DoubleVector.broadcast(DOUBLES, points[at + i]), sum);
            }
            VectorMask<Double> more = sum.compare(VectorOperators.GT, most);
            most = most.blend(sum, more);
            best = best.blend(NUMBERS.add(k), more);
        }
        most.intoArray(gains, 0);
        best.intoArray(numbers, 0);
    }

    @Override
    public void gains(double[] points, int at, CodewordLanes book, double[] gains) {
        int dimensions = book.dimensions();
        int stride = book.stride();
        double[] lanes = book.lanes();
        double[] offsets = book.negatedOffsets();
        for (int k = 0; k < stride; k += LANES) {
            DoubleVector sum = DoubleVector.fromArray(DOUBLES, offsets, k);
            for (int i = 0; i < dimensions; i++) {
                DoubleVector lane = DoubleVector.fromArray(DOUBLES, lanes, i * stride + k);
                sum = lane.fma(DoubleVector.broadcast(DOUBLES, points[at + i]), sum);
            }
            sum.intoArray(gains, k);
        }
    }
}
