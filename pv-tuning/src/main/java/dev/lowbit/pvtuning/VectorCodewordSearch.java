package dev.lowbit.pvtuning;

import dev.lowbit.kernel.VectorWidth;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The SIMD form of {@link ScalarCodewordSearch}. {@link #best} has a lane for each point: the points of a block stay in registers while the codewords go
 * by, one number of a codeword serves every lane, and nothing is left to compare across lanes. The two widths of a codeword that groups of 4 and 8
 * weights have are written out, because the compiler unrolls no loop over coordinates. The number of a lane's best codeword is kept as a double,
 * because then one mask serves both blends.
 *
 * <p>{@link #gains} has a lane for each codeword.
 */
final class VectorCodewordSearch implements CodewordSearch {
    private static final VectorSpecies<Double> DOUBLES = VectorWidth.floats().withLanes(double.class);
    private static final int LANES = DOUBLES.length();

    /** For what is left of no whole vector. */
    private static final CodewordSearch REST = new ScalarCodewordSearch();

    @Override
    public void best(double[] points, int from, int count, CodewordLanes book, int[] codes) {
        int dimensions = book.dimensions();
        int width = book.rowWidth();
        // as many points as leave room in 32 registers
        int block = (width == 8 ? 2 : 4) * LANES;
        double[] turned = new double[width * block];
        double[] numbers = new double[block];
        for (int point = from; point < from + count; point += block) {
            int some = Math.min(block, from + count - point);
            for (int p = 0; p < some; p++) {
                for (int i = 0; i < dimensions; i++) {
                    turned[i * block + p] = points[(point + p) * dimensions + i];
                }
            }
            switch (width) {
                case 4 -> bestOf4(turned, book, numbers);
                case 8 -> bestOf8(turned, book, numbers);
                default -> bestOfAny(turned, book, numbers);
            }
            for (int p = 0; p < some; p++) {
                codes[point + p] = (int) numbers[p];
            }
        }
    }

    private static void bestOf4(double[] points, CodewordLanes book, double[] numbers) {
        double[] rows = book.rows();
        double[] offsets = book.negatedOffsets();
        DoubleVector a0 = load(points, 0);
        DoubleVector b0 = load(points, 1);
        DoubleVector c0 = load(points, 2);
        DoubleVector d0 = load(points, 3);
        DoubleVector a1 = load(points, 4);
        DoubleVector b1 = load(points, 5);
        DoubleVector c1 = load(points, 6);
        DoubleVector d1 = load(points, 7);
        DoubleVector a2 = load(points, 8);
        DoubleVector b2 = load(points, 9);
        DoubleVector c2 = load(points, 10);
        DoubleVector d2 = load(points, 11);
        DoubleVector a3 = load(points, 12);
        DoubleVector b3 = load(points, 13);
        DoubleVector c3 = load(points, 14);
        DoubleVector d3 = load(points, 15);
        DoubleVector mostA = broadcast(Double.NEGATIVE_INFINITY);
        DoubleVector mostB = mostA;
        DoubleVector mostC = mostA;
        DoubleVector mostD = mostA;
        DoubleVector bestA = broadcast(0);
        DoubleVector bestB = bestA;
        DoubleVector bestC = bestA;
        DoubleVector bestD = bestA;
        DoubleVector number = bestA;
        for (int k = 0; k < book.entries(); k++) {
            DoubleVector w0 = broadcast(rows[k * 4]);
            DoubleVector w1 = broadcast(rows[k * 4 + 1]);
            DoubleVector w2 = broadcast(rows[k * 4 + 2]);
            DoubleVector w3 = broadcast(rows[k * 4 + 3]);
            DoubleVector offset = broadcast(offsets[k]);
            DoubleVector sumA = w3.fma(a3, w2.fma(a2, w1.fma(a1, w0.fma(a0, offset))));
            DoubleVector sumB = w3.fma(b3, w2.fma(b2, w1.fma(b1, w0.fma(b0, offset))));
            DoubleVector sumC = w3.fma(c3, w2.fma(c2, w1.fma(c1, w0.fma(c0, offset))));
            DoubleVector sumD = w3.fma(d3, w2.fma(d2, w1.fma(d1, w0.fma(d0, offset))));
            VectorMask<Double> moreA = sumA.compare(VectorOperators.GT, mostA);
            VectorMask<Double> moreB = sumB.compare(VectorOperators.GT, mostB);
            VectorMask<Double> moreC = sumC.compare(VectorOperators.GT, mostC);
            VectorMask<Double> moreD = sumD.compare(VectorOperators.GT, mostD);
            mostA = mostA.blend(sumA, moreA);
            mostB = mostB.blend(sumB, moreB);
            mostC = mostC.blend(sumC, moreC);
            mostD = mostD.blend(sumD, moreD);
            bestA = bestA.blend(number, moreA);
            bestB = bestB.blend(number, moreB);
            bestC = bestC.blend(number, moreC);
            bestD = bestD.blend(number, moreD);
            number = number.add(1);
        }
        bestA.intoArray(numbers, 0);
        bestB.intoArray(numbers, LANES);
        bestC.intoArray(numbers, 2 * LANES);
        bestD.intoArray(numbers, 3 * LANES);
    }

    private static void bestOf8(double[] points, CodewordLanes book, double[] numbers) {
        double[] rows = book.rows();
        double[] offsets = book.negatedOffsets();
        DoubleVector a0 = load(points, 0);
        DoubleVector b0 = load(points, 1);
        DoubleVector a1 = load(points, 2);
        DoubleVector b1 = load(points, 3);
        DoubleVector a2 = load(points, 4);
        DoubleVector b2 = load(points, 5);
        DoubleVector a3 = load(points, 6);
        DoubleVector b3 = load(points, 7);
        DoubleVector a4 = load(points, 8);
        DoubleVector b4 = load(points, 9);
        DoubleVector a5 = load(points, 10);
        DoubleVector b5 = load(points, 11);
        DoubleVector a6 = load(points, 12);
        DoubleVector b6 = load(points, 13);
        DoubleVector a7 = load(points, 14);
        DoubleVector b7 = load(points, 15);
        DoubleVector mostA = broadcast(Double.NEGATIVE_INFINITY);
        DoubleVector mostB = mostA;
        DoubleVector bestA = broadcast(0);
        DoubleVector bestB = bestA;
        DoubleVector number = bestA;
        for (int k = 0; k < book.entries(); k++) {
            DoubleVector w0 = broadcast(rows[k * 8]);
            DoubleVector w1 = broadcast(rows[k * 8 + 1]);
            DoubleVector w2 = broadcast(rows[k * 8 + 2]);
            DoubleVector w3 = broadcast(rows[k * 8 + 3]);
            DoubleVector w4 = broadcast(rows[k * 8 + 4]);
            DoubleVector w5 = broadcast(rows[k * 8 + 5]);
            DoubleVector w6 = broadcast(rows[k * 8 + 6]);
            DoubleVector w7 = broadcast(rows[k * 8 + 7]);
            DoubleVector sumA = broadcast(offsets[k]);
            DoubleVector sumB = sumA;
            sumA = w3.fma(a3, w2.fma(a2, w1.fma(a1, w0.fma(a0, sumA))));
            sumB = w3.fma(b3, w2.fma(b2, w1.fma(b1, w0.fma(b0, sumB))));
            sumA = w7.fma(a7, w6.fma(a6, w5.fma(a5, w4.fma(a4, sumA))));
            sumB = w7.fma(b7, w6.fma(b6, w5.fma(b5, w4.fma(b4, sumB))));
            VectorMask<Double> moreA = sumA.compare(VectorOperators.GT, mostA);
            VectorMask<Double> moreB = sumB.compare(VectorOperators.GT, mostB);
            mostA = mostA.blend(sumA, moreA);
            mostB = mostB.blend(sumB, moreB);
            bestA = bestA.blend(number, moreA);
            bestB = bestB.blend(number, moreB);
            number = number.add(1);
        }
        bestA.intoArray(numbers, 0);
        bestB.intoArray(numbers, LANES);
    }

    private static void bestOfAny(double[] points, CodewordLanes book, double[] numbers) {
        int dimensions = book.dimensions();
        double[] rows = book.rows();
        double[] offsets = book.negatedOffsets();
        for (int lane = 0; lane < numbers.length / LANES; lane++) {
            DoubleVector most = broadcast(Double.NEGATIVE_INFINITY);
            DoubleVector best = broadcast(0);
            for (int k = 0; k < book.entries(); k++) {
                DoubleVector sum = broadcast(offsets[k]);
                for (int i = 0; i < dimensions; i++) {
                    sum = broadcast(rows[k * dimensions + i]).fma(load(points, i * 4 + lane), sum);
                }
                VectorMask<Double> more = sum.compare(VectorOperators.GT, most);
                most = most.blend(sum, more);
                best = best.blend(broadcast(k), more);
            }
            best.intoArray(numbers, lane * LANES);
        }
    }

    private static DoubleVector load(double[] values, int vector) {
        return DoubleVector.fromArray(DOUBLES, values, vector * LANES);
    }

    private static DoubleVector broadcast(double value) {
        return DoubleVector.broadcast(DOUBLES, value);
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

    @Override
    public int firstBelow(
            double limit, double base, double factor, double reference, double[] gains, int from, int end) {
        int k = from;
        for (; k <= end - LANES; k += LANES) {
            DoubleVector loss = broadcast(base)
                    .sub(DoubleVector.fromArray(DOUBLES, gains, k)
                            .sub(reference)
                            .mul(factor));
            if (loss.compare(VectorOperators.LT, limit).anyTrue()) {
                break;
            }
        }
        return REST.firstBelow(limit, base, factor, reference, gains, k, end);
    }

    @Override
    public void addCombination(
            double[] factors,
            int factorsAt,
            int count,
            double[] rows,
            int rowsAt,
            int stride,
            double[] to,
            int at,
            int length) {
        int j = 0;
        for (; j <= length - 4 * LANES; j += 4 * LANES) {
            DoubleVector sum0 = DoubleVector.fromArray(DOUBLES, to, at + j);
            DoubleVector sum1 = DoubleVector.fromArray(DOUBLES, to, at + j + LANES);
            DoubleVector sum2 = DoubleVector.fromArray(DOUBLES, to, at + j + 2 * LANES);
            DoubleVector sum3 = DoubleVector.fromArray(DOUBLES, to, at + j + 3 * LANES);
            for (int i = 0; i < count; i++) {
                DoubleVector factor = broadcast(factors[factorsAt + i]);
                int row = rowsAt + i * stride + j;
                sum0 = factor.fma(DoubleVector.fromArray(DOUBLES, rows, row), sum0);
                sum1 = factor.fma(DoubleVector.fromArray(DOUBLES, rows, row + LANES), sum1);
                sum2 = factor.fma(DoubleVector.fromArray(DOUBLES, rows, row + 2 * LANES), sum2);
                sum3 = factor.fma(DoubleVector.fromArray(DOUBLES, rows, row + 3 * LANES), sum3);
            }
            sum0.intoArray(to, at + j);
            sum1.intoArray(to, at + j + LANES);
            sum2.intoArray(to, at + j + 2 * LANES);
            sum3.intoArray(to, at + j + 3 * LANES);
        }
        for (; j <= length - LANES; j += LANES) {
            DoubleVector sum = DoubleVector.fromArray(DOUBLES, to, at + j);
            for (int i = 0; i < count; i++) {
                DoubleVector row = DoubleVector.fromArray(DOUBLES, rows, rowsAt + i * stride + j);
                sum = broadcast(factors[factorsAt + i]).fma(row, sum);
            }
            sum.intoArray(to, at + j);
        }
        REST.addCombination(factors, factorsAt, count, rows, rowsAt + j, stride, to, at + j, length - j);
    }
}
