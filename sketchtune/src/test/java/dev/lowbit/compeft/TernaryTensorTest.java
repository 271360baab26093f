package dev.lowbit.compeft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Operations on ranges of vectors that begin anywhere in a word, against loops over single signs. */
class TernaryTensorTest {
    private static TernaryTensor range(long seed, int offset, List<Long> shape, float scale) {
        int elements = (int) shape.stream().mapToLong(n -> n).reduce(1, (a, b) -> a * b);
        TernaryVector vector = TernaryVector.of(Updates.signs(seed, offset + elements + 70, 0.3));
        return new TernaryTensor("t", DType.F32, shape, vector, offset, scale, 0, 0);
    }

    private static int sign(TernaryTensor tensor, int i) {
        return tensor.signs().sign(tensor.offset() + i);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 63, 64, 65, 127, 4100})
    void decodesEveryEntry(int offset) {
        for (long length : new long[] {0, 1, 63, 64, 65, 4095, 4096, 9001}) {
            TernaryTensor tensor = range(offset + length, offset, List.of(length), 0.75f);
            float[] values = Updates.decode(tensor);
            int nonZeros = 0;
            for (int i = 0; i < length; i++) {
                assertThat(values[i]).isEqualTo(0.75f * sign(tensor, i));
                // +0, whose bits are zero
                assertThat(values[i] != 0 || Float.floatToRawIntBits(values[i]) == 0)
                        .isTrue();
                nonZeros += Math.abs(sign(tensor, i));
            }
            assertThat(tensor.nonZeros()).isEqualTo(nonZeros);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "F16", "BF16", "F64"})
    void mergesIntoEveryType(DType type) {
        TernaryTensor tensor = range(5, 37, List.of(5000L), 0.5f);
        double[] before = Updates.gaussian(6, 5000);
        UpdateTensor weights = Updates.tensor("w", type, before);
        double[] exact = Updates.values(weights);
        tensor.addTo(type, weights.data(), -2);
        double[] after = Updates.values(weights);
        double[] expected = new double[5000];
        for (int i = 0; i < expected.length; i++) {
            expected[i] = exact[i] - sign(tensor, i);
            double precision = type == DType.BF16 ? 0x1p-8 : type == DType.F16 ? 0x1p-11 : 0x1p-24;
            assertThat(after[i]).isCloseTo(expected[i], within(sign(tensor, i) == 0 ? 0 : 2 * precision));
        }
        if (type == DType.F64) {
            assertThat(after).containsExactly(expected);
        }
        MemorySegment decoded =
                MemorySegment.ofArray(new byte[5000 * type.bytes()]).fill((byte) 0x33);
        tensor.decode(type, decoded);
        double[] values = new double[5000];
        Elements.read(type, decoded, 0, values, 0, 5000);
        for (int i = 0; i < values.length; i++) {
            assertThat(values[i]).isEqualTo(0.5 * sign(tensor, i));
        }
    }

    @Test
    void scalesAreRoundedToTheTypeOrRefused() {
        TernaryTensor tensor = Updates.whole(new byte[] {1, -1}, List.of(2L), 1 + 0x1p-12f);
        MemorySegment halves = MemorySegment.ofArray(new byte[4]);
        tensor.decode(DType.F16, halves);
        double[] values = new double[2];
        Elements.read(DType.F16, halves, 0, values, 0, 2);
        assertThat(values).containsExactly(1, -1);
        TernaryTensor large = Updates.whole(new byte[] {1, -1}, List.of(2L), 1e5f);
        assertThatThrownBy(() -> large.decode(DType.F16, halves))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("beyond the range of F16; use F32");
        large.decode(DType.BF16, halves);
        assertThatThrownBy(() -> large.decode(DType.I8, MemorySegment.ofArray(new byte[2])))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("cannot be decoded to I8");
        assertThatThrownBy(() -> large.decode(DType.F32, halves))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("8 bytes of F32; 4 were given");
    }

    /** Each alone is in the range of halves; what the update leaves alone may be anything. */
    @Test
    void sumsBeyondTheTypeAreRefused() {
        TernaryTensor tensor = Updates.whole(new byte[] {0, 1, -1}, List.of(3L), 4000);
        for (DType type : List.of(DType.F16, DType.BF16, DType.F32, DType.F64)) {
            double largest = type == DType.F16 ? 64_000 : 1000;
            UpdateTensor fits = Updates.tensor("w", type, new double[] {Double.POSITIVE_INFINITY, 0, largest});
            tensor.addTo(type, fits.data(), 1);
            assertThat(Updates.values(fits)).startsWith(Double.POSITIVE_INFINITY, 4000);
        }
        UpdateTensor halves = Updates.tensor("w", DType.F16, new double[] {0, 64_000, 0});
        assertThatThrownBy(() -> tensor.addTo(DType.F16, halves.data(), 1))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("would hold 68000.0 at element 1, beyond the range of F16");
        UpdateTensor doubles = Updates.tensor("w", DType.F64, new double[] {0, Double.MAX_VALUE, 0});
        assertThatThrownBy(() -> tensor.addTo(DType.F64, doubles.data(), 1e300))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("would hold Infinity at element 1, beyond the range of F64");
    }

    @Test
    void innerProductsAreThoseOfTheDecoded() {
        for (int offset : new int[] {0, 1, 63, 64, 200}) {
            TernaryTensor a = range(1, offset, List.of(3L, 777L), 0.5f);
            TernaryTensor b = range(2, 5, List.of(3L, 777L), 3);
            double expected = 0;
            for (int i = 0; i < a.elements(); i++) {
                expected += 1.5 * sign(a, i) * sign(b, i);
            }
            assertThat(a.dot(b)).isEqualTo(expected).isEqualTo(b.dot(a));
            assertThat(a.dot(a)).isEqualTo(0.25 * a.nonZeros());
        }
        assertThatThrownBy(() -> range(1, 0, List.of(4L), 1).dot(range(1, 0, List.of(2L, 2L), 1)))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("[4]")
                .hasMessageContaining("[2, 2]");
    }

    @Test
    void productsAreThoseOfTheDecoded() {
        TernaryTensor matrix = range(3, 17, List.of(37L, 131L), 0.25f);
        FloatMatrix x = FloatMatrix.wrap(3, 131, new float[3 * 131]);
        double[] inputs = Updates.gaussian(4, 3 * 131);
        for (int i = 0; i < inputs.length; i++) {
            x.set(i / 131, i % 131, (float) inputs[i]);
        }
        FloatMatrix y = FloatMatrix.wrap(3, 37, new float[3 * 37]);
        matrix.multiply(x, y, Workers.serial());
        for (int token = 0; token < 3; token++) {
            for (int row = 0; row < 37; row++) {
                double sum = 0;
                for (int column = 0; column < 131; column++) {
                    sum += sign(matrix, row * 131 + column) * (double) x.get(token, column);
                }
                assertThat(y.get(token, row)).isEqualTo((float) (0.25 * sum));
            }
        }
        FloatMatrix again = FloatMatrix.wrap(3, 37, new float[3 * 37]);
        try (ExecutorService executor = Executors.newFixedThreadPool(2)) {
            matrix.multiply(x, again, Workers.on(executor, 3));
        }
        assertThat(again.toArray()).containsExactly(y.toArray());
        assertThatThrownBy(() -> matrix.multiply(y, x, Workers.serial()))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("[37, 131]");
        assertThatThrownBy(() -> range(1, 0, List.of(131L), 1).multiply(x, y, Workers.serial()))
                .isInstanceOf(InvalidRequestException.class);
    }

    @Test
    void aRangeLiesInsideItsVector() {
        TernaryVector vector = TernaryVector.of(new byte[10]);
        assertThatThrownBy(() -> new TernaryTensor("t", DType.F32, List.of(10L), vector, 1, 1, 0, 0))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> vector.sign(10)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> vector.sign(-1)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void updatesHaveInnerProducts() {
        double[] a = Updates.gaussian(1, 500);
        double[] b = Updates.gaussian(2, 500);
        ComPeftSettings settings = ComPeftSettings.of(0.2);
        CompressedUpdate first = ComPeft.compress(
                List.of(Updates.tensor("a", DType.F32, a), Updates.tensor("b", DType.F32, b)),
                settings,
                Workers.serial());
        CompressedUpdate second = ComPeft.compress(
                List.of(Updates.tensor("a", DType.F32, b), Updates.tensor("b", DType.F32, b)),
                settings.with(Granularity.PER_TENSOR),
                Workers.serial());
        double expected = 0;
        for (String name : List.of("a", "b")) {
            float[] one = Updates.decode(first.tensor(name));
            float[] other = Updates.decode(second.tensor(name));
            for (int i = 0; i < one.length; i++) {
                expected += (double) one[i] * other[i];
            }
        }
        assertThat(first.dot(second)).isCloseTo(expected, within(1e-12));
        CompressedUpdate less =
                ComPeft.compress(List.of(Updates.tensor("a", DType.F32, a)), settings, Workers.serial());
        assertThatThrownBy(() -> first.dot(less))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("same names");
        assertThatThrownBy(() -> less.tensor("b"))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("no tensor b");
    }
}
