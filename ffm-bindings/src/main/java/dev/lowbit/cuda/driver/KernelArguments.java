package dev.lowbit.cuda.driver;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The arguments of a kernel in off-heap memory, made once and set anew before each launch, which copies them. Not safe for several threads without the device's lock. Its few bytes are freed when
 * it is no longer reachable.
 */
public final class KernelArguments {
    private enum Kind {
        POINTER,
        INT,
        LONG,
        FLOAT
    }

    private final Kind[] kinds;
    /** {@code kinds.length} addresses, then as many values of eight bytes. */
    private final MemorySegment memory;

    private KernelArguments(List<Kind> kinds, List<Number> values) {
        this.kinds = kinds.toArray(Kind[]::new);
        long word = JAVA_LONG.byteSize();
        int count = this.kinds.length;
        memory = Arena.ofAuto().allocate(Math.max(1, 2 * count) * word, word);
        for (int i = 0; i < count; i++) {
            memory.setAtIndex(ADDRESS, i, memory.asSlice((count + i) * word));
            switch (this.kinds[i]) {
                case POINTER -> setPointer(i, values.get(i).longValue());
                case LONG -> setLong(i, values.get(i).longValue());
                case INT -> setInt(i, values.get(i).intValue());
                case FLOAT -> setFloat(i, values.get(i).floatValue());
            }
        }
    }

    public static Builder builder() {
        return new Builder();
    }

    /** Arguments in the order of the kernel's parameters. */
    public static final class Builder {
        private final List<Kind> kinds = new ArrayList<>();
        private final List<Number> values = new ArrayList<>();

        private Builder() {}

        /** A device address, see {@link DeviceMemory#address}; 0 for none yet. */
        public Builder ofPointer(long address) {
            return add(Kind.POINTER, address);
        }

        public Builder ofInt(int value) {
            return add(Kind.INT, value);
        }

        public Builder ofLong(long value) {
            return add(Kind.LONG, value);
        }

        public Builder ofFloat(float value) {
            return add(Kind.FLOAT, value);
        }

        private Builder add(Kind kind, Number value) {
            kinds.add(kind);
            values.add(value);
            return this;
        }

        public KernelArguments build() {
            return new KernelArguments(kinds, values);
        }
    }

    public void setPointer(int index, long address) {
        memory.setAtIndex(JAVA_LONG, value(index, Kind.POINTER), address);
    }

    public void setLong(int index, long value) {
        memory.setAtIndex(JAVA_LONG, value(index, Kind.LONG), value);
    }

    public void setInt(int index, int value) {
        memory.set(JAVA_INT, value(index, Kind.INT) * JAVA_LONG.byteSize(), value);
    }

    public void setFloat(int index, float value) {
        memory.set(JAVA_FLOAT, value(index, Kind.FLOAT) * JAVA_LONG.byteSize(), value);
    }

    private long value(int index, Kind kind) {
        if (kinds[index] != kind) {
            throw new IllegalArgumentException("argument " + index + " is " + kinds[index] + ", not " + kind);
        }
        return kinds.length + index;
    }

    /** The array of addresses that a launch takes. */
    MemorySegment pointers() {
        return memory;
    }
}
