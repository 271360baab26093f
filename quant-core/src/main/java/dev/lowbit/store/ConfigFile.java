package dev.lowbit.store;

import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.StrictJson;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Adds the {@code quantization_config} block to a config.json and takes it out again, leaving every other byte as its author
 * wrote it (number spellings, order, NaN literals).
 */
public final class ConfigFile {
    /** The block's name. */
    static final String KEY = "quantization_config";

    /** The {@code quant_method} of our own. */
    static final String METHOD = "lowbit";

    /** One member of the top-level object: the bytes from its opening quote to the end of its value. */
    private record Member(String name, int from, int to) {}

    private ConfigFile() {}

    /**
     * The configuration with our block as its last member, in place of any other block of that name.
     *
     * @param config a well-formed JSON object in UTF-8; not modified
     * @param version of the manifest
     */
    public static byte[] withQuantization(byte[] config, int version) {
        return withQuantization(
                config,
                "{\n    \"quant_method\": \"" + METHOD + "\",\n    \"version\": " + version + ",\n    \"manifest\": \""
                        + Manifest.FILE + "\"\n  }");
    }

    /**
     * The configuration with a block as its last member, in place of any other block of that name.
     *
     * @param config a well-formed JSON object in UTF-8; not modified
     * @param value the block, a JSON value
     */
    public static byte[] withQuantization(byte[] config, String value) {
        byte[] plain = withoutQuantization(config);
        List<Member> members = members(plain);
        String block = "\n  \"" + KEY + "\": " + value;
        if (members.isEmpty()) {
            int open = indexOf(plain, '{') + 1;
            return splice(plain, open, open, block + "\n");
        }
        int end = members.getLast().to();
        return splice(plain, end, end, "," + block);
    }

    /**
     * The configuration without a block of that name.
     *
     * @param config a well-formed JSON object in UTF-8; not modified
     */
    public static byte[] withoutQuantization(byte[] config) {
        List<Member> members = members(config);
        for (int i = 0; i < members.size(); i++) {
            if (members.get(i).name().equals(KEY)) {
                if (members.size() == 1) {
                    // with the line feed behind it, which withQuantization adds too
                    int to = members.getFirst().to();
                    return splice(config, indexOf(config, '{') + 1, config[to] == '\n' ? to + 1 : to, "");
                }
                return i > 0
                        ? splice(config, members.get(i - 1).to(), members.get(i).to(), "")
                        : splice(config, members.get(0).from(), members.get(1).from(), "");
            }
        }
        return config;
    }

    private static List<Member> members(byte[] json) {
        List<Member> members = new ArrayList<>();
        int depth = 0;
        int keyFrom = -1;
        int keyTo = -1;
        int lastContent = -1;
        for (int i = 0; i < json.length; i++) {
            byte c = json[i];
            boolean ends = depth == 1 && (c == ',' || c == '}');
            if (ends && keyFrom >= 0) {
                members.add(new Member(name(json, keyFrom, keyTo), keyFrom, lastContent + 1));
                keyFrom = -1;
            }
            if (c == '"') {
                int end = stringEnd(json, i);
                if (depth == 1 && keyFrom < 0) {
                    keyFrom = i;
                    keyTo = end;
                }
                i = end - 1;
            } else if (c == '{' || c == '[') {
                depth++;
            } else if (c == '}' || c == ']') {
                depth--;
            }
            lastContent = c > ' ' || c < 0 ? i : lastContent;
        }
        return members;
    }

    /** The name between two quotes; any of its characters may be written as an escape. */
    private static String name(byte[] json, int from, int to) {
        String quoted = new String(json, from, to - from, StandardCharsets.UTF_8);
        return StrictJson.parseObject(Path.of("config.json"), "{" + quoted + ":0}", Limits.defaults())
                .keySet()
                .iterator()
                .next();
    }

    private static int stringEnd(byte[] json, int quote) {
        int i = quote + 1;
        while (json[i] != '"') {
            i += json[i] == '\\' ? 2 : 1;
        }
        return i + 1;
    }

    private static int indexOf(byte[] bytes, char wanted) {
        int i = 0;
        while (bytes[i] != wanted) {
            i++;
        }
        return i;
    }

    private static byte[] splice(byte[] bytes, int from, int to, String insert) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(bytes.length + insert.length());
        out.write(bytes, 0, from);
        out.writeBytes(insert.getBytes(StandardCharsets.UTF_8));
        out.write(bytes, to, bytes.length - to);
        return out.toByteArray();
    }
}
