package dev.lowbit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Case C15: adapter configurations that cannot be applied, and patterns that would never end. */
@Timeout(value = 10, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class AdapterConfigTest {
    private static final String CATASTROPHIC = "(a+)+(a+)+(a+)+(a+)+b";

    @TempDir
    Path path;

    private AdapterConfig read(String json) {
        new Folder(path).text("adapter_config.json", json);
        return AdapterConfig.read(path.resolve("adapter_config.json"), Limits.defaults());
    }

    private static void refused(Runnable reading) {
        MalformedFileException e = catchThrowableOfType(MalformedFileException.class, reading::run);
        assertThat(e).isNotNull();
        assertThat(e.reason()).isEqualTo(Reason.BAD_ADAPTER);
        assertThat(e.getMessage().lines()).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "{}",
                "{\"r\":0,\"target_modules\":[\"q\"]}",
                "{\"r\":-1,\"target_modules\":[\"q\"]}",
                "{\"r\":1.5,\"target_modules\":[\"q\"]}",
                "{\"r\":4294967296,\"target_modules\":[\"q\"]}",
                "{\"r\":8}",
                "{\"r\":8,\"target_modules\":[]}",
                "{\"r\":8,\"target_modules\":[1]}",
                "{\"r\":8,\"target_modules\":\"(\"}",
                "{\"r\":8,\"lora_alpha\":\"x\",\"target_modules\":[\"q\"]}",
                "{\"r\":8,\"target_modules\":[\"q\"],\"rank_pattern\":[]}",
                "{\"r\":8,\"target_modules\":[\"q\"],\"rank_pattern\":{\"q\":0}}",
                "{\"r\":8,\"target_modules\":[\"q\"],\"rank_pattern\":{\"q\":2.5}}",
                "{\"r\":8,\"target_modules\":[\"q\"],\"rank_pattern\":{\"(\":2}}",
                "{\"r\":8,\"target_modules\":[\"q\"],\"alpha_pattern\":{\"q\":\"x\"}}"
            })
    void c15BadFieldsAreRefused(String json) {
        refused(() -> read(json));
    }

    @Test
    void c15ModulesMustBeTargetsAndHoldTheRank() {
        AdapterConfig names =
                read("{\"r\":8,\"lora_alpha\":16,\"target_modules\":[\"q_proj\"],\"fan_in_fan_out\":true}");
        names.requireModule("a.q_proj", 16, 8);
        names.requireModule("q_proj", 8, 16);
        refused(() -> names.requireModule("a.k_proj", 16, 8));
        refused(() -> names.requireModule("a.xq_proj", 16, 8));
        refused(() -> names.requireModule("a.q_proj", 16, 7));
        refused(() -> names.requireModule("a.q_proj", 7, 16));
        assertThat(names.alpha()).isEqualTo(16);
        assertThat(names.fanInFanOut()).isTrue();
        read("{\"r\":8,\"target_modules\":\".*q_proj\"}").requireModule("a.q_proj", 16, 8);
        read("{\"r\":8,\"target_modules\":\"all-linear\"}").requireModule("a.q_proj", 16, 8);
        refused(() -> read("{\"r\":8,\"target_modules\":\"q_proj\"}").requireModule("a.q_proj", 16, 8));
        read("{\"r\":8,\"target_modules\":[\"q\"],\"rank_pattern\":{\"a.q\":2}}")
                .requireModule("a.q", 16, 2);
        refused(() -> read("{\"r\":8,\"target_modules\":[\"q\"],\"rank_pattern\":{\"a.q\":20}}")
                .requireModule("a.q", 16, 16));
    }

    /** As PEFT matches them: a key is an expression for the end of a name from a dot on, and the first that matches counts. */
    @Test
    void modulesHaveRanksAndAlphasOfTheirOwn() {
        AdapterConfig config = read("{\"r\":8,\"lora_alpha\":16,\"target_modules\":[\"q\"],"
                + "\"rank_pattern\":{\"1.mlp.up\":4,\"mlp.*\":2},\"alpha_pattern\":{\"up\":0.5,\"^h.0.q\":3}}");
        assertThat(config.rank("layers.1.mlp.up")).isEqualTo(4);
        assertThat(config.rank("layers.0.mlp.up")).isEqualTo(2);
        assertThat(config.rank("layers.0.xmlp.up")).isEqualTo(8);
        assertThat(config.alpha("layers.1.mlp.up")).isEqualTo(0.5);
        assertThat(config.alpha("layers.1.mlp.up.x")).isEqualTo(16);
        assertThat(config.alpha("h.0.q")).isEqualTo(3);
        assertThat(config.alpha("model.h.0.q")).isEqualTo(16);
    }

    @Test
    void c15ACatastrophicPatternOfRanksIsRefused() {
        AdapterConfig config =
                read("{\"r\":1,\"target_modules\":[\"q\"],\"rank_pattern\":{\"" + CATASTROPHIC + "\":1}}");
        refused(() -> config.rank("a".repeat(400)));
    }

    @Test
    void whatIsMoreThanPlainLoraIsNamed() {
        assertThat(
                        read("{\"r\":8,\"target_modules\":[\"q\"],\"peft_type\":\"LORA\",\"bias\":\"none\",\"use_dora\":false,"
                                        + "\"modules_to_save\":null,\"init_lora_weights\":\"gaussian\",\"target_parameters\":[]}")
                                .beyondPlain())
                .isEmpty();
        assertThat(
                        read("{\"r\":8,\"target_modules\":[\"q\"],\"use_dora\":true,\"bias\":\"all\",\"init_lora_weights\":\"olora\"}")
                                .beyondPlain())
                .hasSize(3);
    }

    @Test
    void c15ACatastrophicPatternIsRefusedNotRun() {
        AdapterConfig config = read("{\"r\":1,\"target_modules\":\"" + CATASTROPHIC + "\"}");
        refused(() -> config.requireModule("a".repeat(400), 4, 4));
    }

    @Test
    void namePatternsCountTheirSteps() {
        assertThat(NamePattern.of("layers\\.\\d+\\..*").matches("layers.10.q")).isTrue();
        assertThat(NamePattern.of("\\.q$").find("layers.10.q")).isTrue();
        assertThat(NamePattern.of("q").matches("layers.10.q")).isFalse();
        assertThatThrownBy(() -> NamePattern.of(CATASTROPHIC).find("a".repeat(400)))
                .isInstanceOf(NamePattern.TooExpensiveException.class);
        assertThatThrownBy(() -> NamePattern.of("(x|y)*".repeat(200)).matches("xy".repeat(100_000)))
                .isInstanceOf(NamePattern.TooExpensiveException.class);
        assertThatThrownBy(() -> NamePattern.of("[")).isInstanceOf(IllegalArgumentException.class);
    }
}
