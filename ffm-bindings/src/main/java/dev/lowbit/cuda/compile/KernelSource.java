package dev.lowbit.cuda.compile;

import dev.lowbit.checkpoint.Digest;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * One file of kernels with all that it includes.
 *
 * @param name for example {@code block.cu}
 * @param headers text of each included file by its name
 */
public record KernelSource(String name, String text, Map<String, String> headers) {
    /** All files of kernels that this program has. */
    public static final List<String> NAMES =
            List.of("additive.cu", "affine.cu", "assign.cu", "block.cu", "dense.cu", "gram.cu", "sketch.cu", "sum.cu");

    private static final Pattern INCLUDE = Pattern.compile("^\\s*#\\s*include\\s+\"([^\"]+)\"", Pattern.MULTILINE);

    public KernelSource {
        headers = java.util.Collections.unmodifiableMap(new TreeMap<>(headers));
    }

    /** A file of this program. */
    public static KernelSource of(String name) {
        String text = resource(name);
        Map<String, String> headers = new TreeMap<>();
        collect(text, headers);
        return new KernelSource(name, text, headers);
    }

    private static void collect(String text, Map<String, String> headers) {
        INCLUDE.matcher(text).results().map(found -> found.group(1)).forEach(name -> {
            if (!headers.containsKey(name)) {
                headers.put(name, resource(name));
                collect(headers.get(name), headers);
            }
        });
    }

    private static String resource(String name) {
        try (InputStream stream = KernelSource.class.getResourceAsStream("/dev/lowbit/cuda/source/" + name)) {
            if (stream == null) {
                throw new IllegalArgumentException("this program has no file of kernels " + name);
            }
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** SHA-256 of each file in hexadecimal, by name. */
    Map<String, String> digests() {
        Map<String, String> digests = new TreeMap<>();
        digests.put(name, Digest.sha256(text.getBytes(StandardCharsets.UTF_8)));
        headers.forEach((header, headerText) ->
                digests.put(header, Digest.sha256(headerText.getBytes(StandardCharsets.UTF_8))));
        return digests;
    }
}
