package dev.lowbit.lqlora;

import java.util.Map;
import java.util.TreeMap;

/** The smallest error known for at most a number of bytes. */
final class Frontier {
    private final TreeMap<Long, Double> errors = new TreeMap<>();

    /** The smallest error of at most {@code bytes}; infinite when nothing is that small. */
    double at(long bytes) {
        Map.Entry<Long, Double> entry = errors.floorEntry(bytes);
        return entry == null ? Double.POSITIVE_INFINITY : entry.getValue();
    }

    /** Adds a point; returns whether it was better than all that need no more bytes. */
    boolean add(long bytes, double error) {
        if (!(error < at(bytes))) {
            return false;
        }
        errors.put(bytes, error);
        Map.Entry<Long, Double> next = errors.higherEntry(bytes);
        while (next != null && next.getValue() >= error) {
            errors.remove(next.getKey());
            next = errors.higherEntry(bytes);
        }
        return true;
    }
}
