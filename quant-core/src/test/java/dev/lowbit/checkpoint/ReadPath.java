package dev.lowbit.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The two independent ways to list a safetensors file. */
enum ReadPath {
    /** As products read: mapped header, Jackson's tokenizer. */
    MAPPED {
        @Override
        Listing list(Path file, Limits limits) {
            try (SafetensorsFile opened = SafetensorsFile.open(file, limits)) {
                return new Listing(List.copyOf(opened.byName().values()), opened.metadata());
            }
        }
    },
    /** As digests read: a stream of unknown length, our own tokenizer. */
    STREAMED {
        @Override
        Listing list(Path file, Limits limits) {
            try (InputStream stream = Files.newInputStream(file)) {
                SafetensorsHeader header = SafetensorsStream.read(file, stream, limits);
                return new Listing(List.copyOf(header.tensors().values()), header.metadata());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    };

    /** What a header says: tensors in header order, metadata. */
    record Listing(List<TensorInfo> tensors, Map<String, String> metadata) {}

    abstract Listing list(Path file, Limits limits);
}
