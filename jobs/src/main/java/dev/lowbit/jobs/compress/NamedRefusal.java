package dev.lowbit.jobs.compress;

import dev.lowbit.error.InvalidRequestException;
import java.util.function.Supplier;

/** Methods see weights without a name: what they say of a format that cannot hold them gets the tensor's. */
final class NamedRefusal {
    private NamedRefusal() {}

    /** The result of what is done with the weights of a tensor. */
    static <T> T of(String tensor, Supplier<T> work) {
        try {
            return work.get();
        } catch (InvalidRequestException e) {
            if (e.kind() != InvalidRequestException.Kind.BEYOND_FORMAT) {
                throw e;
            }
            InvalidRequestException named = InvalidRequestException.impossible(tensor + ": " + e.getMessage());
            named.initCause(e);
            throw named;
        }
    }
}
