package dev.lowbit.budget;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.error.InvalidRequestException;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

/** The solver against exhaustive search on small instances, and the laws of the program on them. */
class BudgetSolverProperties {
    /** Correctly rounded sums of the same values differ by nothing; the grid of the core keeps 60 bits of the cost range. */
    private static final double TOLERANCE = 1e-12;

    record Instance(double[][] cost, long[][] size, long budget) {
        @Override
        public String toString() {
            return "cost " + Arrays.deepToString(cost) + " size " + Arrays.deepToString(size) + " budget " + budget;
        }
    }

    @Property(tries = 3000)
    void equalsExhaustiveSearch(@ForAll("instances") Instance p) {
        double expected = exhaustive(p, 0, p.budget);
        if (expected == Double.POSITIVE_INFINITY) {
            assertThatThrownBy(() -> BudgetSolver.solve(p.cost, p.size, p.budget))
                    .isInstanceOf(InvalidRequestException.class);
            return;
        }
        BudgetSolver.Solution solution = BudgetSolver.solve(p.cost, p.size, p.budget, "units");
        Allocation a = solution.allocation();
        assertThat(a.objective()).isCloseTo(expected, within(TOLERANCE * expected));
        assertThat(solution.proven()).isTrue();
        assertThat(a.bound()).isBetween(expected * (1 - TOLERANCE) - 1e-9, a.objective());
        assertConsistent(p, a);
    }

    @Property(tries = 500)
    void moreBudgetNeverCostsMore(@ForAll("instances") Instance p) {
        double previous = Double.POSITIVE_INFINITY;
        for (long budget = 0; budget <= p.budget; budget += Math.max(1, p.budget / 12)) {
            double objective = objectiveOrInfinity(new Instance(p.cost, p.size, budget));
            assertThat(objective).isLessThanOrEqualTo(previous * (1 + TOLERANCE));
            previous = objective;
        }
    }

    @Property(tries = 500)
    void moreChoicesNeverCostMore(@ForAll("instances") Instance p, @ForAll @IntRange(max = 5) int which) {
        int i = which % p.cost.length;
        if (p.cost[i].length < 2) {
            return;
        }
        double[][] fewer = p.cost.clone();
        long[][] fewerSizes = p.size.clone();
        fewer[i] = Arrays.copyOf(p.cost[i], p.cost[i].length - 1);
        fewerSizes[i] = Arrays.copyOf(p.size[i], p.size[i].length - 1);
        assertThat(objectiveOrInfinity(p))
                .isLessThanOrEqualTo(objectiveOrInfinity(new Instance(fewer, fewerSizes, p.budget)) * (1 + TOLERANCE));
    }

    @Property(tries = 500)
    void orderDoesNotMatter(@ForAll("instances") Instance p, @ForAll long seed) {
        Random random = new Random(seed);
        List<Integer> matrices = shuffled(p.cost.length, random);
        double[][] cost = new double[p.cost.length][];
        long[][] size = new long[p.cost.length][];
        for (int i = 0; i < cost.length; i++) {
            double[] oldCost = p.cost[matrices.get(i)];
            long[] oldSize = p.size[matrices.get(i)];
            List<Integer> choices = shuffled(oldCost.length, random);
            cost[i] = choices.stream().mapToDouble(c -> oldCost[c]).toArray();
            size[i] = choices.stream().mapToLong(c -> oldSize[c]).toArray();
        }
        double expected = objectiveOrInfinity(p);
        double found = objectiveOrInfinity(new Instance(cost, size, p.budget));
        if (expected == Double.POSITIVE_INFINITY) {
            assertThat(found).isInfinite();
        } else {
            assertThat(found).isCloseTo(expected, within(TOLERANCE * expected));
        }
    }

    /** Costs of wholly different magnitude must not blur one another. */
    @Property(tries = 500)
    void magnitudesDoNotBlur(@ForAll("instances") Instance p, @ForAll @IntRange(min = -200, max = 200) int exponent) {
        double[][] cost = p.cost.clone();
        for (int i = 0; i < cost.length; i++) {
            cost[i] = Arrays.stream(cost[i]).map(c -> Math.scalb(c, exponent)).toArray();
        }
        double expected = objectiveOrInfinity(p);
        double found = objectiveOrInfinity(new Instance(cost, p.size, p.budget));
        if (expected == Double.POSITIVE_INFINITY) {
            assertThat(found).isInfinite();
        } else {
            double scaled = Math.scalb(expected, exponent);
            assertThat(found).isCloseTo(scaled, within(TOLERANCE * scaled));
        }
    }

    private static List<Integer> shuffled(int n, Random random) {
        List<Integer> order = IntStream.range(0, n).boxed().collect(java.util.stream.Collectors.toList());
        Collections.shuffle(order, random);
        return order;
    }

    private static double objectiveOrInfinity(Instance p) {
        try {
            Allocation a = BudgetSolver.solve(p.cost, p.size, p.budget);
            assertConsistent(p, a);
            return a.objective();
        } catch (InvalidRequestException e) {
            assertThat(e.kind()).isEqualTo(InvalidRequestException.Kind.IMPOSSIBLE);
            return Double.POSITIVE_INFINITY;
        }
    }

    private static void assertConsistent(Instance p, Allocation a) {
        double cost = 0;
        long size = 0;
        for (int i = 0; i < p.cost.length; i++) {
            cost += p.cost[i][a.choices()[i]];
            size += p.size[i][a.choices()[i]];
        }
        assertThat(a.size()).isEqualTo(size).isLessThanOrEqualTo(p.budget);
        assertThat(a.objective()).isCloseTo(cost, within(TOLERANCE * cost));
        assertThat(a.bound()).isBetween(0.0, a.objective());
    }

    private static double exhaustive(Instance p, int i, long left) {
        if (left < 0) {
            return Double.POSITIVE_INFINITY;
        }
        if (i == p.cost.length) {
            return 0;
        }
        double best = Double.POSITIVE_INFINITY;
        for (int c = 0; c < p.cost[i].length; c++) {
            best = Math.min(best, p.cost[i][c] + exhaustive(p, i + 1, left - p.size[i][c]));
        }
        return best;
    }

    /** N 1-6, K 1-8; costs with ties, zeros and unavailable ones; sizes with ties; budgets from below to above all. */
    @Provide
    Arbitrary<Instance> instances() {
        Arbitrary<Double> smallWhole = Arbitraries.integers().between(0, 12).map(Integer::doubleValue);
        Arbitrary<Double> real = Arbitraries.doubles().between(0, 1e3).ofScale(9);
        Arbitrary<Double> tiny = Arbitraries.doubles().between(0, 1e-6).ofScale(15);
        Arbitrary<Double> single = Arbitraries.frequencyOf(
                net.jqwik.api.Tuple.of(6, real),
                net.jqwik.api.Tuple.of(3, smallWhole),
                net.jqwik.api.Tuple.of(1, tiny),
                net.jqwik.api.Tuple.of(1, Arbitraries.just(Double.POSITIVE_INFINITY)));
        return Combinators.combine(
                        Arbitraries.integers().between(1, 6),
                        Arbitraries.integers().between(1, 8),
                        Arbitraries.of(6L, 40L, 10_000L, 30_000_000_000L),
                        Arbitraries.doubles().between(0, 1.1))
                .flatAs((n, k, largest, part) -> {
                    Arbitrary<double[]> costs = single.array(Double[].class)
                            .ofSize(k)
                            .map(a -> Arrays.stream(a)
                                    .mapToDouble(Double::doubleValue)
                                    .toArray());
                    Arbitrary<long[]> sizes = Arbitraries.longs()
                            .between(0, largest)
                            .array(long[].class)
                            .ofSize(k);
                    return Combinators.combine(
                                    costs.list().ofSize(n), sizes.list().ofSize(n))
                            .as((c, s) -> new Instance(
                                    c.toArray(double[][]::new), s.toArray(long[][]::new), (long) (part * n * largest)));
                });
    }
}
