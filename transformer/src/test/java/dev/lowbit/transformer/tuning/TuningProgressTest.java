package dev.lowbit.transformer.tuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.transformer.tuning.TuningProgress.Verdict;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

class TuningProgressTest {
    private static List<Verdict> verdicts(TuningProgress progress, double... losses) {
        int[] step = {progress.step()};
        return DoubleStream.of(losses)
                .mapToObj(loss -> progress.judge(++step[0], loss))
                .toList();
    }

    @Test
    void withoutPatienceWhateverIsNoBetterGoesBack() {
        TuningProgress progress = new TuningProgress(0, 1);
        assertThat(verdicts(progress, 0.9, 0.95, 0.9, 0.89, Double.NaN))
                .containsExactly(Verdict.BEST, Verdict.BACK, Verdict.BACK, Verdict.BEST, Verdict.BACK);
        assertThat(progress.bestStep()).isEqualTo(4);
        assertThat(progress.bestLoss()).isEqualTo(0.89);
        assertThat(progress.share()).isCloseTo(1.0 / 27, within(1e-15));
    }

    @Test
    void withPatienceASingleRiseIsLetPassAndFallingIsNoRise() {
        TuningProgress progress = new TuningProgress(1, 1);
        assertThat(verdicts(progress, 0.9, 1.2, 1.1, 1.15, 0.95, 0.8))
                .containsExactly(Verdict.BEST, Verdict.ON, Verdict.ON, Verdict.ON, Verdict.ON, Verdict.BEST);
        assertThat(progress.share()).isEqualTo(1);
        assertThat(verdicts(progress, 0.85, 0.86, 0.81)).containsExactly(Verdict.ON, Verdict.BACK, Verdict.ON);
        assertThat(progress.share()).isEqualTo(1.0 / 3);
    }

    @Test
    void twiceTheBestOrNoNumberGoesBackAtOnce() {
        TuningProgress progress = new TuningProgress(1, 1);
        assertThat(verdicts(progress, 1.99, 2, Double.NaN, 1.5))
                .containsExactly(Verdict.ON, Verdict.BACK, Verdict.BACK, Verdict.ON);
        assertThat(progress.bestStep()).isZero();
    }

    @Test
    void whetherAnythingHasMovedIsRestored() {
        TuningProgress lost = new TuningProgress(0, 1);
        lost.judge(1, Double.NaN);
        TuningProgress again = new TuningProgress(0, 1);
        again.restore(lost.notes());
        assertThat(again.isMoved()).isFalse();
        lost.move();
        again.restore(lost.notes());
        assertThat(again.isMoved()).isTrue();
        Map<String, String> earlier = new HashMap<>(lost.notes());
        earlier.remove("moved");
        TuningProgress older = new TuningProgress(0, 1);
        older.restore(earlier);
        assertThat(older.isMoved()).isTrue();
    }

    /** Stopped anywhere and restored, a run is judged as if it had not been stopped. */
    @Test
    void whatIsRestoredGoesOnTheSame() {
        double[] losses = {0.9, 1.2, 1.1, 1.15, 1.16, 0.95, 0.8, 0.85, 0.86, 0.9, 0.7};
        for (int stop = 1; stop < losses.length; stop++) {
            TuningProgress whole = new TuningProgress(1, 1);
            TuningProgress first = new TuningProgress(1, 1);
            for (int i = 0; i < stop; i++) {
                whole.judge(i + 1, losses[i]);
                first.judge(i + 1, losses[i]);
            }
            TuningProgress second = new TuningProgress(1, 1);
            second.restore(first.notes());
            for (int i = stop; i < losses.length; i++) {
                assertThat(second.judge(i + 1, losses[i])).isEqualTo(whole.judge(i + 1, losses[i]));
            }
            assertThat(second.notes()).isEqualTo(whole.notes());
        }
    }
}
