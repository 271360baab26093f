package dev.lowbit.pvtuning;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a name {@code <config>.<method>.<steps>} of the golden runs says: {@code <method>} is {@code P_only} or
 * {@code P|V|PV}, of codewords or codes or both, and {@code direct[_force] | ste[_sub] | trust | decay.<tenths> | lamb_readme}.
 *
 * @param configuration of the layer and its start
 * @param method as it is in the name
 */
record PvRun(String configuration, String method, int steps) {
    private static final Pattern NAME = Pattern.compile("(\\w+)\\.([A-Za-z_]+(?:\\.\\d+)?)\\.(\\d+)");

    static PvRun of(String name) {
        Matcher parts = NAME.matcher(name);
        if (!parts.matches()) {
            throw new IllegalArgumentException(name);
        }
        return new PvRun(parts.group(1), parts.group(2), Integer.parseInt(parts.group(3)));
    }

    /** The settings of the data's README: beam 1 for one codebook of 6 bits, 4 otherwise. */
    PvSettings settings() {
        PvSettings settings = named();
        PvSettings beamed = configuration.contains("k1b6")
                ? settings
                : settings.with(settings.reselection().withBeam(4));
        return method.startsWith("V_") ? beamed.codesOnly() : beamed;
    }

    private PvSettings named() {
        return switch (method.substring(method.indexOf('_') + 1)) {
            case "only" -> PvSettings.parametersOnly();
            case "direct" -> PvSettings.direct(method.startsWith("V_") ? 0.05 : 0.01);
            case "direct_force" -> forced(PvSettings.direct(0.01));
            case "ste" -> PvSettings.straightThrough(1);
            case "ste_sub" -> PvSettings.straightThrough(0.01);
            case "trust" -> trusting(PvSettings.direct(1));
            case "decay.1" -> PvSettings.decaying(0.1, 0.01);
            case "lamb_readme" -> PvSettings.published();
            default -> throw new IllegalArgumentException(method);
        };
    }

    private static PvSettings forced(PvSettings settings) {
        return settings.with(settings.reselection().forced());
    }

    private static PvSettings trusting(PvSettings settings) {
        return settings.with(settings.reselection().withTrust(0.01));
    }
}
