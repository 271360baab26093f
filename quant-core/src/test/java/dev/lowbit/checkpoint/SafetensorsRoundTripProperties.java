package dev.lowbit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.SafetensorsWriter.Entry;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Random valid files: what is written is read, on both paths, and written again byte for byte. */
class SafetensorsRoundTripProperties {
    private static Path folder;

    @BeforeContainer
    static void makeFolder() throws IOException {
        folder = Files.createTempDirectory("lowbit-round-trip");
    }

    @AfterContainer
    static void removeFolder() throws IOException {
        try (var files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(folder);
    }

    @Property(tries = 1000)
    void aValidFileComesBack(
            @ForAll("metadata") Map<String, String> metadata, @ForAll("entries") List<Entry> entries, @ForAll long seed)
            throws IOException {
        Path first = folder.resolve("first.safetensors");
        Path second = folder.resolve("second.safetensors");
        Random random = new Random(seed);
        Map<String, byte[]> contents = new LinkedHashMap<>();
        try (SafetensorsWriter writer = SafetensorsWriter.create(first, metadata, entries)) {
            for (Entry entry : entries) {
                byte[] data = new byte[Math.toIntExact(entry.bytes())];
                random.nextBytes(data);
                contents.put(entry.name(), data);
                writer.write(MemorySegment.ofArray(data));
            }
            writer.finish();
        }
        long header = SafetensorsWriter.headerBytes(metadata, entries);
        assertThat(header % 8).isZero();
        assertThat(Files.size(first))
                .isEqualTo(header + entries.stream().mapToLong(Entry::bytes).sum());
        try (SafetensorsFile file = SafetensorsFile.open(first, Limits.defaults());
                Arena arena = Arena.ofConfined()) {
            assertThat(List.copyOf(file.metadata().entrySet())).isEqualTo(List.copyOf(metadata.entrySet()));
            assertThat(RoundTrip.headerOrder(file)).isEqualTo(entries);
            contents.forEach((name, data) -> assertThat(file.map(name, arena).toArray(ValueLayout.JAVA_BYTE))
                    .isEqualTo(data));
            RoundTrip.copy(file, second);
        }
        assertThat(Files.mismatch(first, second)).isEqualTo(-1);
        assertThat(ReadPath.STREAMED.list(first, Limits.defaults()))
                .isEqualTo(ReadPath.MAPPED.list(first, Limits.defaults()));
    }

    @Provide
    Arbitrary<Map<String, String>> metadata() {
        return Arbitraries.maps(text(0), text(0)).ofMaxSize(3).map(LinkedHashMap::new);
    }

    @Provide
    Arbitrary<List<Entry>> entries() {
        Arbitrary<List<Long>> shapes = Arbitraries.longs().between(0, 5).list().ofMaxSize(4);
        Arbitrary<String> names = text(1).filter(n ->
                !n.equals("__metadata__") && n.indexOf('\0') < 0 && n.getBytes(StandardCharsets.UTF_8).length <= 512);
        return Combinators.combine(names, Arbitraries.of(DType.class), shapes)
                .as(SafetensorsRoundTripProperties::entry)
                .list()
                .ofMaxSize(6)
                .uniqueElements(Entry::name);
    }

    /** The last dimension is doubled as often as elements of less than a byte need it. */
    private static Entry entry(String name, DType type, List<Long> shape) {
        if (type.bits() % 8 == 0) {
            return new Entry(name, type, shape);
        }
        var whole = new java.util.ArrayList<>(shape);
        whole.add(4L);
        return new Entry(name, type, whole);
    }

    /** Any well-formed text: ASCII with all that needs escapes, and every other plane. */
    private static Arbitrary<String> text(int min) {
        Arbitrary<Integer> points = Arbitraries.oneOf(
                Arbitraries.integers().between(0, 0x7f),
                Arbitraries.integers().between(0x80, 0xd7ff),
                Arbitraries.integers().between(0xe000, 0x10ffff));
        return points.list().ofMinSize(min).ofMaxSize(20).map(list -> {
            StringBuilder text = new StringBuilder();
            list.forEach(text::appendCodePoint);
            return text.toString();
        });
    }
}
