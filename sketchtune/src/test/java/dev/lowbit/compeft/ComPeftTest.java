package dev.lowbit.compeft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The edge cases of the method. */
class ComPeftTest {
    private static byte[] kept(ComPeftSettings settings, double... values) {
        return Updates.signs(compress(settings, Updates.tensor("t", DType.F32, values))
                .vectors()
                .getFirst()
                .signs());
    }

    private static CompressedUpdate compress(ComPeftSettings settings, UpdateTensor... tensors) {
        return ComPeft.compress(List.of(tensors), settings, Workers.serial());
    }

    private static void refused(ThrowingCallable call, String... message) {
        assertThatThrownBy(call).isInstanceOf(InvalidRequestException.class).hasMessageContainingAll(message);
    }

    @Test
    void equalMagnitudesAreKeptFromTheFirstOn() {
        assertThat(kept(ComPeftSettings.of(0.5), 1, -1, 1, 2, -1, 1)).containsExactly(1, -1, 0, 1, 0, 0);
    }

    @Test
    void theOriginalKeepsOneMoreAndAllTies() {
        ComPeftSettings original = ComPeftSettings.of(0.5).with(SelectionRule.ORIGINAL);
        assertThat(kept(original, 1, 2, 3, 4, -5, 6)).containsExactly(0, 0, 1, 1, -1, 1);
        assertThat(kept(original, 1, 2, -2, 2, -5, 6)).containsExactly(0, 1, -1, 1, -1, 1);
    }

    @ParameterizedTest
    @CsvSource({
        "0.05, 8192, 410, 410",
        "0.3, 5, 2, 2",
        "0.1, 5, 1, 1",
        "0.145, 100, 15, 15",
        "0.01, 49, 0, 1",
        "0.02, 49, 1, 1",
        "0.5, 1, 1, 1",
        "0.4, 1, 0, 1"
    })
    void roundsHalfUp(double density, long length, long exact, long original) {
        assertThat(ComPeftSettings.of(density).kept(length)).isEqualTo(exact);
        assertThat(ComPeftSettings.of(density).with(SelectionRule.ORIGINAL).kept(length))
                .isEqualTo(original);
    }

    @Test
    void lessThanHalfAnEntryKeepsNoneOrOne() {
        assertThat(kept(ComPeftSettings.of(0.1), 1, 3, -2)).containsExactly(0, 0, 0);
        assertThat(kept(ComPeftSettings.of(0.1).with(SelectionRule.ORIGINAL), 1, 3, -2))
                .containsExactly(0, 1, 0);
    }

    @Test
    void everyEntryThatIsNotZeroIsKeptAtDensityOne() {
        assertThat(kept(ComPeftSettings.of(1), 0, -0.0, 1e-45, -3, 1e-30)).containsExactly(0, 0, 1, -1, 1);
    }

    @Test
    void zerosHaveNoSign() {
        assertThat(kept(ComPeftSettings.of(0.8), 0, -0.0, 0, 1, -0.0)).containsExactly(0, 0, 0, 1, 0);
        assertThat(kept(ComPeftSettings.of(0.8).with(SelectionRule.ORIGINAL), 0, -0.0, 0, -1, 0))
                .containsExactly(0, 0, 0, -1, 0);
    }

    @ParameterizedTest
    @EnumSource(ScaleRule.class)
    void zerosStayZeros(ScaleRule rule) {
        ComPeftSettings settings = rule == ScaleRule.ALPHA_SIGMA
                ? ComPeftSettings.of(0.5)
                : ComPeftSettings.of(0.5).withMeanMagnitude();
        CompressedUpdate update = compress(settings, Updates.tensor("t", DType.F32, 0, 0, -0.0, 0));
        assertThat(update.nonZeros()).isZero();
        assertThat(update.vectors().getFirst().deviation()).isZero();
        assertThat(update.vectors().getFirst().scale()).isZero();
        assertThat(update.relativeError()).isZero();
        assertThat(Updates.decode(update.tensor("t"))).containsExactly(0, 0, 0, 0);
    }

    /** The sample formula has no value for it. */
    @Test
    void theDeviationOfOneEntryIsItsMagnitude() {
        CompressedUpdate update = compress(ComPeftSettings.of(1).withAlpha(2), Updates.tensor("t", DType.F32, -3));
        assertThat(update.vectors().getFirst().deviation()).isEqualTo(3);
        assertThat(Updates.decode(update.tensor("t"))).containsExactly(-6);
    }

    @Test
    void theDeviationIsOfAllEntriesAndAroundTheMean() {
        CompressedVector vector = compress(
                        ComPeftSettings.of(0.3).withAlpha(3), Updates.tensor("t", DType.F64, 1, 2, 6))
                .vectors()
                .getFirst();
        assertThat(vector.deviation()).isCloseTo(Math.sqrt(7), within(1e-15));
        assertThat(vector.scale()).isEqualTo((float) (3 * Math.sqrt(7)));
    }

    @Test
    void nothingIsRefused() {
        refused(() -> compress(ComPeftSettings.of(0.5)), "no entries");
        refused(() -> compress(ComPeftSettings.of(0.5), Updates.tensor("t", DType.F32)), "1 tensors", "no entries");
    }

    @ParameterizedTest
    @EnumSource(Granularity.class)
    void tensorsOfNoEntriesAreKept(Granularity granularity) {
        CompressedUpdate update = compress(
                ComPeftSettings.of(0.5).with(granularity),
                Updates.tensor("a", DType.F32),
                Updates.tensor("b", DType.F32, 1, -2),
                Updates.tensor("c", DType.F32),
                Updates.tensor("d", DType.F32, 3, 0),
                Updates.tensor("e", DType.F32, List.of(4L, 0L)));
        assertThat(Updates.decode(update.tensor("a"))).isEmpty();
        assertThat(update.tensor("e").shape()).containsExactly(4L, 0L);
        assertThat(update.nonZeros()).isEqualTo(2);
        assertThat(update.tensor("b").nonZeros()).isOne();
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
    void whatIsNotFiniteIsRefusedByName(double bad) {
        refused(
                () -> compress(
                        ComPeftSettings.of(0.5),
                        Updates.tensor("empty", DType.F32),
                        Updates.tensor("fine", DType.F32, 1, 2),
                        Updates.tensor("wrong", DType.F16, 1, 2, bad, 4, bad)),
                "tensor wrong holds " + bad + " at entry 2");
    }

    @Test
    void namesStandOnce() {
        refused(
                () -> compress(
                        ComPeftSettings.of(0.5), Updates.tensor("t", DType.F32, 1), Updates.tensor("t", DType.F16, 1)),
                "two tensors",
                "named t");
    }

    /** U+10000 is two surrogates in Java, which sort before U+FFFD; its code point is larger. */
    @Test
    void namesAreInCodePointOrder() {
        String high = new String(Character.toChars(0x10000));
        CompressedUpdate update = compress(
                ComPeftSettings.of(0.5),
                Updates.tensor(high, DType.F32, 1),
                Updates.tensor("\uFFFD", DType.F32, 2),
                Updates.tensor("z", DType.F32, 3),
                Updates.tensor("Z", DType.F32, 4));
        assertThat(update.tensors()).extracting(TernaryTensor::name).containsExactly("Z", "z", "\uFFFD", high);
        assertThat(update.tensor(high).offset()).isEqualTo(3);
    }

    /** All values of small types are exact, and types meet in one selection. */
    @Test
    void typesAreComparedByExactValues() {
        CompressedUpdate update = compress(
                ComPeftSettings.of(0.5),
                Updates.tensor("a", DType.F16, 0x1p-24, -1.5),
                Updates.tensor("b", DType.BF16, 1.25, 0x1p-133),
                Updates.tensor("c", DType.F32, 1.4999999, 0x1p-149),
                Updates.tensor("d", DType.F64, Math.nextUp(1.5), 1e-300));
        assertThat(Updates.signs(update.vectors().getFirst().signs())).containsExactly(0, -1, 1, 0, 1, 0, 1, 0);
        assertThat(kept(ComPeftSettings.of(0.5), 0x1p-149, -0x1p-148)).containsExactly(0, -1);
        byte[] doubles = Updates.signs(compress(
                        ComPeftSettings.of(0.5),
                        Updates.tensor("t", DType.F64, 1, -Math.nextUp(1.0), Math.nextDown(1.0), 2))
                .vectors()
                .getFirst()
                .signs());
        assertThat(doubles).containsExactly(0, -1, 0, 1);
    }

    @Test
    void everyTensorCanHaveItsOwnScale() {
        CompressedUpdate update = compress(
                ComPeftSettings.of(0.5).withMeanMagnitude().with(Granularity.PER_TENSOR),
                Updates.tensor("a", DType.F32, 100, 200, -300, 400),
                Updates.tensor("b", DType.F32, 1, 2, -3, 4));
        assertThat(Updates.decode(update.tensor("a"))).containsExactly(0, 0, -350, 350);
        assertThat(Updates.decode(update.tensor("b"))).containsExactly(0, 0, -3.5f, 3.5f);
        assertThat(update.tensor("b").squaredError()).isEqualTo(1 + 4 + 0.25 + 0.25);
        assertThat(update.tensor("b").relativeError()).isEqualTo(Math.sqrt(5.5 / 30));
        assertThat(update.vectors()).hasSize(2);
    }

    @Test
    void scalesThatAFloatDoesNotHoldAreRefused() {
        for (double value : new double[] {1e200, 1e60, 1e-60}) {
            refused(
                    () -> compress(
                            ComPeftSettings.of(0.5).withMeanMagnitude(),
                            Updates.tensor("t", DType.F64, value, -value, value)),
                    "from t on",
                    "32 bits");
        }
        refused(
                () -> compress(
                        ComPeftSettings.of(0.1).withMeanMagnitude(), Updates.tensor("t", DType.F64, 1e300, 1e300)),
                "tensor t",
                "beyond 64 bits");
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -0.1, 1.5, 5, Double.NaN, Double.POSITIVE_INFINITY})
    void densitiesAreShares(double density) {
        refused(() -> ComPeftSettings.of(density), "density", "write 0.05");
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, -2, Double.NaN, Double.POSITIVE_INFINITY})
    void alphasArePositive(double alpha) {
        refused(() -> ComPeftSettings.of(0.05).withAlpha(alpha), "alpha", "write 1");
    }

    @Test
    void contradictionsAreRefused() {
        refused(() -> ComPeftSettings.of(1).with(SelectionRule.ORIGINAL), "density 1", "exact count");
        refused(
                () -> new ComPeftSettings(
                        0.1,
                        SelectionRule.EXACT_COUNT,
                        ScaleRule.MEAN_MAGNITUDE,
                        2,
                        Granularity.GLOBAL,
                        TernaryCode.RICE),
                "takes no alpha");
    }

    @Test
    void tensorsAreChecked() {
        MemorySegment twoFloats = MemorySegment.ofArray(new byte[8]);
        assertThat(new UpdateTensor("t", DType.F32, List.of(), MemorySegment.ofArray(new byte[4])).elements())
                .isOne();
        refused(() -> new UpdateTensor("", DType.F32, List.of(2L), twoFloats), "tensor names");
        refused(() -> new UpdateTensor("a\0", DType.F32, List.of(2L), twoFloats), "\"a?\"");
        refused(() -> new UpdateTensor("\uD800", DType.F32, List.of(2L), twoFloats), "UTF-8");
        refused(() -> new UpdateTensor("x".repeat(513), DType.F32, List.of(2L), twoFloats), "512 bytes");
        refused(() -> new UpdateTensor("t", DType.I8, List.of(8L), twoFloats), "t is I8", "convert it");
        refused(() -> new UpdateTensor("t", DType.F32, List.of(3L), twoFloats), "12 bytes; 8 were given");
        refused(() -> new UpdateTensor("t", DType.F32, List.of(-2L), twoFloats), "impossible shape");
        refused(() -> new UpdateTensor("t", DType.F32, List.of(1L << 40, 1L << 40), twoFloats), "impossible shape");
        refused(
                () -> new UpdateTensor("t", DType.F32, List.of(1L, 1L, 1L, 1L, 1L, 1L, 1L, 1L, 2L), twoFloats),
                "9 dimensions");
    }

    @Test
    void moreEntriesThanAMaskHoldsAreRefused() {
        refused(() -> TernaryVector.words(1L << 40), "give every tensor its own");
        assertThat(TernaryVector.words(1L << 36)).isEqualTo(1 << 30);
    }
}
