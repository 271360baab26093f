package dev.lowbit.linalg;

import dev.lowbit.tensor.FloatMatrix;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * The only source of randomness: a xoshiro256** stream (Blackman and Vigna 2018) whose state is a hash of what it is for,
 * so that the numbers of one tensor depend on nothing else that happens in a job.
 *
 * <p>The 32 bytes of SHA-256(root seed as little-endian 64-bit || 0 || purpose || 0 || tensor name), texts in UTF-8, are
 * the state words s0..s3, each little-endian.
 *
 * <p>Order of draws: {@link #nextLong} takes one word. {@link #nextDouble} takes one word w and gives (w >>> 11) * 2^-53.
 * {@link #nextGaussian} takes two doubles u, v in this order, gives sqrt(-2 ln(1-u)) cos(2 pi v), and keeps the same with
 * sin for the next call, which takes nothing (other draws in between do not disturb the kept one). {@link #fillGaussian}
 * draws one normal per entry, row-major, rounded to float. Logarithm, sine and cosine are StrictMath.
 */
public final class RandomStream {
    private static final double TWO_TO_MINUS_53 = 0x1p-53;

    private long s0;
    private long s1;
    private long s2;
    private long s3;
    private double kept;
    private boolean hasKept;

    private RandomStream(ByteBuffer state) {
        s0 = state.getLong();
        s1 = state.getLong();
        s2 = state.getLong();
        s3 = state.getLong();
    }

    /**
     * The stream for one purpose on one tensor.
     *
     * @param purpose what the numbers are for, for example {@code sketch}
     * @param tensorName the tensor they belong to, or empty
     */
    public static RandomStream of(long rootSeed, String purpose, String tensorName) {
        MessageDigest digest = sha256();
        digest.update(
                ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(0, rootSeed));
        digest.update((byte) 0);
        digest.update(purpose.getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
        digest.update(tensorName.getBytes(StandardCharsets.UTF_8));
        return new RandomStream(ByteBuffer.wrap(digest.digest()).order(ByteOrder.LITTLE_ENDIAN));
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }

    /** 64 uniform bits. */
    public long nextLong() {
        long result = Long.rotateLeft(s1 * 5, 7) * 9;
        long t = s1 << 17;
        s2 ^= s0;
        s3 ^= s1;
        s1 ^= s2;
        s0 ^= s3;
        s2 ^= t;
        s3 = Long.rotateLeft(s3, 45);
        return result;
    }

    /** A multiple of 2^-53, uniform in [0, 1). */
    public double nextDouble() {
        return (nextLong() >>> 11) * TWO_TO_MINUS_53;
    }

    /** A standard normal by the transform of Box and Muller. */
    public double nextGaussian() {
        if (hasKept) {
            hasKept = false;
            return kept;
        }
        double u = nextDouble();
        double v = nextDouble();
        double radius = Math.sqrt(-2 * StrictMath.log(1 - u));
        double angle = 2 * Math.PI * v;
        kept = radius * StrictMath.sin(angle);
        hasKept = true;
        return radius * StrictMath.cos(angle);
    }

    /** Overwrites every entry of {@code matrix} (modified), row-major, with a standard normal rounded to float. */
    public void fillGaussian(FloatMatrix matrix) {
        for (int i = 0; i < matrix.rows(); i++) {
            for (int j = 0; j < matrix.columns(); j++) {
                matrix.set(i, j, (float) nextGaussian());
            }
        }
    }
}
