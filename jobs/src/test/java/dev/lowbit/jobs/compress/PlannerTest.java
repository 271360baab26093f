package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.budget.Candidate;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.MethodOptions.Budget;
import dev.lowbit.method.Compressor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class PlannerTest {
    private static final CostTable.Key KEY =
            new CostTable.Key("lowbit test", "input", "", "test", new Compressor.Limits(0, 8, 0, 0));
    private static final int SIDE = 40;
    private static final List<Target> TARGETS = List.of(target("a"), target("b"));

    private final SharedSets sets = new SharedSets(TARGETS, (target, format) -> Optional.empty());
    private CostTable table = new CostTable(KEY);
    private final List<String> measured = new ArrayList<>();

    private static Target target(String name) {
        return new Target(name, SIDE, SIDE, false, 4L * SIDE * SIDE);
    }

    private static Candidate exact(String format, long bytes, double error) {
        return new Candidate(format, 0, bytes, error, true);
    }

    private static Candidate predicted(String format, long bytes, double error) {
        return new Candidate(format, 1, bytes, error, false);
    }

    private void price(String name, Candidate... candidates) {
        table.put(name, new CostTable.Prices(SIDE, SIDE, 1000, 1, List.of(candidates)));
    }

    /** Plans with a directory that takes 100 bytes beside the parts, and 10 more for each low-rank term. */
    private Plan plan(Budget budget, Map<String, Double> truth) {
        return plan(budget, truth, Optional.empty());
    }

    private Plan plan(Budget budget, Map<String, Double> truth, Optional<Planner.Judge> judge) {
        SpendingLimit limit = new SpendingLimit(budget, 2L * SIDE * SIDE, sets, PlannerTest::outputBytes);
        return new Planner(
                        table,
                        TARGETS,
                        sets,
                        limit,
                        (format, rows, columns) -> OptionalLong.of(600),
                        (targets, candidates) -> {
                            for (int i = 0; i < targets.size(); i++) {
                                String key = targets.get(i).name() + " "
                                        + candidates.get(i).format();
                                measured.add(key);
                                table.confirm(
                                        targets.get(i).name(),
                                        candidates.get(i).format(),
                                        truth.getOrDefault(key, 9.0));
                            }
                        },
                        judge)
                .plan();
    }

    private static long outputBytes(List<Candidate> chosen, Budget asked, long budgetBytes) {
        return 100 + chosen.stream().mapToLong(c -> c.bytes() + 10 * c.rank()).sum();
    }

    private static List<String> formats(Plan plan) {
        return plan.matrices().stream()
                .map(choice -> choice.candidate().format())
                .toList();
    }

    /** 3200 weights; so many bits that exactly {@code bytes} fit. */
    private static Budget bits(long bytes) {
        return new Budget.BitsPerWeight(bytes * 8 / (2.0 * SIDE * SIDE));
    }

    @Test
    void spendsWhereItHelpsMost() {
        price("a", exact("nf2", 400, 9), exact("nf3", 600, 4));
        price("b", exact("nf2", 400, 20), exact("nf3", 600, 3));
        Plan plan = plan(bits(1000), Map.of());
        assertThat(formats(plan)).containsExactly("nf2", "nf3");
        assertThat(plan.bytes()).isEqualTo(1000);
        assertThat(plan.objective()).isEqualTo(12);
        assertThat(plan.bound()).isBetween(0.0, 12.0);
        assertThat(plan.outputBytes()).isEqualTo(1100);
        assertThat(plan.relativeError().getAsDouble()).isEqualTo(Math.sqrt(12 / 2000.0));
        assertThat(plan.note()).isEmpty();
        assertThat(measured).isEmpty();
    }

    @Test
    void anOptimisticPredictionIsFoundOut() {
        price("a", exact("nf2", 400, 9), predicted("nf2+r1", 500, 1), predicted("nf2+r2", 500, 2));
        price("b", exact("nf2", 400, 9));
        Plan plan = plan(bits(900), Map.of("a nf2+r1", 10.0, "a nf2+r2", 8.0));
        assertThat(formats(plan)).containsExactly("nf2+r2", "nf2");
        assertThat(plan.objective()).isEqualTo(17);
        assertThat(measured).containsExactly("a nf2+r1", "a nf2+r2");
    }

    @Test
    void aPlanDoesNotDependOnWhatAnEarlierPlanMeasured() {
        price("a", exact("nf2", 400, 9), predicted("nf2+r1", 500, 6), predicted("nf2+r2", 501, 5));
        price("b", exact("nf2", 400, 9));
        Map<String, Double> truth = Map.of("a nf2+r1", 1.0, "a nf2+r2", 5.0);
        // alone, the pessimistic prediction of r1 is never looked at: r2 keeps what it promised
        Plan alone = plan(bits(901), truth);
        assertThat(formats(alone)).containsExactly("nf2+r2", "nf2");
        assertThat(formats(plan(bits(900), truth))).containsExactly("nf2+r1", "nf2");
        measured.clear();
        Plan again = plan(bits(901), truth);
        assertThat(again).isEqualTo(alone);
        assertThat(measured).isEmpty();
    }

    /** Both formats are bounded by 7; the first that is measured is near enough to it, so that the other one is not. */
    @Test
    void uniformFormatsDoNotDependOnWhatAnEarlierPlanMeasured() {
        price("a", exact("nf2", 400, 9), exact("nf3", 600, 4));
        price("b", exact("nf2", 400, 9), exact("nf3-f16", 600, 3));
        Map<String, Double> truth = Map.of("b nf3", 3.05, "a nf3-f16", 4.02);
        Plan alone = plan(bits(1200), truth);
        assertThat(alone.uniform()).extracting(UniformFormat::format).containsExactly("nf3");
        assertThat(measured).containsExactly("b nf3");
        measured.clear();
        assertThat(plan(bits(1200), truth)).isEqualTo(alone);
        assertThat(measured).isEmpty();
        table.confirm("a", "nf3-f16", 4.02);
        assertThat(plan(bits(1200), truth)).isEqualTo(alone);
    }

    @Test
    void neverEndsOnAPrediction() {
        Candidate[] many = new Candidate[40];
        many[0] = exact("nf2", 400, 9);
        Map<String, Double> truth = new java.util.HashMap<>();
        for (int i = 1; i < many.length; i++) {
            many[i] = predicted("nf2+r" + i, 500, 0.1 * i);
            truth.put("a nf2+r" + i, 50.0 + i);
        }
        price("a", many);
        price("b", exact("nf2", 400, 9));
        Plan plan = plan(bits(900), truth);
        assertThat(formats(plan)).containsExactly("nf2", "nf2");
        assertThat(plan.matrices()).allMatch(choice -> choice.candidate().exact());
        assertThat(measured).hasSizeLessThan(20);
    }

    @Test
    void everyMatrixWithPredictionsOnlyStillGetsAnAnswer() {
        price("a", predicted("x", 400, 5), predicted("y", 500, 1));
        price("b", predicted("x", 400, 5), predicted("y", 500, 1));
        Plan plan = plan(bits(900), Map.of("a x", 6.0, "b x", 6.0, "a y", 3.0, "b y", 2.0));
        assertThat(plan.objective()).isEqualTo(8);
        assertThat(plan.bytes()).isEqualTo(900);
    }

    @Test
    void comparesWithTheBestUniformFormatOfEachFamilyWithinTheBudget() {
        price("a", exact("nf2", 400, 9), exact("nf3", 600, 4), exact("int3", 590, 5), exact("nf2-g16", 450, 8));
        price("b", exact("nf2", 400, 20), exact("nf3", 600, 3), exact("int3", 590, 5), exact("nf2-g16", 450, 15));
        Plan plan = plan(bits(1190), Map.of());
        assertThat(plan.uniform())
                .extracting(
                        UniformFormat::family, UniformFormat::format, UniformFormat::bytes, UniformFormat::objective)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("int", "int3", 1180L, 10.0),
                        org.assertj.core.groups.Tuple.tuple("nf", "nf2-g16", 900L, 23.0));
        assertThat(plan.objective()).isLessThanOrEqualTo(10);
    }

    /** A mix with the smaller objective, a uniform format with the smaller divergence. */
    @Test
    void theCalibrationTextDecidesBetweenTheMixAndUniformFormats() {
        price("a", exact("nf2", 400, 9), exact("nf3", 600, 5));
        price("b", exact("nf2", 400, 20), exact("nf3", 600, 5), exact("nf4", 700, 2));
        Budget budget = bits(1200);
        assertThat(formats(plan(budget, Map.of("a nf4", 1.0)))).containsExactly("nf3", "nf3");
        price("a", exact("nf2", 400, 6), exact("nf3", 600, 5));
        assertThat(formats(plan(budget, Map.of("a nf4", 1.0)))).containsExactly("nf2", "nf4");
        Planner.Judge judge = chosen -> chosen.stream().allMatch(c -> c.format().equals("nf3")) ? 0.1 : 0.2;
        Plan judged = plan(budget, Map.of("a nf4", 1.0), Optional.of(judge));
        assertThat(formats(judged)).containsExactly("nf3", "nf3");
        assertThat(judged.calibrationDivergence()).hasValue(0.1);
        assertThat(judged.objective()).isEqualTo(10);
        assertThat(judged.uniform().getFirst().calibrationKlDivergence()).hasValue(0.1);
        // the mix of 1100 bytes would fit, too
        assertThat(plan(bits(1250), Map.of("a nf4", 1.0), Optional.of(judge)).note())
                .hasValueSatisfying(note -> assertThat(note)
                        .contains(
                                "50 of 1250 bytes are left: on the calibration text one format everywhere is nearer"));
        Plan other = plan(budget, Map.of("a nf4", 1.0), Optional.of(chosen -> 0.3 - judge.divergence(chosen)));
        assertThat(formats(other)).containsExactly("nf2", "nf4");
    }

    /** As with a Hessian on large matrices. */
    @Test
    void withAWeightingUniformFormatsArePredictedAndMeasured() {
        table = new CostTable(
                new CostTable.Key("lowbit test", "input", "weighted", "test", new Compressor.Limits(0, 8, 0, 0)));
        Candidate coarse = new Candidate("nf2", 0, 400, 9, false);
        Candidate fine = new Candidate("nf3", 0, 600, 4, false);
        price("a", coarse, fine);
        price("b", coarse, fine);
        Plan plan = plan(bits(1200), Map.of("a nf3", 4.5, "b nf3", 4.25));
        assertThat(plan.uniform()).extracting(UniformFormat::format).containsExactly("nf3");
        assertThat(plan.uniform().getFirst().objective()).isEqualTo(8.75);
        assertThat(plan.objective()).isEqualTo(8.75);
    }

    @Test
    void aUniformFormatThatIsDominatedOnOneMatrixIsMeasuredThere() {
        price("a", exact("nf2", 400, 9), exact("nf3", 600, 4));
        price("b", exact("nf2", 400, 9), exact("nf3-f16", 600, 3));
        Plan plan = plan(bits(1200), Map.of("b nf3", 3.5, "a nf3-f16", 4.75));
        assertThat(plan.uniform()).extracting(UniformFormat::format).containsExactly("nf3");
        assertThat(plan.uniform().getFirst().objective()).isEqualTo(7.5);
        assertThat(plan.objective()).isEqualTo(7);
        // nf3-f16 cannot be better than 4 + 3, so it was measured only if 7 is below 7.5
        assertThat(measured).containsExactlyInAnyOrder("b nf3", "a nf3-f16");
    }

    @Test
    void explainsWhatItLeaves() {
        price("a", exact("nf2", 400, 9), exact("nf3", 600, 4));
        price("b", exact("nf2", 400, 9), exact("nf3", 600, 4));
        assertThat(plan(bits(990), Map.of()).note())
                .contains("190 of 990 bytes are left: the smallest step that lowers an error needs 200 bytes");
        assertThat(plan(bits(3000), Map.of()).note())
                .hasValueSatisfying(note -> assertThat(note).contains("every matrix already has the smallest error"));
    }

    @Test
    void aBudgetBelowTheSmallestNamesTheSmallestThatFits() {
        price("a", exact("nf2", 401, 9));
        price("b", exact("nf2", 400, 9));
        assertThatThrownBy(() -> plan(bits(800), Map.of())).isInstanceOfSatisfying(InvalidRequestException.class, e -> {
            assertThat(e.kind()).isEqualTo(InvalidRequestException.Kind.BUDGET_TOO_SMALL);
            assertThat(e).hasMessageContaining("--bits 2.00250 or more");
        });
        assertThat(plan(new Budget.BitsPerWeight(2.00250), Map.of()).bytes()).isEqualTo(801);
        assertThatThrownBy(() -> plan(new Budget.OutputBytes(900), Map.of()))
                .isInstanceOfSatisfying(InvalidRequestException.class, e -> {
                    assertThat(e.kind()).isEqualTo(InvalidRequestException.Kind.BUDGET_TOO_SMALL);
                    assertThat(e).hasMessageContaining("--size 901 or more");
                });
        assertThat(plan(new Budget.OutputBytes(901), Map.of()).outputBytes()).isEqualTo(901);
    }

    @Test
    void aSizeCountsTheWholeDirectory() {
        price("a", exact("nf2", 400, 9), exact("nf3", 600, 4), predicted("nf2+r1", 590, 1));
        price("b", exact("nf2", 400, 9), exact("nf3", 600, 4), predicted("nf2+r1", 590, 1));
        Map<String, Double> truth = Map.of("a nf2+r1", 2.0, "b nf2+r1", 2.0);
        for (long size = 900; size < 1400; size++) {
            Plan plan = plan(new Budget.OutputBytes(size), truth);
            assertThat(plan.outputBytes()).isLessThanOrEqualTo(size);
            assertThat(plan.objective()).as("size " + size).isEqualTo(size >= 1300 ? 4 : size >= 1100 ? 11 : 18);
        }
    }

    /** What is smallest has the longer description, so that one of 200 bytes more takes but 190 more. */
    @Test
    void whatIsDescribedInFewerBytesLeavesThemToSpend() {
        Candidate small = new Candidate("nf2+r1", 1, 400, 9, true);
        price("a", small, exact("nf3", 600, 4));
        price("b", small, exact("nf3", 600, 4));
        for (long size = 920; size < 1400; size++) {
            Plan plan = plan(new Budget.OutputBytes(size), Map.of());
            assertThat(plan.outputBytes()).isLessThanOrEqualTo(size);
            assertThat(plan.bytes()).isLessThanOrEqualTo(plan.budgetBytes());
            assertThat(plan.objective()).as("size " + size).isEqualTo(size >= 1300 ? 8 : size >= 1110 ? 13 : 18);
            assertThat(plan.bound()).isLessThanOrEqualTo(plan.objective());
        }
    }

    @Test
    void whatASizeLeavesIsCountedInTheDirectory() {
        price("a", exact("nf2", 400, 9), exact("nf3", 600, 4));
        price("b", exact("nf2", 400, 9), exact("nf3", 600, 4));
        assertThat(plan(new Budget.OutputBytes(1050), Map.of()).note())
                .contains("150 of 1050 bytes are left: the smallest step that lowers an error needs 200 bytes");
    }
}
