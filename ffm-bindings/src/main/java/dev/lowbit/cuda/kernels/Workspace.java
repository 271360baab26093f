package dev.lowbit.cuda.kernels;

import dev.lowbit.cuda.driver.Cuda;
import dev.lowbit.cuda.driver.DeviceMemory;
import java.util.EnumMap;
import java.util.Map;

/** Scratch memory that all products of a device share: grown when one needs more, kept until the device is closed. Used under the device's lock. */
final class Workspace {
    /** What for; uses of one product never overlap. */
    enum Use {
        /** Inputs from the host. */
        INPUT,
        /** Results for the host. */
        OUTPUT,
        /** What the right factor of a low-rank term makes of the inputs. */
        INNER,
        /** Sums that a product adds up at its end. */
        PARTIAL,
        /** How many of them are there; all zero between products. */
        ARRIVED
    }

    private final Cuda cuda;
    private final Map<Use, DeviceMemory> memory = new EnumMap<>(Use.class);

    Workspace(Cuda cuda) {
        this.cuda = cuda;
    }

    /** At least so many bytes, valid until the next call for the same use. */
    DeviceMemory of(Use use, long bytes) {
        DeviceMemory have = memory.get(use);
        if (have != null && have.bytes() >= bytes) {
            return have;
        }
        if (have != null) {
            memory.remove(use);
            have.close();
        }
        DeviceMemory made = cuda.allocate(bytes);
        if (use == Use.ARRIVED) {
            made.clear();
        }
        memory.put(use, made);
        return made;
    }

    long floats(Use use, long count) {
        return of(use, Math.multiplyExact(count, Float.BYTES)).address();
    }
}
