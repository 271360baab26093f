package dev.lowbit.bench;

import dev.lowbit.budget.Allocation;
import dev.lowbit.budget.BudgetSolver;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The budget program of a 7B model: 224 matrices (32 layers of four 4096 x 4096 and three 4096 x 11008) with the 432
 * configurations of the LQ-LoRA grid, on errors made here that behave like measured ones: an error per code width, smaller for
 * smaller blocks, larger for coarser scales, a magnitude per matrix and one percent of noise. One thread.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class BudgetBenchmark {
    private static final int LAYERS = 32;
    private static final long SQUARE = 4096L * 4096;
    private static final long WIDE = 4096L * 11008;

    /** Bits per weight. */
    @Param({"2.5", "2.75", "3", "4"})
    public double bits;

    private double[][] cost;
    private long[][] size;
    private long budget;

    /** Makes the program, solves it once and checks the answer: within budget, sums right, gap at most 5e-5. */
    @Setup
    public void setUp() {
        RandomGenerator random = RandomGeneratorFactory.of("Xoshiro256PlusPlus").create(7);
        cost = new double[LAYERS * 7][];
        size = new long[LAYERS * 7][];
        long weights = 0;
        for (int i = 0; i < cost.length; i++) {
            long numel = i % 7 < 4 ? SQUARE : WIDE;
            weights += numel;
            fill(i, numel, numel * Math.exp(0.7 * random.nextGaussian()), random);
        }
        budget = (long) Math.floor(bits * weights);
        check(solve());
    }

    private void fill(int i, long numel, double magnitude, RandomGenerator random) {
        cost[i] = new double[432];
        size[i] = new long[432];
        int c = 0;
        for (int codeBits : new int[] {2, 3, 4, 8}) {
            for (int scaleBits : new int[] {2, 3, 4, 8}) {
                for (int superBits : new int[] {16, 16, 32}) {
                    for (int group : new int[] {16, 32, 64}) {
                        for (int superGroup : new int[] {16, 64, 256}) {
                            size[i][c] = numel * codeBits
                                    + numel / group * scaleBits
                                    + numel / ((long) group * superGroup) * superBits;
                            double error = 2.1
                                    * Math.pow(4, -codeBits)
                                    * Math.pow(group / 64.0, 0.12)
                                    * (1 + 1.1 * Math.pow(4, 1 - scaleBits) * Math.pow(superGroup / 16.0, 0.1));
                            cost[i][c++] = magnitude * error * (1 + 0.01 * random.nextGaussian());
                        }
                    }
                }
            }
        }
    }

    private void check(Allocation a) {
        double sum = 0;
        long used = 0;
        for (int i = 0; i < cost.length; i++) {
            sum += cost[i][a.choices()[i]];
            used += size[i][a.choices()[i]];
        }
        Checks.require(used == a.size() && used <= budget, "size " + a.size() + " of a budget of " + budget);
        Checks.close(a.objective(), sum, cost.length * Math.ulp(sum), "objective");
        Checks.require(a.bound() <= a.objective() && a.gap() <= 5e-5, "gap is " + a.gap());
    }

    /** One allocation. */
    @Benchmark
    public Allocation solve() {
        return BudgetSolver.solve(cost, size, budget);
    }
}
