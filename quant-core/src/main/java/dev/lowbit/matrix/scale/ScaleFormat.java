package dev.lowbit.matrix.scale;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Lanes;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.tensor.DType;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How the scales of the blocks are stored. */
public sealed interface ScaleFormat {
    /** Name of the part with one scale per block. */
    String SCALES = "scales";

    /** Name of the part with one code per block. */
    String SCALE_CODES = "scale_codes";

    /** Name of the part with one scale per super-block. */
    String SUPER_SCALES = "super_scales";

    /** Name of the part that every block's scale starts from. */
    String OFFSET = "offset";

    /** The parts that hold the scales of so many blocks, in their fixed order. */
    List<PartSpec> layout(long blocks);

    /** The identifier's part about scales, for example {@code s8x256-bf16} or {@code f16}. */
    String id();

    /**
     * One float per block.
     *
     * @param type F16, BF16 or F32
     */
    record OneLevel(DType type) implements ScaleFormat {
        public OneLevel {
            ScaleType.check(type);
        }

        @Override
        public List<PartSpec> layout(long blocks) {
            return List.of(PartSpec.of(SCALES, type, blocks));
        }

        @Override
        public String id() {
            return switch (type) {
                case F16 -> "f16";
                case BF16 -> "bf16";
                default -> "f32";
            };
        }
    }

    /**
     * Double quantization: an unsigned code per block, a float per super-block and one F32 offset per matrix.
     *
     * @param codeBits bits of a block's scale code, 1 to 8
     * @param superGroup blocks per super-block, consecutive over the whole matrix
     * @param superType F32, BF16 or F16, type of the super-block's scale
     */
    record TwoLevel(int codeBits, int superGroup, DType superType) implements ScaleFormat {
        private static final int MAX_SUPER_GROUP = 1 << 16;

        public TwoLevel {
            ScaleType.check(superType);
            if (codeBits < 1 || codeBits > 8) {
                throw InvalidRequestException.usage("scale codes have 1 to 8 bits, got " + codeBits);
            }
            if (superGroup < 1 || superGroup > MAX_SUPER_GROUP) {
                throw InvalidRequestException.usage(
                        "a super-block has 1 to " + MAX_SUPER_GROUP + " blocks, got " + superGroup);
            }
        }

        /**
         * The scales of as many codes around one as there are lanes, the last repeated where there are fewer.
         *
         * @param code the middle
         * @param candidates {@link Lanes#COUNT} scales; modified (overwritten)
         * @return the code of the first
         */
        public int around(int code, float superScale, float offset, float[] candidates) {
            int last = (1 << codeBits) - 1;
            int lowest = Math.clamp(code - Lanes.COUNT / 2, 0, Math.max(0, last - Lanes.COUNT + 1));
            float perCode = last / superScale;
            for (int lane = 0; lane < Lanes.COUNT; lane++) {
                candidates[lane] = Math.min(Math.min(lowest + lane, last) / perCode + offset, Float.MAX_VALUE);
            }
            return lowest;
        }

        @Override
        public List<PartSpec> layout(long blocks) {
            return List.of(
                    PartSpec.of(SCALE_CODES, DType.U8, PackedCodes.bytes(blocks, codeBits)),
                    PartSpec.of(SUPER_SCALES, superType, Math.ceilDiv(blocks, superGroup)),
                    PartSpec.of(OFFSET, DType.F32, 1));
        }

        @Override
        public String id() {
            String type = switch (superType) {
                case F16 -> "fp16";
                case BF16 -> "bf16";
                default -> "fp32";
            };
            return "s" + codeBits + "x" + superGroup + "-" + type;
        }
    }

    /** The inverse of {@link #id()}; empty when the text is something else. */
    static Optional<ScaleFormat> parse(String id) {
        switch (id) {
            case "f16":
                return Optional.of(new OneLevel(DType.F16));
            case "bf16":
                return Optional.of(new OneLevel(DType.BF16));
            case "f32":
                return Optional.of(new OneLevel(DType.F32));
            default:
                Matcher matcher = Ids.TWO_LEVEL.matcher(id);
                if (!matcher.matches()) {
                    return Optional.empty();
                }
                DType type = switch (matcher.group(3)) {
                    case "fp16" -> DType.F16;
                    case "bf16" -> DType.BF16;
                    default -> DType.F32;
                };
                return Optional.of(
                        new TwoLevel(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)), type));
        }
    }

    /** Keeps the pattern out of the interface's public face. */
    final class Ids {
        private static final Pattern TWO_LEVEL = Pattern.compile("s([1-8])x([1-9][0-9]{0,5})-(fp16|bf16|fp32)");

        private Ids() {}
    }
}
