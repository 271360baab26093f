package dev.lowbit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Trees of strict JSON: exact numbers, kept order, closed collections, places in messages. */
class StrictJsonTest {
    private static final Path FILE = Path.of("some.json");

    private static Map<String, Object> parse(String text) {
        return StrictJson.parseObject(FILE, text, Limits.defaults());
    }

    private static MalformedFileException refused(String text) {
        return catchThrowableOfType(MalformedFileException.class, () -> parse(text));
    }

    @Test
    void integersAreExact() {
        Map<String, Object> map = parse("{\"max\":9223372036854775807,\"min\":-9223372036854775808,"
                + "\"beyond\":9223372036854775808,\"odd\":9007199254740993,\"fraction\":1.5,\"exponent\":1e2}");
        assertThat(map.get("max")).isEqualTo(Long.MAX_VALUE);
        assertThat(map.get("min")).isEqualTo(Long.MIN_VALUE);
        assertThat(map.get("beyond")).isEqualTo(new BigInteger("9223372036854775808"));
        assertThat(map.get("odd")).as("2^53 + 1, which a double cannot hold").isEqualTo(9007199254740993L);
        assertThat(map.get("fraction")).isEqualTo(1.5);
        assertThat(map.get("exponent")).isEqualTo(100.0);
    }

    @Test
    void orderIsKeptAndNothingCanBeChanged() {
        Map<String, Object> map = parse("{\"z\":[true,false,null],\"a\":{\"\\u00e9\":\"\\ud83d\\ude00\"}}");
        assertThat(map.keySet()).containsExactly("z", "a");
        assertThat((List<?>) map.get("z")).isEqualTo(java.util.Arrays.asList(true, false, null));
        assertThat(map.get("a")).isEqualTo(Map.of("é", "\ud83d\ude00"));
        assertThatThrownBy(() -> map.put("b", 1)).isInstanceOf(UnsupportedOperationException.class);
        assertThatThrownBy(() -> ((List<?>) map.get("z")).clear()).isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void messagesSayWhereAndStayOneLine() {
        MalformedFileException e = refused("{\"a\":1,\n\"b\":x}");
        assertThat(e.reason()).isEqualTo(Reason.BAD_JSON);
        assertThat(e.byteOffset()).isBetween(12L, 13L);
        assertThat(e.getMessage().lines()).hasSize(1);
        assertThat(e).hasMessageStartingWith("some.json: not valid JSON: ");
        MalformedFileException twice = refused("{\"a\\n\\u202eb\":1,\"a\\n\\u202eb\":2}");
        assertThat(twice.reason()).isEqualTo(Reason.DUPLICATE_KEY);
        assertThat(twice).as("a name cannot break or reverse the line").hasMessageContaining("\"a\\u000a\\u202eb\"");
    }

    @Test
    void otherValuesAreNoObject() {
        for (String text : new String[] {"", "[]", "1", "\"x\"", "null", "{} {}", "{},"}) {
            assertThat(refused(text).reason()).as(text).isEqualTo(Reason.BAD_JSON);
        }
    }

    /** Three bytes of text can ask for a hundred of the heap. */
    @Test
    void tooManyValuesAreRefusedBeforeTheyFillTheHeap() {
        for (String value : new String[] {"{}", "[]", "1", "\"\""}) {
            MalformedFileException e = refused("{\"a\":[" + (value + ",").repeat(1 << 20) + value + "]}");
            assertThat(e).as(value).hasMessageContaining("holds more than 1048576 values");
            assertThat(e.reason()).isEqualTo(Reason.BAD_JSON);
        }
        List<?> many =
                (List<?>) parse("{\"a\":[" + "1,".repeat(1_000_000) + "1]}").get("a");
        assertThat(many).hasSize(1_000_001);
    }

    @Test
    void aLongStringIsRefusedBeforeItFillsTheHeap() {
        Limits small = new Limits(1000, 10, 10, 2, 4, 100, 100, 1000);
        String text = "{\"a\":\"" + "x".repeat(101) + "\"}";
        assertThatThrownBy(() -> StrictJson.parseObject(FILE, text, small))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("longer than the limit");
    }
}
