package dev.lowbit.checkpoint;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;

/** What a file that is no safetensors file probably is, told from its first bytes. */
enum FileHint {
    GGUF("a GGUF file; give the original safetensors model instead", bytes('G', 'G', 'U', 'F')),
    PYTORCH(
            "a PyTorch checkpoint (zip of pickles); a pickle is a program and is not run: convert it to safetensors first",
            bytes('P', 'K', 3, 4)),
    PICKLE(
            "a PyTorch or Python pickle; a pickle is a program and is not run: convert it to safetensors first",
            bytes(0x80, 2),
            bytes(0x80, 3),
            bytes(0x80, 4),
            bytes(0x80, 5)),
    GIT_LFS(
            "a Git LFS pointer, the file itself was not fetched; run git lfs pull",
            "version https://git-lfs".getBytes(StandardCharsets.US_ASCII)),
    WEB_PAGE("a web page, not a model; the download was redirected or refused", bytes('<')),
    HDF5("an HDF5 file; convert it to safetensors first", bytes(0x89, 'H', 'D', 'F', '\r', '\n')),
    UTF16("text in UTF-16; UTF-8 is needed", bytes(0xff, 0xfe), bytes(0xfe, 0xff)),
    BYTE_ORDER_MARK("text that begins with a byte order mark; remove it", bytes(0xef, 0xbb, 0xbf)),
    JSON("bare JSON text without weights", bytes('{')),
    TEXT("text, no weights; give a model folder or a .safetensors file");

    /** How many first bytes are enough to tell. */
    static final int LENGTH = 32;

    private final String description;
    private final byte[][] magics;

    FileHint(String description, byte[]... magics) {
        this.description = description;
        this.magics = magics;
    }

    private static byte[] bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            bytes[i] = (byte) values[i];
        }
        return bytes;
    }

    static Optional<FileHint> of(byte[] firstBytes) {
        for (FileHint hint : values()) {
            for (byte[] magic : hint.magics) {
                if (firstBytes.length >= magic.length
                        && Arrays.equals(firstBytes, 0, magic.length, magic, 0, magic.length)
                        && !(hint == PICKLE && beginsLikeSafetensors(firstBytes))) {
                    return Optional.of(hint);
                }
            }
        }
        return isText(firstBytes) ? Optional.of(TEXT) : Optional.empty();
    }

    /** As the length of a header, so many printable characters are more than any file has. */
    private static boolean isText(byte[] firstBytes) {
        for (byte b : firstBytes) {
            if (b < ' ' && b != '\n' && b != '\r' && b != '\t' || b == 0x7f) {
                return false;
            }
        }
        return firstBytes.length >= Long.BYTES;
    }

    /** A header of 0x280, 0x380, ... bytes starts like a pickle; four zeros and a brace after it do not. */
    private static boolean beginsLikeSafetensors(byte[] firstBytes) {
        return firstBytes.length > Long.BYTES
                && Arrays.equals(firstBytes, Integer.BYTES, Long.BYTES, new byte[Integer.BYTES], 0, Integer.BYTES)
                && (firstBytes[Long.BYTES] == '{' || firstBytes[Long.BYTES] <= ' ' && firstBytes[Long.BYTES] > 0);
    }

    /** Completes the sentence "this is ...". */
    String description() {
        return description;
    }

    /** Whether the content is a pickle, which is refused as unsupported rather than as malformed. */
    boolean isPickle() {
        return this == PYTORCH || this == PICKLE;
    }
}
