package dev.lowbit.jobs;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.method.Compressor;
import java.util.Iterator;
import java.util.List;
import java.util.ServiceLoader;

/** The compression methods on the class path. */
public final class Methods {
    /** The method of a command that was told none. */
    public static final String DEFAULT = "lq-lora";

    /** The names, for the help of an option. */
    static final class Names implements Iterable<String> {
        @Override
        public Iterator<String> iterator() {
            return names().iterator();
        }
    }

    private Methods() {}

    /** Names of all methods found, sorted. */
    public static List<String> names() {
        return ServiceLoader.load(Compressor.class).stream()
                .map(provider -> provider.get().name())
                .sorted()
                .toList();
    }

    /** The method of that name; a usage error that lists the known ones when there is none. */
    public static Compressor named(String name) {
        return ServiceLoader.load(Compressor.class).stream()
                .map(ServiceLoader.Provider::get)
                .filter(method -> method.name().equals(name))
                .findFirst()
                .orElseThrow(() -> InvalidRequestException.usage("unknown method '" + name + "'; "
                        + (names().isEmpty()
                                ? "no method is installed"
                                : "choose one of " + String.join(", ", names()))));
    }
}
