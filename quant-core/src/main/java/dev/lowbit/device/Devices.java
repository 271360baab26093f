package dev.lowbit.device;

import dev.lowbit.error.InvalidRequestException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The accelerators that this program was built with, by name. The CPU is not one of them: it needs no placing. */
public final class Devices {
    /** What {@code --device} calls computing without an accelerator. */
    public static final String CPU = "cpu";

    private Devices() {}

    /** All providers on the class path, by name. */
    public static List<DeviceProvider> providers() {
        List<DeviceProvider> providers = new ArrayList<>();
        ServiceLoader.load(DeviceProvider.class).forEach(providers::add);
        providers.sort(Comparator.comparing(DeviceProvider::name));
        return providers;
    }

    /**
     * The provider of that name.
     *
     * @throws InvalidRequestException when there is none; the message lists those there are
     */
    public static DeviceProvider named(String name) {
        List<DeviceProvider> providers = providers();
        return providers.stream()
                .filter(provider -> provider.name().equals(name))
                .findFirst()
                .orElseThrow(() -> InvalidRequestException.usage("--device " + name + ": choose "
                        + Stream.concat(Stream.of(CPU), providers.stream().map(DeviceProvider::name))
                                .collect(Collectors.joining(" or "))));
    }
}
