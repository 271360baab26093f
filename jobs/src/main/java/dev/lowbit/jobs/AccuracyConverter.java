package dev.lowbit.jobs;

import dev.lowbit.matrix.Accuracy;
import java.util.Arrays;
import java.util.Locale;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** {@code exact} or {@code fast}. */
public final class AccuracyConverter implements ITypeConverter<Accuracy> {
    @Override
    public Accuracy convert(String name) {
        return Arrays.stream(Accuracy.values())
                .filter(accuracy -> name(accuracy).equals(name))
                .findFirst()
                .orElseThrow(() -> new TypeConversionException("'" + name + "' is no accuracy; choose exact or fast"));
    }

    /** As users write it. */
    public static String name(Accuracy accuracy) {
        return accuracy.name().toLowerCase(Locale.ROOT);
    }
}
