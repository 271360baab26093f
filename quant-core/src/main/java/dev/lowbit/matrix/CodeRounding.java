package dev.lowbit.matrix;

/** Which of the two nearest choices of codes a tile gets. Called from many threads, in any order. */
@FunctionalInterface
public interface CodeRounding {
    /** Always the nearest. */
    CodeRounding NEAREST = (tile, nearest, second) -> false;

    /**
     * Whether a tile gets the second.
     *
     * @param nearest distance of the nearest choice from the target, in any unit
     * @param second distance of the other, in the same unit; not below it
     */
    boolean takesSecond(int tile, double nearest, double second);
}
