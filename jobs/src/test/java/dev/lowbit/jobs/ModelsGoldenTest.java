package dev.lowbit.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.SharedData;
import dev.lowbit.tensor.DType;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The commands that only read, on every real model at hand. */
class ModelsGoldenTest {
    static List<Path> models() {
        return SharedData.models();
    }

    @ParameterizedTest
    @MethodSource("models")
    void inspectAndVerifyRead(Path model) {
        Lowbit verified = Lowbit.run("verify", "--all", "--quiet", model);
        assertThat(verified.code()).as(verified.out() + verified.err()).isZero();
        JsonNode inspected = JsonMapper.shared()
                .readTree(Lowbit.run("inspect", "--json", model).out());
        assertThat(inspected.get("kind").asString()).isEqualTo("checkpoint");
        long bytes = 0;
        long weights = 0;
        long bits = 0;
        for (JsonNode tensor : inspected.get("tensors")) {
            bytes += tensor.get("bytes").asLong();
            long elements = 1;
            for (JsonNode dimension : tensor.get("shape")) {
                elements *= dimension.asLong();
            }
            weights += elements;
            bits += elements
                    * DType.ofSafetensors(tensor.get("type").asString())
                            .orElseThrow()
                            .bits();
        }
        assertThat(bytes).isPositive().isEqualTo(inspected.get("bytes").asLong());
        assertThat(inspected.get("outputBytes").asLong()).isGreaterThan(bytes);
        assertThat(inspected.get("weights").asLong()).isEqualTo(weights);
        assertThat(inspected.get("bitsPerWeight").asDouble()).isCloseTo((double) bits / weights, within(1e-9));
    }
}
