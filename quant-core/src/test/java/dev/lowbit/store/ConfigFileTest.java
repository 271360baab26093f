package dev.lowbit.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.StrictJson;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigFileTest {
    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] utf8) {
        return new String(utf8, StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{ \t}",
                "\n{\n\n}\n",
                "{\"a\": 1}",
                "{\n  \"a\": 1e-05,\n  \"b\": [1, {\"quantization_config\": 2}],\n  \"c\": \"}, \\\"quantization_config\\\": \\\\\"\n}\n",
                "\r\n{ \"h\u00e9\" : {\"x\" : {} } , \"n\" : null }\t",
                "{\"a\":[\"]\",\"{\"],\"quantization\":3}",
            })
    void addsItsBlockAndTakesItOutAgainWithoutATrace(String config) {
        byte[] added = ConfigFile.withQuantization(utf8(config), 1);
        Map<String, Object> parsed = StrictJson.parseObject(Path.of("config.json"), added, Limits.defaults());
        assertThat(parsed.get("quantization_config"))
                .isEqualTo(Map.of("quant_method", "lowbit", "version", 1L, "manifest", "lowbit.json"));
        assertThat(parsed)
                .hasSize(1
                        + StrictJson.parseObject(Path.of("config.json"), config, Limits.defaults())
                                .size());
        assertThat(text(ConfigFile.withoutQuantization(added))).isEqualTo(config);
        assertThat(text(ConfigFile.withQuantization(added, 1))).isEqualTo(text(added));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"quantization_config\": {\"quant_method\": \"fp8\", \"x\": [1, 2]}, \"a\": 1}",
                "{\"a\": 1, \"quantization_config\": null}",
                "{\"a\": 1, \"quantization_config\": {\"y\": \"}\"}, \"b\": 2}",
                "{ \"quantization_config\": 4 }",
                "{\"architectures\": [\"X\"], \"quantization\\u005fconfig\": {\"bits\": 4}}",
                "{\"\\u0071uantization_confi\\u0067\" : 4, \"b\\\"\": 1}",
            })
    void replacesTheBlockOfAnotherMethod(String config) {
        String added = text(ConfigFile.withQuantization(utf8(config), 1));
        assertThat(added).contains("lowbit").doesNotContain("fp8").containsOnlyOnce("quantization_config");
        String removed = text(ConfigFile.withoutQuantization(utf8(added)));
        assertThat(StrictJson.parseObject(Path.of("config.json"), removed, Limits.defaults()))
                .doesNotContainKey("quantization_config");
    }

    @Test
    void keepsOtherNamesAsTheyAreWritten() {
        String config = "{\"quantization\\u002dconfig\": 1, \"\\\\u005f\": 2}";
        assertThat(text(ConfigFile.withoutQuantization(utf8(config)))).isEqualTo(config);
        assertThat(text(ConfigFile.withQuantization(utf8(config), 1)))
                .startsWith("{\"quantization\\u002dconfig\": 1, \"\\\\u005f\": 2,");
    }

    @Test
    void keepsLiteralsThatOnlyPythonWrites() {
        assertThat(text(ConfigFile.withQuantization(utf8("{\"x\": NaN, \"y\": -Infinity}"), 1)))
                .startsWith("{\"x\": NaN, \"y\": -Infinity,\n  \"quantization_config\": {");
    }
}
