package dev.lowbit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Mutates the case files for {@code -Dlowbit.fuzz.seconds} seconds: nothing but {@link MalformedFileException} may escape
 * from either read path, and both must refuse, or give the same listing. {@code -Dlowbit.fuzz.seed} repeats a run.
 */
class SafetensorsFuzzTest {
    private static final long[] LENGTHS = {
        0,
        1,
        2,
        7,
        8,
        9,
        59,
        60,
        61,
        62,
        100,
        1000,
        99_999_999,
        100_000_000,
        100_000_001,
        1L << 31,
        1L << 32,
        Long.MAX_VALUE,
        -1
    };
    private static final String[] PIECES = {
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u0000",
        "\\ud83d\\ude00",
        "\\ud800",
        "null",
        "true",
        "NaN",
        "-0",
        "1e9",
        "0",
        "4",
        "16",
        "18446744073709551616",
        "9223372036854775807",
        "-1",
        "01",
        "0.5",
        " ",
        "\n",
        "\ufeff",
        "é",
        "\"a\":1,",
        "\"__metadata__\":{\"k\":\"v\"},",
        "\"dtype\":\"F32\",",
        "\"shape\":[],",
        "\"data_offsets\":[0,0],",
        "[[[[",
        "{\"a\":"
    };

    @TempDir
    Path folder;

    @Test
    void onlyMalformedFileExceptionsEscapeAndBothPathsAgree() throws IOException {
        int seconds = Integer.getInteger("lowbit.fuzz.seconds", 30);
        long seed = Long.getLong("lowbit.fuzz.seed", System.nanoTime());
        System.out.println("safetensors fuzzing for " + seconds + " s, seed " + seed);
        Random random = new Random(seed);
        List<byte[]> corpus = corpus();
        Path file = folder.resolve("mutated.safetensors");
        long end = System.nanoTime() + seconds * 1_000_000_000L;
        long inputs = 0;
        long accepted = 0;
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        while (System.nanoTime() < end) {
            byte[] input = corpus.get(random.nextInt(corpus.size()));
            for (int i = Math.max(0, random.nextInt(6) - 3); i >= 0; i--) {
                input = mutate(input, corpus, random);
            }
            // overwritten in place: some file systems flush a file that was emptied first, which takes milliseconds
            channel.truncate(input.length).write(ByteBuffer.wrap(input), 0);
            Object mapped = outcome(ReadPath.MAPPED, file, input, seed);
            Object streamed = outcome(ReadPath.STREAMED, file, input, seed);
            // reasons may differ where a file has several faults; listings may not
            boolean agree = mapped instanceof MalformedFileException
                    ? streamed instanceof MalformedFileException
                    : mapped.equals(streamed);
            if (!agree) {
                throw new AssertionError(
                        "seed " + seed + ", " + stored(input) + ": mapped " + mapped + ", streamed " + streamed);
            }
            accepted += mapped instanceof MalformedFileException ? 0 : 1;
            inputs++;
        }
        channel.close();
        System.out.println("safetensors fuzzing: " + inputs + " inputs, " + accepted + " accepted");
        assertThat(inputs).as("inputs tried").isPositive();
    }

    private static List<byte[]> corpus() throws IOException {
        List<byte[]> corpus = new ArrayList<>();
        for (SafetensorsCases.Case c : SafetensorsCases.all()) {
            if (c.large()) {
                continue;
            }
            var out = new java.io.ByteArrayOutputStream();
            c.recipe().write(out);
            // long inputs cost time and find no more
            if (out.size() < 5_000) {
                corpus.add(out.toByteArray());
            }
        }
        String two =
                "{\"__metadata__\":{\"format\":\"pt\"},\"a.b\":{\"dtype\":\"BF16\",\"shape\":[3,2],\"data_offsets\":[0,12]},"
                        + "\"c\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[12,20]}}";
        corpus.add(SafetensorsCases.file(two, 20));
        // the good files often enough that most inputs are one step from valid
        byte[] base = SafetensorsCases.file(SafetensorsCases.BASE_JSON, SafetensorsCases.DATA_BYTES);
        for (int i = 0; i < 30; i++) {
            corpus.add(base);
            corpus.add(corpus.get(corpus.size() - 2));
        }
        return corpus;
    }

    private static byte[] mutate(byte[] input, List<byte[]> corpus, Random random) {
        int at = input.length == 0 ? 0 : random.nextInt(input.length);
        return switch (random.nextInt(8)) {
            case 0 -> {
                byte[] flipped = input.clone();
                if (flipped.length > 0) {
                    flipped[at] ^= (byte) (1 << random.nextInt(8));
                }
                yield flipped;
            }
            case 1 -> Arrays.copyOf(input, at);
            case 2 -> splice(input, at, at, corpus.get(random.nextInt(corpus.size())), random);
            case 3 -> splice(input, at, Math.min(input.length, at + random.nextInt(9)), new byte[0], random);
            case 4 -> withLength(input, LENGTHS[random.nextInt(LENGTHS.length)]);
            case 5, 6 -> {
                // a piece of grammar put in or over, and the length kept true so that the parser sees it
                byte[] piece = PIECES[random.nextInt(PIECES.length)].getBytes(StandardCharsets.UTF_8);
                int to = Math.min(input.length, at + random.nextInt(4));
                byte[] edited = concat(Arrays.copyOf(input, at), piece, Arrays.copyOfRange(input, to, input.length));
                boolean inHeader = input.length >= 8 && at >= 8;
                yield inHeader ? withLength(edited, length(input) + edited.length - input.length) : edited;
            }
            default -> {
                byte[] set = input.clone();
                if (set.length > 8) {
                    set[8 + random.nextInt(set.length - 8)] = (byte) random.nextInt(256);
                }
                yield set;
            }
        };
    }

    private static byte[] splice(byte[] input, int from, int to, byte[] other, Random random) {
        int a = other.length == 0 ? 0 : random.nextInt(other.length);
        byte[] middle = Arrays.copyOfRange(other, a, Math.min(other.length, a + random.nextInt(40)));
        return concat(Arrays.copyOf(input, from), middle, Arrays.copyOfRange(input, to, input.length));
    }

    private static byte[] concat(byte[]... parts) {
        int length = Arrays.stream(parts).mapToInt(p -> p.length).sum();
        ByteBuffer all = ByteBuffer.allocate(length);
        for (byte[] part : parts) {
            all.put(part);
        }
        return all.array();
    }

    private static long length(byte[] file) {
        return ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    private static byte[] withLength(byte[] file, long length) {
        byte[] edited = file.clone();
        if (edited.length >= 8) {
            ByteBuffer.wrap(edited).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
        }
        return edited;
    }

    private static Object outcome(ReadPath path, Path file, byte[] input, long seed) throws IOException {
        try {
            return path.list(file, Limits.defaults());
        } catch (MalformedFileException e) {
            return e;
        } catch (RuntimeException | Error e) {
            throw new AssertionError("seed " + seed + ", " + stored(input) + ": " + path + " let escape " + e, e);
        }
    }

    private static String stored(byte[] input) throws IOException {
        Path kept = Files.createTempFile("lowbit-fuzz-", ".safetensors");
        Files.write(kept, input);
        return "input stored as " + kept;
    }
}
