package dev.lowbit.compeft;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.MalformedPartException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

/** What holds for every ternary vector and every code. */
class CodeProperties {
    /** Random vectors of all densities, and those with the widest and the narrowest gaps. */
    @Provide
    Arbitrary<byte[]> vectors() {
        Arbitrary<byte[]> random = Arbitraries.integers()
                .between(0, 12_000)
                .flatMap(length -> Arbitraries.doubles()
                        .between(-5, 0)
                        .flatMap(exponent ->
                                Arbitraries.longs().map(seed -> Updates.signs(seed, length, Math.pow(10, exponent)))));
        Arbitrary<byte[]> extreme = Arbitraries.integers()
                .between(0, 12_000)
                .flatMap(length -> Arbitraries.integers().between(0, 4).map(kind -> adversarial(length, kind)));
        return Arbitraries.frequencyOf(Tuple.of(3, random), Tuple.of(1, extreme));
    }

    /** No entry, all, the first, the last, first and last. */
    private static byte[] adversarial(int length, int kind) {
        byte[] signs = new byte[length];
        if (length == 0) {
            return signs;
        }
        switch (kind) {
            case 0 -> {}
            case 1 -> Arrays.fill(signs, (byte) -1);
            case 2 -> signs[0] = 1;
            case 3 -> signs[length - 1] = 1;
            default -> {
                signs[0] = -1;
                signs[length - 1] = 1;
            }
        }
        return signs;
    }

    @Property(tries = 80)
    void streamsRoundTripInAsManyBitsAsTheFormulaSays(
            @ForAll("vectors") byte[] signs, @ForAll @IntRange(min = -1, max = 1) int change) {
        TernaryVector vector = TernaryVector.of(signs);
        int b = Math.max(0, RiceCode.parameter(vector.length(), vector.nonZeros()) + change);
        byte[] stream = RiceCode.encode(vector, b);
        assertThat(RiceCode.decode(stream, signs.length, vector.nonZeros(), b)).isEqualTo(vector);
        long bits = 0;
        int gap = 0;
        for (byte sign : signs) {
            if (sign == 0) {
                gap++;
            } else {
                bits += (gap >> b) + 2 + b;
                gap = 0;
            }
        }
        assertThat(RiceCode.bits(vector, 0, signs.length, b)).isEqualTo(bits);
        assertThat((long) stream.length).isEqualTo(Math.ceilDiv(bits, 8));
    }

    @Property(tries = 80)
    void payloadsRoundTripInEveryCode(@ForAll("vectors") byte[] signs, @ForAll TernaryCode code) throws IOException {
        TernaryVector vector = TernaryVector.of(signs);
        int b = RiceCoder.bestParameter(vector);
        byte[] payload = payload(vector, code, b);
        assertThat((long) payload.length)
                .isEqualTo(Payload.bytes(vector, code, b))
                .isGreaterThanOrEqualTo(Payload.leastBytes(signs.length, code));
        assertThat(read(payload, signs.length, vector.nonZeros(), code, b, Workers.serial()))
                .isEqualTo(vector);
    }

    /** Longer than a piece, decoded by threads. */
    @Property(tries = 3)
    void longPayloadsRoundTrip(@ForAll TernaryCode code) throws IOException {
        TernaryBuilder builder = new TernaryBuilder(Payload.PIECE + 100_001L);
        RandomStream random = RandomStream.of(7, "long", code.name());
        for (long i = random.nextLong() >>> 52; i < Payload.PIECE + 100_001L; i += 1 + (random.nextLong() >>> 52)) {
            builder.set(i, (i & 1) == 0);
        }
        TernaryVector vector = builder.build();
        int b = RiceCoder.bestParameter(vector);
        byte[] payload = payload(vector, code, b);
        assertThat((long) payload.length).isEqualTo(Payload.bytes(vector, code, b));
        try (ExecutorService executor = Executors.newFixedThreadPool(2)) {
            Workers workers = Workers.on(executor, 2);
            assertThat(read(payload, vector.length(), vector.nonZeros(), code, b, workers))
                    .isEqualTo(vector);
        }
    }

    @Property(tries = 8)
    void largeVectorsStayNearTheEntropy(
            @ForAll @IntRange(min = 900_000, max = 1_000_000) int length,
            @ForAll @DoubleRange(min = 0.01, max = 0.5) double p,
            @ForAll long seed) {
        TernaryVector vector = TernaryVector.of(Updates.signs(seed, length, p));
        int b = RiceCode.parameter(length, vector.nonZeros());
        byte[] stream = RiceCode.encode(vector, b);
        double bound = EntropyBound.bits(length, vector.nonZeros());
        assertThat(8.0 * stream.length).isBetween(bound * 0.99, bound * 1.05);
        assertThat(RiceCode.decode(stream, length, vector.nonZeros(), b)).isEqualTo(vector);
    }

    @Property(tries = 8)
    void sparseLargeVectorsRoundTrip(
            @ForAll @DoubleRange(min = -5, max = -2) double exponent, @ForAll long seed, @ForAll TernaryCode code)
            throws IOException {
        TernaryVector vector = TernaryVector.of(Updates.signs(seed, 1_000_000, Math.pow(10, exponent)));
        int b = RiceCode.parameter(vector.length(), vector.nonZeros());
        byte[] stream = RiceCode.encode(vector, b);
        assertThat(RiceCode.decode(stream, vector.length(), vector.nonZeros(), b))
                .isEqualTo(vector);
        int blocked = RiceCoder.bestParameter(vector);
        byte[] payload = payload(vector, code, blocked);
        assertThat(read(payload, vector.length(), vector.nonZeros(), code, blocked, Workers.serial()))
                .isEqualTo(vector);
    }

    /** Raw streams have no checksum: what is not refused must be a vector of the announced size. */
    @Property(tries = 60)
    void damagedStreamsNeverCrash(@ForAll long seed, @ForAll @IntRange(min = 1, max = 400) int length) {
        TernaryVector vector = TernaryVector.of(Updates.signs(seed, length, 0.2));
        long n = vector.nonZeros();
        int b = RiceCode.parameter(length, n);
        byte[] stream = RiceCode.encode(vector, b);
        for (int i = 0; i < stream.length; i++) {
            for (int bit = 0; bit < 8; bit++) {
                byte[] damaged = stream.clone();
                damaged[i] ^= (byte) (1 << bit);
                valid(() -> RiceCode.decode(damaged, length, n, b), length, n);
            }
            byte[] cut = Arrays.copyOf(stream, i);
            assertThat(decodes(() -> RiceCode.decode(cut, length, n, b))).isFalse();
        }
    }

    @Property(tries = 60)
    void damagedPayloadsNeverCrash(
            @ForAll long seed, @ForAll @IntRange(min = 1, max = 9000) int length, @ForAll TernaryCode code)
            throws IOException {
        TernaryVector vector = TernaryVector.of(Updates.signs(seed, length, 0.01));
        long n = vector.nonZeros();
        int b = RiceCoder.bestParameter(vector);
        byte[] payload = payload(vector, code, b);
        RandomStream random = RandomStream.of(seed, "damage", "");
        for (int trial = 0; trial < 200; trial++) {
            byte[] damaged = payload.clone();
            int at = (int) Long.remainderUnsigned(random.nextLong(), payload.length);
            damaged[at] ^= (byte) (1 + Long.remainderUnsigned(random.nextLong(), 255));
            valid(() -> read(damaged, length, n, code, b, Workers.serial()), length, n);
            byte[] cut = Arrays.copyOf(payload, at);
            assertThat(at < Payload.leastBytes(length, code)
                            || !decodes(() -> read(cut, length, n, code, b, Workers.serial())))
                    .isTrue();
        }
    }

    private interface Decoding {
        TernaryVector run() throws IOException;
    }

    private static void valid(Decoding decoding, long length, long nonZeros) {
        try {
            TernaryVector vector = decoding.run();
            assertThat(vector.length()).isEqualTo(length);
            assertThat(vector.nonZeros()).isEqualTo(nonZeros);
            long signs = 0;
            for (int i = 0; i < length; i++) {
                signs += Math.abs(vector.sign(i));
            }
            assertThat(signs).isEqualTo(nonZeros);
        } catch (MalformedPartException e) {
            assertThat(e).hasMessageNotContaining("\n");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static boolean decodes(Decoding decoding) {
        try {
            decoding.run();
            return true;
        } catch (MalformedPartException e) {
            return false;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static byte[] payload(TernaryVector vector, TernaryCode code, int parameter) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Payload.write(vector, code, parameter, bytes);
        return bytes.toByteArray();
    }

    private static TernaryVector read(
            byte[] payload, long length, long nonZeros, TernaryCode code, int parameter, Workers workers)
            throws IOException {
        ByteBuffer source = ByteBuffer.wrap(payload);
        Payload.Source reader = count -> {
            byte[] bytes = new byte[count];
            source.get(bytes);
            return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        };
        return Payload.read(reader, length, nonZeros, payload.length, code, parameter, workers);
    }
}
