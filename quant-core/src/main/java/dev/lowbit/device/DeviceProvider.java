package dev.lowbit.device;

/**
 * One kind of accelerator, found by {@link java.util.ServiceLoader}. Constructing it looks for nothing and loads nothing native.
 */
public interface DeviceProvider {
    /** What {@code --device} calls it, for example {@code cuda}. */
    String name();

    /** Looks for the hardware and for all that using it needs, and takes none of it: a line that describes what was found, or why there is nothing to use. */
    Finding<String> find();

    /**
     * Takes the device into use.
     *
     * @throws dev.lowbit.error.DeviceException with the reason of {@link #find} when there is none
     */
    Device open();
}
