package dev.lowbit.jobs.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.demo.SyntheticCheckpoint;
import dev.lowbit.jobs.demo.SyntheticModel;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.lookup.LookupMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Nothing is timed here: what is measured is right, complete, and refused where it cannot be. */
class BenchTest {
    @Test
    void everyDefaultFormatIsMeasuredWithOneThreadAndWithAll() {
        Lowbit run = Lowbit.run("bench", "--size", 64, "--seconds", 0.001, "--threads", 2, "--json", "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        JsonNode result = JsonMapper.shared().readTree(run.out());
        assertThat(result.get("bandwidth")).hasSize(2);
        JsonNode products = result.get("products");
        assertThat(products.size()).isGreaterThan(10).isEven();
        int fastOnes = 0;
        for (int i = 0; i < products.size(); i++) {
            JsonNode product = products.get(i);
            assertThat(product.get("threads").intValue()).isEqualTo(1 + i % 2);
            double bytes = MatrixFormats.bytes(product.get("format").stringValue(), 64, 64);
            boolean fast = product.get("accuracy").stringValue().equals("fast");
            fastOnes += fast ? 1 : 0;
            if (fast) {
                bytes = product.get("bitsPerWeight").doubleValue() * 64 * 64 / 8;
            }
            assertThat(product.get("bitsPerWeight").doubleValue()).isEqualTo(8 * bytes / (64 * 64));
            double seconds = product.get("secondsPerProduct").doubleValue();
            assertThat(seconds).isPositive();
            assertThat(product.get("weightsPerSecond").doubleValue()).isEqualTo(64 * 64 / seconds);
            assertThat(product.get("bytesPerSecond").doubleValue()).isEqualTo(bytes / seconds);
        }
        assertThat(fastOnes > 0).isEqualTo(LookupMatrix.available());
    }

    @Test
    void aModelIsMeasuredAsItWrites(@TempDir Path folder) {
        SyntheticCheckpoint.write(folder.resolve("model"), SyntheticModel.small(), 0, Workers.serial());
        Lowbit compressed = Lowbit.run(
                "compress",
                folder.resolve("model"),
                "--out",
                folder.resolve("packed"),
                "--format",
                "nf2-g32-f16",
                "--quiet");
        assertThat(compressed.code()).as(compressed.err()).isZero();
        Lowbit run = Lowbit.run(
                "bench", "--model", folder.resolve("packed"), "--tokens", 3, "--threads", 2, "--json", "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        JsonNode result = JsonMapper.shared().readTree(run.out());
        assertThat(result.get("bitsPerWeight").doubleValue()).isEqualTo(2.5);
        JsonNode speeds = result.get("decoding");
        assertThat(speeds).hasSize(4);
        for (int i = 0; i < 4; i++) {
            assertThat(speeds.get(i).get("threads").intValue()).isEqualTo(1 + i % 2);
            assertThat(speeds.get(i).get("accuracy").stringValue()).isEqualTo(i < 2 ? "exact" : "fast");
            double tokens = speeds.get(i).get("tokensPerSecond").doubleValue();
            assertThat(tokens).isPositive();
            assertThat(speeds.get(i).get("bytesPerSecond").doubleValue())
                    .isCloseTo(tokens * speeds.get(i).get("bytesPerToken").longValue(), withinPercentage(1e-9));
        }
        Lowbit table = Lowbit.run("bench", "--model", folder.resolve("packed"), "--tokens", 2, "--quiet");
        assertThat(table.out()).contains("tokens/s", "MB/token", "exact", "fast");
        Lowbit tooMany = Lowbit.run("bench", "--model", folder.resolve("packed"), "--tokens", 10000, "--quiet");
        assertThat(tooMany.code()).isEqualTo(5);
        assertThat(tooMany.err()).contains("--tokens 10000", "context");
        Lowbit most = Lowbit.run("bench", "--model", folder.resolve("packed"), "--tokens", 2147483647, "--quiet");
        assertThat(most.code()).isEqualTo(5);
        assertThat(most.err()).contains("need a context of 2147483663");
    }

    @Test
    void theTableNamesFormatAndBandwidth() {
        Lowbit run = Lowbit.run(
                "bench",
                "--size",
                32,
                "--seconds",
                0.001,
                "--threads",
                1,
                "--formats",
                "f32,sketch4-r1-f16",
                "--quiet");
        assertThat(run.code()).isZero();
        assertThat(run.out()).contains("GB/s read from memory", "sketch4-r1-f16", "weights/ns");
    }

    @ParameterizedTest
    @CsvSource({
        "--size 16 --formats nonsense9, nonsense9",
        "--size 12 --formats sketch4-r8-f16, does not suit",
        "--size 16 --formats f32+r2-f16, is not measured by itself",
        "--size 16 --accuracy rough, choose exact or fast",
        "--size 16 --seconds 0, above 0",
        "--size 0, --size"
    })
    void refusals(String options, String words) {
        Lowbit run = Lowbit.run((Object[]) ("bench --quiet " + options).split(" "));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains(words);
    }

    /** Before anything is allocated: nothing that was measured gets lost. */
    @ParameterizedTest
    @CsvSource({
        "--size 46341, sketch4-r1-f16 has 2147488281 random codes",
        "--size 92682 --formats aq2x8-g8-row-bf16, aq2x8-g8-row-bf16 has 2147627304 random codes",
        "--size 2147483647, --size 2147483647",
        "--size 2147483647 --formats f32, take a smaller --size",
        "--size 536870912 --formats nf4-g64-f16, use a larger group"
    })
    void sizesThatCannotBe(String options, String words) {
        Lowbit run = Lowbit.run((Object[]) ("bench --quiet " + options).split(" "));
        assertThat(run.code()).as(run.err()).isEqualTo(5);
        assertThat(run.err().lines()).hasSize(1);
        assertThat(run.err()).contains(words);
    }

    /** A matrix whose product is not that of its values is never given a speed. */
    @Test
    void aWrongProductIsNotMeasured() {
        try (FloatMatrix weights = SampleMatrices.gaussian(8, 16);
                FloatMatrix x = SampleMatrices.gaussian(1, 16)) {
            QuantizedMatrix right = SampleMatrices.of("f32", weights, Workers.serial());
            assertThat(ProductSpeed.of(right, x, 1, 1e-4, 1, Workers.serial()).secondsPerProduct())
                    .isPositive();
            for (float wrong : new float[] {2, Float.NaN}) {
                QuantizedMatrix times = new Times(right, wrong);
                assertThatThrownBy(() -> ProductSpeed.of(times, x, 1, 1e-4, 1, Workers.serial()))
                        .hasMessageContaining("wrong result");
            }
        }
    }

    private record Times(QuantizedMatrix matrix, float factor) implements QuantizedMatrix {
        @Override
        public int rows() {
            return matrix.rows();
        }

        @Override
        public int columns() {
            return matrix.columns();
        }

        @Override
        public String format() {
            return matrix.format();
        }

        @Override
        public List<Part> parts() {
            return matrix.parts();
        }

        @Override
        public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
            matrix.dequantize(fromRow, out, workers);
        }

        @Override
        public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
            DecodedProducts.multiply(matrix, x, y, workers);
            y.set(0, 0, factor * y.get(0, 0) + 1);
        }
    }
}
