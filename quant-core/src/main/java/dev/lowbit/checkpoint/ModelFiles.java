package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.UnsupportedModelException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Which files of a folder are the model: the index and what it names if there is one, else model.safetensors, else every
 * *.safetensors.
 *
 * @param root the folder, or the single file's folder
 * @param weights weight files in the order of their names
 * @param index the index with its file, when there is one
 * @param config config.json, when there is one
 * @param sidecars small files that travel with the weights, sorted
 * @param warnings what lies there and is not read
 * @param isFile whether one file was given, whose folder says nothing about it
 */
record ModelFiles(
        Path root,
        List<Path> weights,
        Optional<ShardIndex> index,
        Optional<Path> config,
        List<Path> sidecars,
        List<String> warnings,
        boolean isFile) {
    static final String INDEX = "model.safetensors.index.json";
    private static final String SINGLE = "model.safetensors";
    private static final String SUFFIX = ".safetensors";
    private static final String CONFIG = "config.json";
    private static final Pattern SIDECAR = Pattern.compile("config\\.json|generation_config\\.json"
            + "|tokenizer.*\\.(json|bin)|tekken\\.json|special_tokens_map\\.json|added_tokens\\.json|chat_template\\.json"
            + "|tokenizer\\.model.*|.*\\.(model|spm|tiktoken|jinja)|vocab\\..*|merges\\.txt|tokens\\.txt|bpe\\.codes");
    private static final Pattern PICKLE = Pattern.compile(".*\\.(bin|pt|pth|ckpt|pkl)");
    private static final Pattern TOKENIZER = Pattern.compile("(tokenizer|vocab).*");
    private static final Pattern NUMBERED = Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.safetensors");

    /** One file as the whole model. */
    static ModelFiles ofFile(Path file) {
        Path folder = file.toAbsolutePath().getParent();
        return new ModelFiles(folder, List.of(file), Optional.empty(), Optional.empty(), List.of(), List.of(), true);
    }

    /** The model in {@code folder}; {@code told} when the caller named the index, so that a model.safetensors beside it is a stray. */
    static ModelFiles ofFolder(Path folder, boolean told, Limits limits) {
        Set<String> names = names(folder);
        List<Path> weights;
        Optional<ShardIndex> index = Optional.empty();
        if (told || names.contains(INDEX)) {
            ShardIndex read = ShardIndex.read(folder.resolve(INDEX), limits);
            boolean both = names.contains(SINGLE) && !read.shards().contains(SINGLE);
            if (both && !told) {
                throw new MalformedFileException(
                        folder,
                        -1,
                        Reason.AMBIGUOUS_INPUT,
                        "holds both " + INDEX + " and another model in " + SINGLE
                                + "; give one of the two files as the model");
            }
            weights = indexed(folder, read);
            index = Optional.of(read);
        } else if (names.contains(SINGLE)) {
            weights = List.of(folder.resolve(SINGLE));
        } else {
            List<String> all = names.stream().filter(n -> n.endsWith(SUFFIX)).toList();
            requireCompleteNumbering(folder, all);
            weights = all.stream().map(folder::resolve).toList();
        }
        if (weights.isEmpty()) {
            throw noWeights(folder, names);
        }
        Optional<Path> config = names.contains(CONFIG) ? Optional.of(folder.resolve(CONFIG)) : Optional.empty();
        List<Path> sidecars = names.stream()
                .filter(n -> SIDECAR.matcher(n).matches())
                .map(folder::resolve)
                .toList();
        return new ModelFiles(folder, weights, index, config, sidecars, warnings(folder, names, weights), false);
    }

    private static Set<String> names(Path folder) {
        try (Stream<Path> entries = Files.list(folder)) {
            Set<String> names = new TreeSet<>();
            entries.filter(Files::isRegularFile)
                    .forEach(e -> names.add(e.getFileName().toString()));
            return names;
        } catch (IOException | UncheckedIOException e) {
            throw new UncheckedIOException(
                    "cannot list " + folder + ": " + e,
                    e instanceof UncheckedIOException u ? u.getCause() : (IOException) e);
        }
    }

    private static List<Path> indexed(Path folder, ShardIndex index) {
        List<String> missing = index.shards().stream()
                .filter(shard -> !Files.exists(folder.resolve(shard)))
                .toList();
        if (!missing.isEmpty()) {
            throw new MalformedFileException(
                    folder.resolve(INDEX),
                    -1,
                    Reason.MISSING_SHARD,
                    "names " + missing.size() + " files that are not there, download them: " + OneLine.list(missing));
        }
        return index.shards().stream().map(folder::resolve).toList();
    }

    /** Files named {@code x-00001-of-00003.safetensors} must be a complete set, and only one of them. */
    private static void requireCompleteNumbering(Path folder, List<String> names) {
        Map<String, Set<Integer>> sets = new TreeMap<>();
        for (String name : names) {
            Matcher matcher = NUMBERED.matcher(name);
            if (matcher.matches()) {
                sets.computeIfAbsent(matcher.group(1) + "-%05d-of-" + matcher.group(3) + SUFFIX, k -> new TreeSet<>())
                        .add(Integer.valueOf(matcher.group(2)));
            }
        }
        if (sets.size() > 1) {
            throw new MalformedFileException(
                    folder,
                    -1,
                    Reason.AMBIGUOUS_INPUT,
                    "holds " + sets.size() + " sets of shards and no " + INDEX + " to choose: "
                            + OneLine.list(List.copyOf(sets.keySet())));
        }
        sets.forEach((pattern, present) -> {
            int total = Integer.parseInt(
                    pattern.substring(pattern.length() - SUFFIX.length() - 5, pattern.length() - SUFFIX.length()));
            List<String> missing = new ArrayList<>();
            for (int i = 1; i <= total; i++) {
                if (!present.contains(i)) {
                    missing.add(pattern.replace(
                            "%05d", "0".repeat(5 - Integer.toString(i).length()) + i));
                }
            }
            if (!missing.isEmpty()) {
                throw new MalformedFileException(
                        folder,
                        -1,
                        Reason.MISSING_SHARD,
                        missing.size() + " of " + total + " shards are not there, download them: "
                                + OneLine.list(missing));
            }
        });
    }

    private static RuntimeException noWeights(Path folder, Set<String> names) {
        List<String> pickles = names.stream()
                .filter(n ->
                        PICKLE.matcher(n).matches() && !TOKENIZER.matcher(n).matches())
                .toList();
        List<String> ggufs = names.stream().filter(n -> n.endsWith(".gguf")).toList();
        if (!pickles.isEmpty()) {
            return new UnsupportedModelException(folder + " holds only " + OneLine.list(pickles)
                    + "; a pickle is a program and is not run: convert it to safetensors first");
        }
        String found;
        if (!ggufs.isEmpty()) {
            found = "holds only " + OneLine.list(ggufs) + "; give the original safetensors model instead";
        } else {
            found = names.isEmpty() ? "is empty" : "holds no *" + SUFFIX + " file";
        }
        return new MalformedFileException(folder, -1, Reason.NO_WEIGHTS, found);
    }

    private static List<String> warnings(Path folder, Set<String> names, List<Path> weights) {
        List<String> warnings = new ArrayList<>();
        Set<Path> read = Set.copyOf(weights);
        List<String> strays = names.stream()
                .filter(n -> n.endsWith(SUFFIX) && !read.contains(folder.resolve(n)))
                .toList();
        if (!strays.isEmpty()) {
            warnings.add(folder + ": not read: " + OneLine.list(strays));
        }
        List<String> code = names.stream().filter(n -> n.endsWith(".py")).toList();
        if (!code.isEmpty()) {
            warnings.add(folder + ": code is never run nor copied: " + OneLine.list(code));
        }
        return warnings;
    }
}
