package dev.lowbit.budget;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BudgetSolverTest {
    private static final double UNAVAILABLE = Double.POSITIVE_INFINITY;

    private static Allocation solve(double[][] cost, long[][] size, long budget) {
        return BudgetSolver.solve(cost, size, budget);
    }

    @Test
    void aBudgetBelowTheSmallestNamesTheSmallest() {
        List<List<Candidate>> candidates = List.of(
                List.of(new Candidate("nf2", 0, 100, 4, true), new Candidate("nf4", 0, 210, 1, true)),
                List.of(new Candidate("nf3", 0, 33, UNAVAILABLE, true), new Candidate("nf4", 0, 44, 1, true)));
        assertThatThrownBy(() -> BudgetSolver.solve(candidates, 143))
                .isInstanceOfSatisfying(
                        InvalidRequestException.class,
                        e -> assertThat(e.kind()).isEqualTo(InvalidRequestException.Kind.IMPOSSIBLE))
                .hasMessage("a budget of 143 bytes is below the smallest possible; give at least 144 bytes");
        assertThat(BudgetSolver.solve(candidates, 144).choices()).containsExactly(0, 1);
        assertThat(BudgetSolver.solve(candidates, 254).choices()).containsExactly(1, 1);
    }

    @Test
    void aMatrixWithoutAvailableCandidateIsImpossible() {
        assertThatThrownBy(() -> solve(new double[][] {{1}, {UNAVAILABLE}}, new long[][] {{1}, {1}}, 10))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("matrix 1 has no available candidate among its 1");
    }

    @Test
    void oneMatrixTakesTheCheapestThatFits() {
        double[][] cost = {{9, 5, 5, 1, 0}};
        long[][] size = {{10, 20, 15, 30, 41}};
        assertThat(solve(cost, size, 40).choices()).containsExactly(3);
        assertThat(solve(cost, size, 29).choices()).containsExactly(2);
        assertThat(solve(cost, size, 10).choices()).containsExactly(0);
        assertThat(solve(cost, size, Long.MAX_VALUE).choices()).containsExactly(4);
    }

    @Test
    void nothingToChooseCostsNothing() {
        Allocation a = solve(new double[0][], new long[0][], 0);
        assertThat(a.choices()).isEmpty();
        assertThat(a.objective()).isZero();
        assertThat(a.gap()).isZero();
    }

    @Test
    void oneChoiceEachIsTaken() {
        Allocation a = solve(new double[][] {{3}, {4}}, new long[][] {{5}, {6}}, 11);
        assertThat(a.choices()).containsExactly(0, 0);
        assertThat(a.objective()).isEqualTo(7);
        assertThat(a.bound()).isEqualTo(7);
        assertThat(a.size()).isEqualTo(11);
    }

    @Test
    void equalCandidatesGiveTheLowestIndexAndEqualCostsTheLowestSize() {
        Allocation a = solve(new double[][] {{2, 2, 2, 2}, {0, 0, 0}}, new long[][] {{9, 7, 7, 8}, {1, 0, 0}}, 100);
        assertThat(a.choices()).containsExactly(1, 1);
        assertThat(a.size()).isEqualTo(7);
    }

    @Test
    void zeroCostsHaveNoGap() {
        Allocation a = solve(new double[][] {{0, 0}, {5, 0}}, new long[][] {{1, 2}, {1, 3}}, 4);
        assertThat(a.objective()).isZero();
        assertThat(a.bound()).isZero();
        assertThat(a.gap()).isZero();
        assertThat(a.choices()).containsExactly(0, 1);
    }

    @Test
    void anOutlierMatrixDoesNotHideTheOthers() {
        // The first matrix holds a 1e30 weight: its errors dwarf all others, which must still be decided well.
        double[][] cost = {{1e58, 0.9e58}, {8, 3, 1}, {8, 2, 1.5}};
        long[][] size = {{10, 20}, {1, 2, 3}, {1, 2, 3}};
        assertThat(solve(cost, size, 24).choices()).containsExactly(1, 1, 1);
        assertThat(solve(cost, size, 25).choices()).containsExactly(1, 2, 1);
    }

    @Test
    void refusesWhatIsNoProgram() {
        assertThatThrownBy(() -> solve(new double[][] {{Double.NaN}}, new long[][] {{1}}, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("choice 0 of matrix 0 has cost NaN");
        assertThatThrownBy(() -> solve(new double[][] {{-1}}, new long[][] {{1}}, 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> solve(new double[][] {{1}}, new long[][] {{-1}}, 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> solve(new double[][] {{1, 2}}, new long[][] {{1}}, 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> solve(new double[][] {{1}}, new long[2][1], 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() ->
                        solve(new double[][] {{1}, {1}}, new long[][] {{Long.MAX_VALUE / 2}, {Long.MAX_VALUE / 2}}, 1))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void sizesNeedSixtyFourBits() {
        int n = 560;
        double[][] cost = new double[n][];
        long[][] size = new long[n][];
        for (int i = 0; i < n; i++) {
            cost[i] = new double[] {16, 4, 1};
            size[i] = new long[] {1L << 30, 3L << 30, 5L << 30};
        }
        Allocation a = solve(cost, size, 3L * n << 30);
        assertThat(a.size()).isEqualTo(3L * n << 30);
        assertThat(a.objective()).isEqualTo(4.0 * n);
        assertThat(a.gap()).isZero();
    }

    /** Costs of a whole model: tens of thousands of matrices stay within the limits of the search and keep a proven gap. */
    @Test
    void manyMatricesStayWithinTheLimits() {
        Random random = new Random(5);
        int n = 20_000;
        double[][] cost = new double[n][12];
        long[][] size = new long[n][12];
        long smallest = 0;
        for (int i = 0; i < n; i++) {
            for (int c = 0; c < 12; c++) {
                size[i][c] = (c + 1) * 1000L + random.nextInt(900);
                cost[i][c] = Math.scalb(1 + random.nextDouble(), -c);
            }
            smallest += size[i][0];
        }
        BudgetSolver.Solution solution = BudgetSolver.solve(cost, size, 2 * smallest, "bytes");
        assertThat(solution.allocation().gap()).isLessThan(1e-6);
        assertThat(solution.states()).isLessThan(1L << 25);
    }

    /**
     * Subset sums in disguise: cost = constant - size makes every allocation of the same size equal and every bound the same,
     * so nothing can be pruned. The work stays limited, the answer near the bound.
     */
    @Test
    void anInstanceMadeToBeHardKeepsItsLimits() {
        Random random = new Random(11);
        double[][] cost = new double[20][300];
        long[][] size = new long[20][300];
        for (int i = 0; i < cost.length; i++) {
            for (int c = 0; c < cost[i].length; c++) {
                size[i][c] = 1_000_000 + random.nextInt(16_000_000);
                cost[i][c] = 1e9 - size[i][c];
            }
        }
        BudgetSolver.Solution solution = BudgetSolver.solve(cost, size, 100_000_000, "bytes");
        assertThat(solution.states()).isLessThan(1L << 25);
        assertThat(solution.allocation().gap()).isBetween(0.0, 1e-9);
        // The bound is the program's value if sizes were continuous, less rounding.
        assertThat(solution.allocation().bound()).isBetween((2e10 - 1e8) * (1 - 1e-12), 2e10 - 1e8);
    }

    @Test
    void sameInputSameAnswer() {
        Random random = new Random(3);
        double[][] cost = new double[40][30];
        long[][] size = new long[40][30];
        for (int i = 0; i < cost.length; i++) {
            for (int c = 0; c < cost[i].length; c++) {
                size[i][c] = random.nextInt(1000);
                cost[i][c] = random.nextInt(50);
            }
        }
        Allocation first = solve(cost, size, 9_000);
        assertThat(solve(cost, size, 9_000).choices()).containsExactly(first.choices());
    }
}
