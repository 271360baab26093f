package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The safetensors files that must be refused, or accepted against expectation, each made from a recipe. Base: one F32
 * tensor {@code t} of shape [2,2], offsets [0,16], 16 bytes of data.
 */
final class SafetensorsCases {
    static final String BASE_JSON = "{\"t\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}";
    static final int DATA_BYTES = 16;
    private static final byte[] EMPTY_TENSOR =
            "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}".getBytes(StandardCharsets.US_ASCII);

    /**
     * @param id name of the case
     * @param recipe writes the file
     * @param reason why it must be refused, null when it must be accepted
     * @param message text that the message must hold, for faults that users meet
     * @param large whether the header is so large that 64 MB of heap do not hold its tensors
     * @param limits under which it is read
     */
    record Case(String id, Recipe recipe, Reason reason, String message, boolean large, Limits limits) {
        Path write(Path folder) {
            Path file = folder.resolve(id + ".safetensors");
            try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
                recipe.write(out);
                return file;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        Case saying(String text) {
            return new Case(id, recipe, reason, text, large, limits);
        }

        @Override
        public String toString() {
            return id + " " + (reason == null ? "accepted" : reason);
        }
    }

    @FunctionalInterface
    interface Recipe {
        void write(OutputStream out) throws IOException;
    }

    private final List<Case> cases = new ArrayList<>();

    private SafetensorsCases() {}

    static List<Case> all() {
        SafetensorsCases list = new SafetensorsCases();
        list.lengths();
        list.grammar();
        list.layout();
        list.shapes();
        list.records();
        list.otherFiles();
        list.many();
        return list.cases;
    }

    static byte[] file(long headerBytes, byte[] header, int dataBytes) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(headerBytes)
                .array());
        out.writeBytes(header);
        for (int i = 0; i < dataBytes; i++) {
            out.write(i);
        }
        return out.toByteArray();
    }

    static byte[] file(String json, int dataBytes) {
        byte[] header = json.getBytes(StandardCharsets.UTF_8);
        return file(header.length, header, dataBytes);
    }

    private static byte[] base() {
        return file(BASE_JSON, DATA_BYTES);
    }

    private static byte[] base(long headerBytes) {
        return file(headerBytes, BASE_JSON.getBytes(StandardCharsets.UTF_8), DATA_BYTES);
    }

    private Case add(String id, byte[] content, Reason reason) {
        return add(new Case(id, out -> out.write(content), reason, "", false, Limits.defaults()));
    }

    private Case add(Case added) {
        cases.add(added);
        return added;
    }

    private void saying(String text, Case last) {
        cases.set(cases.indexOf(last), last.saying(text));
    }

    /** One tensor t with the given record, over {@code dataBytes} of data. */
    private Case tensor(String id, String record, int dataBytes, Reason reason) {
        return add(id, file("{\"t\":" + record + "}", dataBytes), reason);
    }

    private static String record(String dtype, String shape, String offsets) {
        return "{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
    }

    private void lengths() {
        add("base", base(), null);
        add("S01", new byte[0], Reason.TRUNCATED);
        add("S02", new byte[7], Reason.TRUNCATED);
        add("S04", new byte[8], Reason.BAD_JSON);
        saying("unfinished, pre-allocated download", add("S04-zeros", new byte[4096], Reason.BAD_JSON));
        add("S05", base(-1), Reason.HEADER_TOO_LARGE);
        add("S07", base((1L << 32) + 5), Reason.HEADER_TOO_LARGE);
        saying("Limits.maxHeaderBytes", add("S08", base(100_000_001), Reason.HEADER_TOO_LARGE));
        saying("interrupted download", add("S09-header-cut", base(1000), Reason.TRUNCATED));
        saying("interrupted download", add("S09-data-cut", file(BASE_JSON, 10), Reason.TRUNCATED));
        add("S10", base(BASE_JSON.length() - 1), Reason.BAD_JSON);
        add("S11", file(1, new byte[] {(byte) 0xff}, 0), Reason.BAD_UTF8);
    }

    private void grammar() {
        add("S11c", file(BASE_JSON.replace("\"t\"", "\"\\ud800\""), DATA_BYTES), Reason.BAD_JSON);
        add("S12", file("{", 0), Reason.BAD_JSON);
        add("S13b", file("null", 0), Reason.BAD_JSON);
        add("S14", file(BASE_JSON + "x", DATA_BYTES), Reason.BAD_JSON);
        add("S15-two-values", file(BASE_JSON + "{}", DATA_BYTES), Reason.BAD_JSON);
        add("S16", file(" \n" + BASE_JSON, DATA_BYTES), null);
        add("S16-trailing-space", file(BASE_JSON + "   \n", DATA_BYTES), null);
        add("S17", file("\ufeff" + BASE_JSON, DATA_BYTES), Reason.BAD_JSON);
        byte[] utf16 = BASE_JSON.getBytes(StandardCharsets.UTF_16BE);
        add("S18-utf16", file(utf16.length, utf16, DATA_BYTES), Reason.BAD_JSON);
        add("S26", file(BASE_JSON.replace("16]", "16.0]"), DATA_BYTES), Reason.BAD_JSON);
        add("S26-exponent", file(BASE_JSON.replace("16]", "16e0]"), DATA_BYTES), Reason.BAD_JSON);
        add("S28", file(BASE_JSON.replace("[0,16]", "[\"0\",\"16\"]"), DATA_BYTES), Reason.BAD_JSON);
        add("S30", file(BASE_JSON.replace("[0,16]", "[0]"), DATA_BYTES), Reason.BAD_JSON);
        add("S30-three", file(BASE_JSON.replace("[0,16]", "[0,16,16]"), DATA_BYTES), Reason.BAD_JSON);
        String nested = "[".repeat(100_000);
        add("S53", file(nested, 0), Reason.NESTING_TOO_DEEP);
        String deep = "[".repeat(5_000) + "]".repeat(5_000);
        add(
                "S53b",
                file(BASE_JSON.replace("\"dtype\"", "\"u\":" + deep + ",\"dtype\""), DATA_BYTES),
                Reason.NESTING_TOO_DEEP);
        add("S53-objects", file("{\"a\":".repeat(100_000), 0), Reason.NESTING_TOO_DEEP);
        add("S55", file(BASE_JSON.replace("[2,2]", "[02,2]"), DATA_BYTES), Reason.BAD_JSON);
        add("S56", file(BASE_JSON.replace("[2,2]", "[+2,2]"), DATA_BYTES), Reason.BAD_JSON);
        add("S57-nan", file(BASE_JSON.replace("[2,2]", "[NaN,2]"), DATA_BYTES), Reason.BAD_JSON);
        add("S58", file("{/*x*/}", 0), Reason.BAD_JSON);
        add("S59", file(BASE_JSON.replace("[2,2]", "[2,2,]"), DATA_BYTES), Reason.BAD_JSON);
        add("S60-single-quotes", file(BASE_JSON.replace('"', '\''), DATA_BYTES), Reason.BAD_JSON);
        add("S61", file(BASE_JSON.replace("\"t\"", "\"t\n\""), DATA_BYTES), Reason.BAD_JSON);
        byte[] overlong = BASE_JSON.replace("\"t\"", "\"tt\"").getBytes(StandardCharsets.ISO_8859_1);
        overlong[2] = (byte) 0xc0;
        overlong[3] = (byte) 0x80;
        add("S63-overlong-nul", file(overlong.length, overlong, DATA_BYTES), Reason.BAD_UTF8);
    }

    private void layout() {
        saying("16 bytes follow", add("S19-16", file(BASE_JSON, DATA_BYTES + 16), Reason.TRAILING_BYTES));
        add("S19", file(BASE_JSON, DATA_BYTES + 5), Reason.TRAILING_BYTES);
        tensor("S20", record("F32", "[2,2]", "[4,20]"), DATA_BYTES, Reason.BAD_OFFSETS);
        add("S22", two(record("F32", "[2]", "[0,8]"), record("F32", "[2]", "[4,12]"), 12), Reason.BAD_OFFSETS);
        add("S23", two(record("F32", "[1]", "[0,4]"), record("F32", "[1]", "[0,4]"), 4), Reason.BAD_OFFSETS);
        add("S24-hole", two(record("F32", "[1]", "[0,4]"), record("F32", "[1]", "[8,12]"), 12), Reason.BAD_OFFSETS);
        tensor("S25", record("F32", "[2,2]", "[-16,0]"), DATA_BYTES, Reason.BAD_OFFSETS);
        tensor("S25-reversed", record("F32", "[2,2]", "[16,0]"), DATA_BYTES, Reason.BAD_OFFSETS);
        tensor("S27", record("F32", "[2,2]", "[0,18446744073709551616]"), DATA_BYTES, Reason.BAD_OFFSETS);
        tensor(
                "S27-end-of-long",
                record("U8", "[0]", "[9223372036854775807,9223372036854775807]"),
                0,
                Reason.BAD_OFFSETS);
        add("S67", two(record("F32", "[1]", "[4,8]"), record("F32", "[1]", "[0,4]"), 8), null);
        add(
                "S74",
                two(record("F32", "[0]", "[4,4]"), record("F32", "[1]", "[4,8]"), 8, record("F32", "[1]", "[0,4]")),
                null);
    }

    private static byte[] two(String a, String b, int dataBytes, String... more) {
        StringBuilder json = new StringBuilder("{\"a\":" + a + ",\"b\":" + b);
        for (int i = 0; i < more.length; i++) {
            json.append(",\"m").append(i).append("\":").append(more[i]);
        }
        return file(json + "}", dataBytes);
    }

    private void shapes() {
        tensor("S31", record("F32", "[4294967296,4294967296,2]", "[0,16]"), DATA_BYTES, Reason.SIZE_OVERFLOW);
        tensor("S33", record("F32", "[4611686018427387904]", "[0,16]"), DATA_BYTES, Reason.SIZE_OVERFLOW);
        tensor("S33-with-zero", record("F32", "[4611686018427387904,0]", "[0,0]"), 0, Reason.SIZE_OVERFLOW);
        tensor("S34", record("F32", "[-2,-2]", "[0,16]"), DATA_BYTES, Reason.BAD_SHAPE);
        tensor("S34-minus-zero", record("F32", "[-0]", "[0,0]"), 0, Reason.BAD_SHAPE);
        tensor("S35-nine-dimensions", record("F32", "[1,1,1,1,1,1,1,1,4]", "[0,16]"), DATA_BYTES, Reason.BAD_SHAPE);
        tensor("S36", record("F32", "[0,5]", "[0,0]"), 0, null);
        tensor("S36-large-and-zero", record("F32", "[281474976710656,281474976710656,0]", "[0,0]"), 0, null);
        tensor("S36-zero-and-large", record("F32", "[0,281474976710656,281474976710656]", "[0,0]"), 0, null);
        tensor("S37", record("F32", "[0,5]", "[0,16]"), DATA_BYTES, Reason.SIZE_MISMATCH);
        String max = "18446744073709551615";
        tensor("S38b", record("F32", "[" + max + "," + max + ",0]", "[0,0]"), 0, Reason.BAD_SHAPE);
        tensor("S38", record("F32", "[0," + max + "," + max + "]", "[0,0]"), 0, Reason.BAD_SHAPE);
        tensor("S39", record("F32", "[]", "[0,4]"), 4, null);
        tensor("S75", record("F32", "[12345678901234567890]", "[0,16]"), DATA_BYTES, Reason.BAD_SHAPE);
        tensor(
                "S75-thousand-digits",
                record("F32", "[" + "9".repeat(900) + "]", "[0,16]"),
                DATA_BYTES,
                Reason.BAD_SHAPE);
        tensor("S76-shape-is-object", record("F32", "{}", "[0,16]"), DATA_BYTES, Reason.BAD_JSON);
        tensor("S62", record("F4", "[3]", "[0,2]"), 2, Reason.SUB_BYTE_SIZE);
        tensor("S62-whole", record("F4", "[4]", "[0,2]"), 2, null);
        tensor("S64", record("F8_E4M3", "[2,8]", "[0,16]"), DATA_BYTES, null);
        tensor("S64b", record("F8_E8M0", "[16]", "[0,16]"), DATA_BYTES, null);
    }

    private void records() {
        saying("\"f32\"", tensor("S41", record("f32", "[2,2]", "[0,16]"), DATA_BYTES, Reason.UNKNOWN_DTYPE));
        tensor("S42", "{\"dtype\":\"F32\",\"data_offsets\":[0,16]}", DATA_BYTES, Reason.MISSING_FIELD);
        tensor("S42-dtype", "{\"shape\":[2,2],\"data_offsets\":[0,16]}", DATA_BYTES, Reason.MISSING_FIELD);
        tensor("S42-offsets", "{\"dtype\":\"F32\",\"shape\":[2,2]}", DATA_BYTES, Reason.MISSING_FIELD);
        tensor("S43-record-is-array", "[]", DATA_BYTES, Reason.BAD_JSON);
        tensor(
                "S44",
                "{\"u\":{\"v\":[1,null]},\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}",
                DATA_BYTES,
                null);
        tensor(
                "S44-inner-duplicate",
                "{\"u\":{\"v\":1,\"v\":1},\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}",
                DATA_BYTES,
                Reason.DUPLICATE_KEY);
        add(
                "S45",
                file(
                        "{\"t\":" + record("F32", "[2,2]", "[0,16]") + ",\"t\":" + record("F32", "[4]", "[0,16]") + "}",
                        DATA_BYTES),
                Reason.DUPLICATE_KEY);
        add(
                "S45-escaped",
                file(
                        "{\"t\":" + record("F32", "[2,2]", "[0,16]") + ",\"\\u0074\":"
                                + record("F32", "[2,2]", "[0,16]") + "}",
                        DATA_BYTES),
                Reason.DUPLICATE_KEY);
        tensor(
                "S45-field",
                "{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}",
                DATA_BYTES,
                Reason.DUPLICATE_KEY);
        metadata("S46", "{},\"__metadata__\":{}", Reason.DUPLICATE_KEY);
        metadata("S46b", "{\"a\":\"1\",\"a\":\"1\"}", Reason.DUPLICATE_KEY);
        metadata("S47", "{\"format\":\"pt\"}", null);
        metadata("S47b", "null", Reason.BAD_METADATA);
        metadata("S48", "{\"a\":{\"b\":\"c\"}}", Reason.BAD_METADATA);
        metadata("S48-number", "{\"a\":1}", Reason.BAD_METADATA);
        add("S50", file(BASE_JSON.replace("\"t\"", "\"\""), DATA_BYTES), Reason.BAD_NAME);
        add("S51", file(BASE_JSON.replace("\"t\"", "\"t\\u0000\""), DATA_BYTES), Reason.BAD_NAME);
        add(
                "S52-513-bytes",
                file(BASE_JSON.replace("\"t\"", "\"" + "é".repeat(256) + "x\""), DATA_BYTES),
                Reason.BAD_NAME);
        add("S52-512-bytes", file(BASE_JSON.replace("\"t\"", "\"" + "é".repeat(256) + "\""), DATA_BYTES), null);
        add("S65-no-tensors", file("{}", 0), null);
    }

    private void metadata(String id, String value, Reason reason) {
        add(id, file("{\"__metadata__\":" + value + "," + BASE_JSON.substring(1), DATA_BYTES), reason);
    }

    private void otherFiles() {
        String lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0".repeat(64) + "\nsize 123456\n";
        saying("Git LFS", add("S69", lfs.getBytes(StandardCharsets.US_ASCII), Reason.NOT_SAFETENSORS));
        String page = "<!DOCTYPE html><html><body>Access denied</body></html>";
        saying("web page", add("S70-web-page", page.getBytes(StandardCharsets.US_ASCII), Reason.NOT_SAFETENSORS));
        byte[] zip = "PK\3\4\0\0\10\10\0\0\0\0\0\0archive/data.pkl".getBytes(StandardCharsets.ISO_8859_1);
        saying("PyTorch", add("S71", zip, Reason.NOT_SAFETENSORS));
        byte[] pickle = "\200\2}q\0(X\1\0\0\0tq\1".getBytes(StandardCharsets.ISO_8859_1);
        saying("PyTorch", add("S71-bare-pickle", pickle, Reason.NOT_SAFETENSORS));
        byte[] gguf = "GGUF\3\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0".getBytes(StandardCharsets.ISO_8859_1);
        saying("GGUF", add("S72", gguf, Reason.NOT_SAFETENSORS));
        byte[] hdf5 = "\211HDF\r\n\32\n\0\0\0\0".getBytes(StandardCharsets.ISO_8859_1);
        saying("HDF5", add("S73-hdf5", hdf5, Reason.NOT_SAFETENSORS));
    }

    private void many() {
        int tensors = 1_000_001;
        Limits raised = Limits.defaults().withMaxTensors(tensors);
        Recipe recipe = out -> manyTensors(tensors, out);
        add(new Case("S66", recipe, Reason.TOO_MANY_TENSORS, "Limits.maxTensors", true, Limits.defaults()));
        add(new Case("S66-raised", recipe, null, "", true, raised));
    }

    private static void manyTensors(int count, OutputStream out) throws IOException {
        ByteArrayOutputStream json = new ByteArrayOutputStream(64 * count);
        for (int i = 0; i < count; i++) {
            json.write(i == 0 ? '{' : ',');
            json.write('"');
            json.writeBytes(Integer.toString(i).getBytes(StandardCharsets.US_ASCII));
            json.writeBytes(EMPTY_TENSOR);
        }
        json.write('}');
        out.write(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.size())
                .array());
        json.writeTo(out);
    }
}
