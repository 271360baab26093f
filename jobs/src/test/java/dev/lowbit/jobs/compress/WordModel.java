package dev.lowbit.jobs.compress;

import dev.lowbit.jobs.SampleModels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/** A small Llama with a tokenizer that knows 32 words, and a text of 900 of them. */
final class WordModel {
    static final int WORDS = 32;

    private WordModel() {}

    static Path write(Path folder) throws IOException {
        return addTokenizer(SampleModels.llama(folder));
    }

    /** Makes a model folder with a vocabulary of {@link #WORDS} complete. */
    static Path addTokenizer(Path folder) throws IOException {
        StringBuilder vocabulary = new StringBuilder("\"<unk>\": 0");
        for (int i = 1; i < WORDS; i++) {
            vocabulary.append(", \"w").append(i).append("\": ").append(i);
        }
        Files.writeString(folder.resolve("tokenizer.json"), """
                {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
                 "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
                 "model": {"type": "WordLevel", "vocab": {%s}, "unk_token": "<unk>"}}
                """.formatted(vocabulary));
        Files.writeString(folder.resolve("generation_config.json"), "{\"bos_token_id\": 1}");
        return folder;
    }

    static Path text(Path file) throws IOException {
        StringBuilder words = new StringBuilder();
        Random random = new Random(3);
        for (int t = 0; t < 900; t++) {
            // the last words of the vocabulary never occur
            words.append("w").append(1 + random.nextInt(WORDS - 4)).append(t % 20 == 19 ? '\n' : ' ');
        }
        return Files.writeString(file, words);
    }
}
