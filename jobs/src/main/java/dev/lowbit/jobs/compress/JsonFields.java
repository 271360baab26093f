package dev.lowbit.jobs.compress;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Typed access to a JSON object that people may have changed: every value has the wanted type and range, or the file is named
 * as malformed together with the place.
 *
 * @param file for messages
 * @param path of the object inside the document, for messages
 * @param values the object
 */
public record JsonFields(Path file, String path, Map<String, Object> values) {
    /** The fault of the file, with the place of this object. */
    public MalformedFileException bad(String detail) {
        return new MalformedFileException(file, -1, Reason.BAD_JSON, (path.isEmpty() ? "" : path + ": ") + detail);
    }

    private MalformedFileException wrong(String key, String needed) {
        return bad("\"" + key + "\" is " + values.get(key) + ", " + needed + " is needed");
    }

    public boolean has(String key) {
        return values.containsKey(key);
    }

    public String text(String key) {
        if (values.get(key) instanceof String text) {
            return text;
        }
        throw wrong(key, "a text");
    }

    public boolean flag(String key) {
        if (values.get(key) instanceof Boolean flag) {
            return flag;
        }
        throw wrong(key, "true or false");
    }

    public long integer(String key) {
        if (values.get(key) instanceof Long integer) {
            return integer;
        }
        throw wrong(key, "a whole number");
    }

    public long nonNegative(String key) {
        long integer = integer(key);
        if (integer < 0) {
            throw wrong(key, "a whole number that is not negative");
        }
        return integer;
    }

    public int size(String key) {
        long integer = nonNegative(key);
        if (integer > Integer.MAX_VALUE) {
            throw wrong(key, "a whole number below 2^31");
        }
        return (int) integer;
    }

    /** A finite number that is not negative. */
    public double magnitude(String key) {
        if (values.get(key) instanceof Number number
                && number.doubleValue() >= 0
                && number.doubleValue() <= Double.MAX_VALUE) {
            return number.doubleValue();
        }
        throw wrong(key, "a finite number that is not negative");
    }

    /** A finite number. */
    public double number(String key) {
        if (values.get(key) instanceof Number number && Double.isFinite(number.doubleValue())) {
            return number.doubleValue();
        }
        throw wrong(key, "a finite number");
    }

    public JsonFields object(String key) {
        return object(key, values.get(key));
    }

    public List<JsonFields> objects(String key) {
        if (!(values.get(key) instanceof List<?> elements)) {
            throw wrong(key, "an array of objects");
        }
        List<JsonFields> objects = new ArrayList<>();
        for (int i = 0; i < elements.size(); i++) {
            objects.add(object(key + "[" + i + "]", elements.get(i)));
        }
        return objects;
    }

    @SuppressWarnings("unchecked")
    private JsonFields object(String key, Object value) {
        if (value instanceof Map<?, ?> map) {
            return new JsonFields(file, path.isEmpty() ? key : path + "." + key, (Map<String, Object>) map);
        }
        throw bad("\"" + key + "\" is " + value + ", an object is needed");
    }
}
