package dev.lowbit.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.SharedData;
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
        for (JsonNode tensor : inspected.get("tensors")) {
            bytes += tensor.get("bytes").asLong();
        }
        assertThat(bytes).isPositive().isEqualTo(inspected.get("bytes").asLong());
        assertThat(inspected.get("outputBytes").asLong()).isGreaterThan(bytes);
        assertThat(inspected.get("bitsPerWeight").asDouble()).isBetween(16.0, 32.0);
    }
}
