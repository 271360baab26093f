package dev.lowbit.store;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The fields of one object of a JSON file of ours, each asked for by type and range; whatever is missing or wrong is the
 * file's fault.
 *
 * @param file named in messages
 * @param place where in the file, empty for the whole
 * @param values as {@code StrictJson} reads them
 */
record JsonFields(Path file, String place, Map<String, Object> values) {
    MalformedFileException fail(String detail) {
        return new MalformedFileException(
                file, -1, Reason.BAD_MANIFEST, (place.isEmpty() ? "" : place + ": ") + detail);
    }

    private <T> T get(String key, Class<T> type) {
        Object value = values.get(key);
        if (!type.isInstance(value)) {
            throw fail("field " + key + " is " + (value == null ? "missing" : "of the wrong type"));
        }
        return type.cast(value);
    }

    Set<String> names() {
        return values.keySet();
    }

    String string(String key) {
        return get(key, String.class);
    }

    boolean bool(String key) {
        return get(key, Boolean.class);
    }

    long number(String key, long least, long most) {
        long value = get(key, Long.class);
        if (value < least || value > most) {
            throw fail("field " + key + " is " + value + ", outside " + least + " to " + most);
        }
        return value;
    }

    double real(String key) {
        double value = get(key, Double.class);
        if (!Double.isFinite(value)) {
            throw fail("field " + key + " is not finite");
        }
        return value;
    }

    double magnitude(String key) {
        double value = real(key);
        if (value < 0) {
            throw fail("field " + key + " is negative");
        }
        return value;
    }

    /** The three figures of a measured error: all of them, or none. */
    Optional<MeasuredError> error() {
        if (!values.containsKey("squaredError")
                && !values.containsKey("squaredNorm")
                && !values.containsKey("weightedError")) {
            return Optional.empty();
        }
        return Optional.of(
                new MeasuredError(magnitude("squaredError"), magnitude("squaredNorm"), magnitude("weightedError")));
    }

    String digest(String key) {
        String value = string(key);
        if (!isDigest(value)) {
            throw fail("field " + key + " is no SHA-256 in lower-case hex");
        }
        return value;
    }

    private static boolean isDigest(String value) {
        return value.length() == 64 && value.chars().allMatch(c -> c >= '0' && c <= '9' || c >= 'a' && c <= 'f');
    }

    List<String> digests(String key) {
        List<String> digests = new ArrayList<>();
        for (Object element : get(key, List.class)) {
            if (!(element instanceof String digest) || !isDigest(digest)) {
                throw fail("field " + key + " holds something else than SHA-256 in lower-case hex");
            }
            digests.add(digest);
        }
        return digests;
    }

    List<Long> shape(String key, int maxDimensions) {
        List<Long> shape = new ArrayList<>();
        for (Object dimension : get(key, List.class)) {
            if (!(dimension instanceof Long length) || length < 0 || shape.size() == maxDimensions) {
                throw fail("field " + key + " is no shape");
            }
            shape.add(length);
        }
        return shape;
    }

    JsonFields object(String key) {
        return at(key, get(key, Map.class));
    }

    List<JsonFields> objects(String key) {
        List<JsonFields> objects = new ArrayList<>();
        for (Object element : get(key, List.class)) {
            objects.add(at(key + "[" + objects.size() + "]", element));
        }
        return objects;
    }

    @SuppressWarnings("unchecked")
    private JsonFields at(String name, Object value) {
        if (!(value instanceof Map)) {
            throw fail(name + " is not an object");
        }
        return new JsonFields(file, place.isEmpty() ? name : place + "." + name, (Map<String, Object>) value);
    }
}
