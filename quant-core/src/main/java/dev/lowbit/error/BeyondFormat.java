package dev.lowbit.error;

import dev.lowbit.error.InvalidRequestException.Kind;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;

/** What callers make of a format that cannot hold the values, which whoever stores them refuses without knowing more. */
public final class BeyondFormat {
    private BeyondFormat() {}

    /**
     * An error or a loss, infinite where the format cannot hold the values.
     *
     * @throws InvalidRequestException for any other reason that {@code error} has
     */
    public static double orInfinite(DoubleSupplier error) {
        try {
            return error.getAsDouble();
        } catch (InvalidRequestException e) {
            if (e.kind() != Kind.BEYOND_FORMAT) {
                throw e;
            }
            return Double.POSITIVE_INFINITY;
        }
    }

    /**
     * The result of what is done with the weights of a tensor.
     *
     * @throws InvalidRequestException beginning with the tensor's name where a format cannot hold them; as {@code work} has it for any other
     *     reason
     */
    public static <T> T named(String tensor, Supplier<T> work) {
        try {
            return work.get();
        } catch (InvalidRequestException e) {
            if (e.kind() != Kind.BEYOND_FORMAT) {
                throw e;
            }
            InvalidRequestException named = InvalidRequestException.beyondFormat(tensor + ": " + e.getMessage());
            named.initCause(e);
            throw named;
        }
    }
}
