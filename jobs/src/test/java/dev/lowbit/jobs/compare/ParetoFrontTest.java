package dev.lowbit.jobs.compare;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.jobs.compare.CompareResult.Row;
import java.util.List;
import org.junit.jupiter.api.Test;

class ParetoFrontTest {
    private static List<Boolean> marks(Row... rows) {
        return ParetoFront.mark(List.of(rows)).stream().map(Row::pareto).toList();
    }

    @Test
    void whatIsBeatenInBothIsNotOnIt() {
        assertThat(marks(
                        Rows.measured("a", 2, 10),
                        Rows.measured("b", 2.5, 11),
                        Rows.measured("a", 3, 8),
                        Rows.measured("b", 4, 5)))
                .containsExactly(true, false, true, true);
    }

    @Test
    void asSmallAndWorseOrAsGoodAndLargerIsBeaten() {
        assertThat(marks(Rows.measured("a", 2, 10), Rows.measured("b", 2, 11), Rows.measured("c", 3, 10)))
                .containsExactly(true, false, false);
    }

    @Test
    void equalsAreBothOnIt() {
        assertThat(marks(Rows.measured("a", 2, 10), Rows.measured("b", 2, 10))).containsExactly(true, true);
    }

    @Test
    void aBudgetThatCannotBeMetNeitherIsOnItNorBeats() {
        assertThat(marks(Rows.impossible("a", 1, "too few"), Rows.measured("b", 2, 10)))
                .containsExactly(false, true);
    }
}
