package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.Shape;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import tools.jackson.core.JsonToken;

/**
 * The header of a safetensors file: 8 bytes little-endian N, N bytes of JSON, then the data, every tensor's range
 * following the last one's without hole or overlap. Here the JSON becomes checked {@link TensorInfo}s.
 *
 * @param tensors by name, in header order
 * @param metadata the {@code __metadata__} map in header order
 * @param unknownFields how many fields of tensor records the format does not know
 */
record SafetensorsHeader(
        SequencedMap<String, TensorInfo> tensors, SequencedMap<String, String> metadata, int unknownFields) {
    static final String METADATA = "__metadata__";
    /** Bytes of the length field in front of the header. */
    static final int LENGTH_BYTES = 8;
    /** Charged per metadata entry beside its text, because an entry of no text costs memory too. */
    private static final int METADATA_ENTRY_COST = 64;

    /**
     * Refuses a header length that no file can have or that the limits exclude.
     *
     * @param headerBytes the length field as a signed 64-bit number
     * @param fileBytes size of the whole file
     * @param first the first bytes of the file, to tell what else it may be
     */
    static void checkLength(Path file, long headerBytes, long fileBytes, byte[] first, Limits limits) {
        boolean tooLarge = headerBytes < 0 || headerBytes > limits.maxHeaderBytes();
        if (!tooLarge && headerBytes <= fileBytes - LENGTH_BYTES) {
            return;
        }
        FileHint.of(first).ifPresent(hint -> {
            throw new MalformedFileException(file, 0, Reason.NOT_SAFETENSORS, "this is " + hint.description());
        });
        if (tooLarge) {
            throw new MalformedFileException(
                    file,
                    0,
                    Reason.HEADER_TOO_LARGE,
                    "header length " + Long.toUnsignedString(headerBytes) + ", at most " + limits.maxHeaderBytes()
                            + " is read (Limits.maxHeaderBytes), the file has " + fileBytes + " bytes");
        }
        throw truncated(file, headerBytes, fileBytes);
    }

    static MalformedFileException truncated(Path file, long headerBytes, long fileBytes) {
        return new MalformedFileException(
                file,
                0,
                Reason.TRUNCATED,
                "interrupted download: the file promises " + headerBytes + " bytes of header and has " + fileBytes
                        + " bytes in all");
    }

    /** Refuses a file that ends inside the length field. */
    static void requireLengthField(Path file, int bytes) {
        if (bytes < LENGTH_BYTES) {
            throw new MalformedFileException(
                    file,
                    bytes,
                    Reason.TRUNCATED,
                    "has " + bytes + " bytes, a safetensors file has at least 10; download it again");
        }
    }

    /**
     * Reads the JSON; {@link #checkLayout} completes the check.
     *
     * @param dataStart offset of the first data byte in the file
     */
    static SafetensorsHeader parse(JsonTokens tokens, long dataStart) {
        return new Parser(tokens, dataStart).parse();
    }

    /**
     * Refuses tensors that overlap, leave holes, or do not end where the file ends.
     *
     * @param dataStart offset of the first data byte in the file
     * @param dataBytes bytes that follow the header in the file
     */
    void checkLayout(Path file, long dataStart, long dataBytes) {
        long end = dataStart;
        for (TensorInfo tensor : inOffsetOrder(tensors.values())) {
            if (tensor.offsetBytes() != end) {
                String fault = tensor.offsetBytes() < end ? "overlaps the tensor before it" : "leaves a hole before it";
                throw new MalformedFileException(
                        file,
                        tensor.offsetBytes(),
                        Reason.BAD_OFFSETS,
                        "tensor " + OneLine.quote(tensor.name()) + " at " + (tensor.offsetBytes() - dataStart) + " "
                                + fault);
            }
            end += tensor.byteSize();
        }
        long promised = end - dataStart;
        if (promised > dataBytes) {
            throw new MalformedFileException(
                    file,
                    dataStart + dataBytes,
                    Reason.TRUNCATED,
                    "interrupted download: the header promises " + end + " bytes, the file has "
                            + (dataStart + dataBytes));
        }
        if (promised < dataBytes) {
            throw new MalformedFileException(
                    file,
                    end,
                    Reason.TRAILING_BYTES,
                    (dataBytes - promised) + " bytes follow the last tensor, which ends at " + end);
        }
    }

    /** Tensors by offset; empty ones before the one that begins at the same place. */
    static List<TensorInfo> inOffsetOrder(Iterable<TensorInfo> tensors) {
        List<TensorInfo> sorted = new ArrayList<>();
        tensors.forEach(sorted::add);
        sorted.sort(Comparator.comparingLong(TensorInfo::offsetBytes).thenComparingLong(TensorInfo::byteSize));
        return sorted;
    }

    private static final class Parser {
        private final JsonTokens tokens;
        private final Limits limits;
        private final long dataStart;
        private final LinkedHashMap<String, TensorInfo> tensors = new LinkedHashMap<>();
        private LinkedHashMap<String, String> metadata;
        private int unknownFields;

        Parser(JsonTokens tokens, long dataStart) {
            this.tokens = tokens;
            this.limits = tokens.limits();
            this.dataStart = dataStart;
        }

        SafetensorsHeader parse() {
            JsonToken first = tokens.next();
            if (first != JsonToken.START_OBJECT) {
                if (first != null) {
                    tokens.skip(first);
                }
                throw tokens.fail(
                        Reason.BAD_JSON,
                        first == null
                                ? "the header is empty; a file of zeros is an unfinished, pre-allocated download"
                                : "the header must be a JSON object");
            }
            while (tokens.next() == JsonToken.PROPERTY_NAME) {
                String name = tokens.text();
                JsonToken value = tokens.next();
                if (name.equals(METADATA)) {
                    tokens.requireNew(metadata == null, name);
                    metadata = metadata(value);
                } else {
                    checkName(name);
                    tokens.requireNew(!tensors.containsKey(name), name);
                    if (tensors.size() == limits.maxTensors()) {
                        throw tokens.fail(
                                Reason.TOO_MANY_TENSORS,
                                "more than " + limits.maxTensors() + " tensors (Limits.maxTensors)");
                    }
                    tensors.put(name, tensor(name, value));
                }
            }
            tokens.expectEnd();
            return new SafetensorsHeader(
                    Collections.unmodifiableSequencedMap(tensors),
                    Collections.unmodifiableSequencedMap(metadata == null ? new LinkedHashMap<>() : metadata),
                    unknownFields);
        }

        private LinkedHashMap<String, String> metadata(JsonToken start) {
            if (start != JsonToken.START_OBJECT) {
                tokens.skip(start);
                throw tokens.fail(Reason.BAD_METADATA, METADATA + " must be an object of strings");
            }
            LinkedHashMap<String, String> map = new LinkedHashMap<>();
            long cost = 0;
            while (tokens.next() == JsonToken.PROPERTY_NAME) {
                String key = tokens.text();
                tokens.requireNew(!map.containsKey(key), key);
                JsonToken value = tokens.next();
                if (value != JsonToken.VALUE_STRING) {
                    tokens.skip(value);
                    throw tokens.fail(
                            Reason.BAD_METADATA,
                            "the value of " + OneLine.quote(key) + " in " + METADATA + " is no string");
                }
                cost += METADATA_ENTRY_COST + key.length() + tokens.text().length();
                if (cost > limits.maxMetadataBytes()) {
                    throw tokens.fail(
                            Reason.BAD_METADATA,
                            METADATA + " is larger than " + limits.maxMetadataBytes()
                                    + " bytes (Limits.maxMetadataBytes)");
                }
                map.put(key, tokens.text());
            }
            return map;
        }

        private void checkName(String name) {
            if (name.isEmpty()) {
                throw tokens.fail(Reason.BAD_NAME, "a tensor has an empty name");
            }
            if (name.indexOf('\0') >= 0) {
                throw tokens.fail(Reason.BAD_NAME, "tensor name " + OneLine.quote(name) + " holds a NUL");
            }
            // a UTF-8 byte count is at least the char count, so most long names need no encoding
            if (name.length() > limits.maxNameBytes()
                    || name.getBytes(StandardCharsets.UTF_8).length > limits.maxNameBytes()) {
                throw tokens.fail(
                        Reason.BAD_NAME,
                        "tensor name " + OneLine.quote(name) + " is longer than " + limits.maxNameBytes() + " bytes");
            }
        }

        private TensorInfo tensor(String name, JsonToken start) {
            if (start != JsonToken.START_OBJECT) {
                tokens.skip(start);
                throw fail(Reason.BAD_JSON, name, "is no object");
            }
            DType type = null;
            List<Long> shape = null;
            long[] range = null;
            List<String> unknown = new ArrayList<>(0);
            while (tokens.next() == JsonToken.PROPERTY_NAME) {
                String field = tokens.text();
                JsonToken value = tokens.next();
                switch (field) {
                    case "dtype" -> {
                        tokens.requireNew(type == null, field);
                        type = type(name, value);
                    }
                    case "shape" -> {
                        tokens.requireNew(shape == null, field);
                        shape = shape(name, value);
                    }
                    case "data_offsets" -> {
                        tokens.requireNew(range == null, field);
                        range = range(name, value);
                    }
                    default -> {
                        tokens.requireNew(!unknown.contains(field), field);
                        if (unknown.size() == limits.maxDimensions()) {
                            throw fail(Reason.BAD_JSON, name, "has too many unknown fields");
                        }
                        unknown.add(field);
                        tokens.skip(value);
                    }
                }
            }
            unknownFields += unknown.size();
            if (type == null || shape == null || range == null) {
                String missing = type == null ? "dtype" : shape == null ? "shape" : "data_offsets";
                throw fail(Reason.MISSING_FIELD, name, "has no " + missing);
            }
            long bytes = bytes(name, type, shape);
            if (range[1] - range[0] != bytes) {
                throw fail(
                        Reason.SIZE_MISMATCH,
                        name,
                        type + " " + shape + " needs " + bytes + " bytes, its offsets give " + (range[1] - range[0]));
            }
            if (range[1] > Long.MAX_VALUE - dataStart) {
                throw fail(Reason.BAD_OFFSETS, name, "ends at " + range[1] + ", beyond any file");
            }
            return new TensorInfo(name, type, shape, tokens.file(), dataStart + range[0], bytes);
        }

        private DType type(String name, JsonToken value) {
            if (value != JsonToken.VALUE_STRING) {
                tokens.skip(value);
                throw fail(Reason.BAD_JSON, name, "has a dtype that is no string");
            }
            String type = tokens.text();
            return DType.ofSafetensors(type)
                    .orElseThrow(
                            () -> fail(Reason.UNKNOWN_DTYPE, name, "has the unknown dtype " + OneLine.quote(type)));
        }

        private List<Long> shape(String name, JsonToken start) {
            if (start != JsonToken.START_ARRAY) {
                tokens.skip(start);
                throw fail(Reason.BAD_JSON, name, "has a shape that is no array");
            }
            List<Long> shape = new ArrayList<>(4);
            for (JsonToken t = tokens.next(); t != JsonToken.END_ARRAY; t = tokens.next()) {
                if (shape.size() == limits.maxDimensions()) {
                    throw fail(Reason.BAD_SHAPE, name, "has more than " + limits.maxDimensions() + " dimensions");
                }
                shape.add(unsigned(name, t, "dimension", Reason.BAD_SHAPE));
            }
            return shape;
        }

        private long[] range(String name, JsonToken start) {
            if (start != JsonToken.START_ARRAY) {
                tokens.skip(start);
                throw fail(Reason.BAD_JSON, name, "has data_offsets that are no array");
            }
            long[] range = new long[2];
            int count = 0;
            for (JsonToken t = tokens.next(); t != JsonToken.END_ARRAY; t = tokens.next()) {
                if (count == 2) {
                    throw fail(Reason.BAD_JSON, name, "has more than two data_offsets");
                }
                range[count++] = unsigned(name, t, "offset", Reason.BAD_OFFSETS);
            }
            if (count != 2) {
                throw fail(Reason.BAD_JSON, name, "has " + count + " data_offsets, two are needed");
            }
            if (range[0] > range[1]) {
                throw fail(Reason.BAD_OFFSETS, name, "ends at " + range[1] + " before it begins at " + range[0]);
            }
            return range;
        }

        private long unsigned(String name, JsonToken token, String what, Reason outOfRange) {
            if (token != JsonToken.VALUE_NUMBER_INT) {
                tokens.skip(token);
                throw fail(Reason.BAD_JSON, name, "has a " + what + " that is no integer");
            }
            String digits = tokens.text();
            if (digits.startsWith("-")) {
                throw fail(outOfRange, name, "has the negative " + what + " " + OneLine.quote(digits));
            }
            try {
                return Long.parseLong(digits);
            } catch (NumberFormatException e) {
                throw fail(outOfRange, name, "has the " + what + " " + OneLine.quote(digits) + ", beyond 63 bits");
            }
        }

        private long bytes(String name, DType type, List<Long> shape) {
            long bits;
            try {
                bits = Shape.bits(type, shape);
            } catch (ArithmeticException e) {
                throw fail(Reason.SIZE_OVERFLOW, name, "has the impossible size " + type + " " + shape);
            }
            if (bits % 8 != 0) {
                throw fail(Reason.SUB_BYTE_SIZE, name, type + " " + shape + " does not fill whole bytes");
            }
            return bits / 8;
        }

        private MalformedFileException fail(Reason reason, String name, String detail) {
            return tokens.fail(reason, "tensor " + OneLine.quote(name) + " " + detail);
        }
    }
}
